// A page's sheet stays loaded after the page is left, so two pages must not style the same class:
// what one of them says would show on the other, depending on where the reader came from.

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

// From the disk: the test runner gives every imported sheet as nothing.
const FOLDER = "src/styles";
const sheets = readdirSync(FOLDER).filter((file) => file.endsWith(".css"));

/** Loaded before every page (main.ts): there to be built upon. */
const BASE = ["tokens", "element", "base", "shell", "controls", "marks"];
/** The root class of a page that several sheets furnish on purpose. */
const SHARED = ["settings"];

/** Classes that begin a selector alone: no ancestor and no second class says whose they are. */
function bare(css: string): string[] {
  const found = new Set<string>();
  for (const [, list] of css.replace(/\/\*[\s\S]*?\*\//g, "").matchAll(/([^{};]+)\{/g)) {
    if (list!.trim().startsWith("@")) continue;
    for (const selector of list!.split(/,(?![^(]*\))/)) {
      const name = /^[a-z]*\.([\w-]+)(?![\w-]*\.)/.exec(selector.trim())?.[1];
      if (name) found.add(name);
    }
  }
  return [...found];
}

test("reads the classes that begin a selector", () => {
  expect(bare("/* .no {} */ .a, .b:hover, .c > .d, p.e, .f.g { x: 1 } @container r (max-width: 1px) { .h i { } } li.i::after, .j:not(.k) { } [data-theme] .l { }")).toEqual(["a", "b", "c", "e", "h", "i", "j"]);
});

test("no two pages' sheets style the same class", () => {
  const owners = new Map<string, string[]>();
  for (const file of sheets) {
    const name = file.slice(0, -4);
    if (BASE.includes(name)) continue;
    for (const one of bare(readFileSync(`${FOLDER}/${file}`, "utf8"))) owners.set(one, [...(owners.get(one) ?? []), name]);
  }
  expect(owners.size).toBeGreaterThan(100);
  expect([...owners].filter(([name, of]) => of.length > 1 && !SHARED.includes(name))).toEqual([]);
});
