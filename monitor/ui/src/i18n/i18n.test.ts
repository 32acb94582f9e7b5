import { expect, test } from "vitest";
import { preferred } from ".";
import { en } from "./en";
import { hints } from "./hints";
import { zh } from "./zh";

/** The words that load with a page, under the page's name. */
const ofPages = Object.entries(import.meta.glob<{ en: object; zh: object }>("./pages/*.ts", { eager: true })).map(
  ([file, words]) => [file.replace(/^.*\/|\.ts$/g, ""), words] as const,
);
const whole = (language: "en" | "zh", first: object) => ({ ...first, ...Object.fromEntries(ofPages.map(([name, words]) => [name, words[language]])) });

type Leaf = [path: string, value: string];
function leaves(words: object, path = ""): Leaf[] {
  return Object.entries(words).flatMap(([key, value]: [string, unknown]): Leaf[] => {
    const at = path ? `${path}.${key}` : key;
    if (typeof value === "string") return [[at, value]];
    if (typeof value === "function") return [[at, String((value as (...a: unknown[]) => string)("7", "8"))]];
    return leaves(value as object, at);
  });
}

/** The same in both languages: names, units, and what is said in the API's own words. */
const SAME = /^(app|languageName|requests\.perSecond|requests\.facets|frames\.number|waterfall\.reasons|changes\.(apis|short)|body\.hits|requests\.filterWords\.(method|status|origin))/;

test("every word is there in both languages", () => {
  expect(leaves(whole("zh", zh)).map(([p]) => p).sort()).toEqual(leaves(whole("en", en)).map(([p]) => p).sort());
});

test("every Chinese word is Chinese, and no English one is", () => {
  const english = new Map(leaves(whole("en", en)));
  for (const [path, value] of leaves(whole("zh", zh))) {
    expect(value.trim(), path).not.toBe("");
    if (SAME.test(path)) continue;
    if (!/[\u4e00-\u9fff]/.test(value)) expect(value, `${path} is not translated`).toMatch(/^(token|base64|p\d\d)/);
    expect(value, path).not.toBe(english.get(path));
  }
  for (const [path, value] of leaves(whole("en", en))) if (path !== "shell.searchHint") expect(value, path).not.toMatch(/[\u4e00-\u9fff]/);
});

test("the words the design fixed", () => {
  expect([zh.nav.requests, zh.states.client_closed, zh.states.interrupted, zh.request.facts.firstToken, zh.request.facts.cached]).toEqual(["请求", "客户端断开", "已中断", "首字延迟", "缓存命中"]);
});

test("the first language is the browser's, then the chosen one", () => {
  expect([preferred(null, "zh-TW"), preferred(null, "de"), preferred("en", "zh-CN"), preferred("xx", "en")]).toEqual(["zh-CN", "en", "en", "en"]);
});

test("every warning is explained in both languages", () => {
  expect(Object.keys(hints["zh-CN"]).sort()).toEqual(Object.keys(hints.en).sort());
  for (const [name, text] of Object.entries(hints["zh-CN"])) expect(text, name).toMatch(/[\u4e00-\u9fff]/);
  for (const [name, text] of Object.entries(hints.en)) expect(text, name).not.toMatch(/[\u4e00-\u9fff]/);
});
