// A Mac has ⌘ where other keyboards have Ctrl, wherever keys are named.

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { chord, chordText } from "./keyboard";

afterEach(() => void vi.restoreAllMocks());

test("keys are named as they are written on the keyboard", () => {
  const platform = vi.spyOn(navigator, "platform", "get");
  platform.mockReturnValue("Linux x86_64");
  expect([chord("K"), chordText("↵")]).toEqual([["Ctrl", "K"], "Ctrl ↵"]);
  platform.mockReturnValue("MacIntel");
  expect([chord("K"), chordText("↵")]).toEqual([["⌘", "K"], "⌘↵"]);
});

test("nothing else names the key", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => /\.(vue|ts)$/.test(file) && !/\.test\.ts$|shell\/keyboard\.ts$/.test(file));
  expect(files.length).toBeGreaterThan(100);
  const code = (file: string) => readFileSync(`src/${file}`, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  expect(files.filter((file) => /\bCtrl\b/.test(code(file)))).toEqual([]);
});
