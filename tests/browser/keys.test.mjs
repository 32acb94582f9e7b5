// The key pool as its keeper sees it, before the two real processes: keys and providers
// change while one looks, many are handled at once, prices are set, and nothing of it
// needs a reload.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, says;

const completion = { id: "c", object: "chat.completion", model: "gpt-4o", choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } };
const KEY = (n) => `sk-browser${n}abcdefghijklmnopqrstuvwxyz`;
const NAMES = ["ada", "bob", "cyd", "dan", "eve"];

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  says = () => [200, completion];
  upstream = await Upstream.start(async (request, response) => {
    const n = NAMES.findIndex((_, i) => request.headers.authorization?.includes(KEY(i)));
    const [status, body, headers] = request.path.endsWith("/models") ? await (says.models ?? (() => [200, { data: [{ id: "gpt-4o" }] }]))(n) : says(n);
    json(response, body, status, headers);
  });
  glassway = await Glassway.start(upstream);
  await glassway.api("/api/keys/bulk", { text: NAMES.map((name, n) => `${name}, ${KEY(n)}`).join("\n") });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const error = (code) => ({ error: { message: "no", type: "x", param: null, code } });
const ask = () =>
  fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "hi" }] }),
  });

const LANGUAGES = [
  { locale: "en-US", tag: "en", cooling: "cooling", exhausted: "exhausted", inactive: "inactive", active: "active", fine: "fine", validate: /^Recheck/, checking: /^Checking \d of 2/, came: "2 came back", all: "Select all that are listed", chosen: "2 keys selected", deactivate: "Deactivate", activate: "Activate", test: "Test", remove: "Delete", removeTwo: "Delete 2 keys", filter: "Filter prices", set: "Set a price", reset: "Back to the price list", own: "your price" },
  { locale: "zh-CN", tag: "zh", cooling: "冷却中", exhausted: "额度用尽", inactive: "已停用", active: "可用", fine: null, validate: /^复查|^检查|^重新检查/, checking: /\d.*2/, came: null, all: "选中列表中的全部", chosen: "已选 2 个密钥", deactivate: "停用", activate: "启用", test: "检测", remove: "删除", removeTwo: "删除 2 个密钥", filter: "筛选价格", set: "设定价格", reset: "恢复价目表价格", own: "自定" },
];
const LOOKS = [
  { look: "light", colorScheme: "light" },
  { look: "phone-dark", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

for (const words of LANGUAGES) {
  describe(`the key pool in ${words.locale}`, () => {
    const go = async (page, path) => {
      await page.goto(`${glassway.monitor.url}/#${path}`);
      await page.locator(".rrow:not(.bones)").first().waitFor();
    };
    const state = (page, name, word) => page.locator(".rrow", { hasText: `/${name}` }).locator(".st", { hasText: word }).first();
    const row = (page, name) => page.locator(".rrow", { hasText: `/${name}` });

    it("shows keys and providers change while one looks", async () => {
      const page = await signedIn(browser, glassway, words);
      await go(page, "/keys");
      says = (n) => (n === 0 ? [429, error("rate_limit_exceeded"), { "retry-after": "500" }] : n === 1 ? [429, error("insufficient_quota")] : [200, completion]);
      for (let n = 0; n < 3; n++) assert.equal((await ask()).status, 200);
      await state(page, "ada", words.cooling).waitFor();
      await state(page, "bob", words.exhausted).waitFor();
      await inspect(page, `keys-live-${words.tag}`);

      // Rechecking tells how far it is while it runs; one answer is held back.
      let release;
      const held = new Promise((resolve) => (release = resolve));
      says.models = async (n) => {
        if (n === 1) await held;
        return [200, { data: [{ id: "gpt-4o" }] }];
      };
      await page.locator(".headacts button").first().click();
      await page.locator(".headacts button", { hasText: /1\D+2/ }).waitFor();
      release();
      await page.locator(".notice.ok").waitFor();
      await state(page, "bob", words.active).waitFor();

      says = () => [529, error("overloaded_error"), { "retry-after": "70" }];
      await go(page, "/providers");
      const provider = page.locator('[data-entry="1"] .rrow');
      assert.equal((await ask()).status, 503);
      await provider.locator(".c-health", { hasText: words.cooling }).waitFor();
      await inspect(page, `providers-live-${words.tag}`);
      await page.goto(`${glassway.monitor.url}/#/providers/1`);
      await page.locator(".sheet code", { hasText: "/v1/chat/completions" }).waitFor();
      await inspect(page, `provider-${words.tag}`);
    });

    for (const { look, ...context } of LOOKS) {
      it(`handles many keys at once, ${look}`, async () => {
        const page = await signedIn(browser, glassway, { ...words, ...context });
        await go(page, "/keys");
        await row(page, "cyd").getByRole("checkbox").check();
        await row(page, "dan").getByRole("checkbox").check();
        const bar = page.getByRole("toolbar");
        await bar.getByText(words.chosen).waitFor();
        await inspect(page, `selection-${look}-${words.tag}`);
        await bar.getByRole("button", { name: words.deactivate, exact: true }).click();
        await state(page, "cyd", words.inactive).waitFor();
        await state(page, "dan", words.inactive).waitFor();
        const left = async (status) => (await glassway.api("/api/keys?limit=100")).items.filter((key) => !status || key.status === status).map((key) => key.name).sort();
        assert.deepEqual(await left("inactive"), ["cyd", "dan"]);

        // What was done is unticked; a range takes both ends.
        await row(page, "cyd").getByRole("checkbox").check();
        await row(page, "dan").getByRole("checkbox").click({ modifiers: ["Shift"] });
        await bar.getByText(words.chosen).waitFor();
        await bar.getByRole("button", { name: words.remove, exact: true }).click();
        const dialog = page.getByRole("dialog");
        await dialog.getByText("openai/cyd").waitFor();
        await dialog.getByText("openai/dan").waitFor();
        await inspect(page, `delete-many-${look}-${words.tag}`);
        await dialog.getByRole("button", { name: words.removeTwo }).click();
        await row(page, "cyd").waitFor({ state: "detached" });
        await eventually("two are gone", async () => (await left()).length === 3);
        assert.deepEqual(await left(), ["ada", "bob", "eve"]);
        if (look === "light") {
          await page.getByRole("checkbox", { name: words.all }).check();
          await bar.getByRole("button", { name: words.test, exact: true }).click();
          await page.locator(".notice.ok").waitFor();
        }
      });
    }

    it("searches prices, sets one and takes it back", async () => {
      const page = await signedIn(browser, glassway, words);
      await go(page, "/prices");
      await page.getByRole("textbox", { name: words.filter }).fill("gpt-4o-mini");
      const mini = page.locator('[data-entry="gpt-4o-mini"] .rrow');
      await mini.getByText("$0.15").waitFor();
      await inspect(page, `prices-${words.tag}`);
      await mini.getByRole("link").click();
      const sheet = page.locator(".sheet");
      await sheet.getByRole("textbox").first().fill("0.33");
      await inspect(page, `price-${words.tag}`);
      await sheet.getByRole("button", { name: words.set }).click();
      await mini.getByText("$0.33").waitFor();
      await mini.getByText(words.own).waitFor();
      const [set] = (await glassway.api("/api/prices?q=gpt-4o-mini&limit=1")).items;
      assert.deepEqual([set.model, set.input, set.source], ["gpt-4o-mini", 0.33, "override"]);
      await sheet.getByRole("button", { name: words.reset }).click();
      await page.getByRole("dialog").getByRole("button", { name: words.reset }).click();
      await mini.getByText("$0.15").waitFor();
    });
  });
}
