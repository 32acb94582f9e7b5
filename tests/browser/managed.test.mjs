// Many providers, models, routes and client tokens handled at once, and what was done taken back,
// before the two real processes.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => json(response, { data: [{ id: "gpt-4o" }] }));
  glassway = await Glassway.start(upstream);
  for (const name of ["relay-a", "relay-b"]) await glassway.api("/api/providers", { name, kind: "openai", base_url: `${upstream.url}/${name}`, notes: `about ${name}`, priority: 3, price_multiplier: 0.5 });
  for (const model of ["fast-*", "smart"]) await glassway.api("/api/routes", { model, strategy: "random", candidates: [{ provider_id: 1, upstream_model: "gpt-4o", priority: 2, weight: 3 }] });
  for (const name of ["alice", "bela"]) await glassway.api("/api/client-tokens", { name, rpm: 7 });
  for (const model_name of ["own/one", "own/two"]) await glassway.api("/api/models", { model_name, description: `what ${model_name} is for`, prices: { input: 1.5, output: 2.5 } });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", all: "Select all that are listed", undo: "Undo", remove: "Delete", enable: "Enable", disable: "Disable", noWayBack: /cannot be undone/, stayed: /One provider stayed/, inUse: /in use by 1 route/, builtIn: /priced by the built-in list/, imported: /as of 2026-02-03/, noList: /no model with input_cost_per_token/, backToList: "Back to the built-in list" },
  { locale: "zh-CN", tag: "zh", all: "选中列表中的全部", undo: "撤销", remove: "删除", enable: "启用", disable: "停用", noWayBack: /不能撤销/, stayed: /有 1 个供应商保持原样/, inUse: /正被 1 条路由（held）使用/, builtIn: /内置价目表/, imported: /截至 2026-02-03/, noList: /其中没有带 input_cost_per_token 的模型/, backToList: "恢复内置价目表" },
];
const all = async (path, of) => (await glassway.api(`${path}?limit=100`)).items.map(of).sort();
const without = (row, ...names) => Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

for (const words of LANGUAGES) {
  describe(`many at once in ${words.locale}`, () => {
    const go = async (page, path) => {
      await page.goto(`${glassway.monitor.url}/#${path}`);
      await page.locator(".rrow:not(.bones)").first().waitFor();
    };
    const pick = (page, name) => page.locator(".rrow", { has: page.getByRole("link", { name, exact: true }) }).getByRole("checkbox").first();
    const press = (page, name) => page.getByRole("toolbar").getByRole("button", { name, exact: true }).click();
    const confirm = (page) => page.getByRole("dialog").locator("button[type=submit]").click();
    const undo = (page) => page.getByRole("button", { name: words.undo, exact: true }).last().click();

    it("switches providers off and on, deletes those that nothing uses, and takes it back", async () => {
      const page = await signedIn(browser, glassway, words);
      await go(page, "/providers");
      await pick(page, "relay-a").check();
      await pick(page, "relay-b").check();
      await inspect(page, `providers-picked-${words.tag}`);
      const on = () => all("/api/providers", (p) => `${p.name} ${p.enabled}`);
      await press(page, words.disable);
      await eventually("both are off", async () => (await on()).join() === "openai true,relay-a false,relay-b false");
      await page.locator(".el-message .undoable").waitFor();
      await page.waitForTimeout(500);
      await inspect(page, `providers-undo-${words.tag}`);
      await undo(page);
      await eventually("both are on again", async () => (await on()).join() === "openai true,relay-a true,relay-b true");

      // One that is in use stays, and says why; the built-in one is never among them.
      await glassway.api("/api/routes", { model: "held", candidates: [{ provider_id: 2 }] });
      const [was] = (await glassway.api("/api/providers?limit=100")).items.filter((p) => p.name === "relay-b");
      await page.getByRole("checkbox", { name: words.all }).check();
      await press(page, words.remove);
      assert.equal(await page.getByRole("dialog").getByRole("listitem").count(), 2);
      await inspect(page, `providers-delete-${words.tag}`);
      await confirm(page);
      await page.locator(".notice.err", { hasText: words.stayed }).filter({ hasText: "relay-a" }).filter({ hasText: words.inUse }).waitFor();
      await inspect(page, `providers-stayed-${words.tag}`);
      assert.deepEqual(await all("/api/providers", (p) => p.name), ["openai", "relay-a"]);
      await undo(page);
      await eventually("it is there again", async () => (await on()).length === 3);
      const [is] = (await glassway.api("/api/providers?limit=100")).items.filter((p) => p.name === "relay-b");
      assert.deepEqual(without(is, "id", "created_at", "health"), without(was, "id", "created_at", "health"));
    });

    it("deletes routes and models, and writes them again as they were", async () => {
      const page = await signedIn(browser, glassway, { ...words, viewport: { width: 390, height: 844 }, colorScheme: "dark" });
      const routes = async () => (await glassway.api("/api/routes?limit=100")).items.map((r) => without(r, "id", "created_at"));
      const before = await routes();
      await go(page, "/routes");
      await pick(page, "fast-*").check();
      await pick(page, "smart").check();
      await inspect(page, `routes-picked-phone-${words.tag}`);
      await press(page, words.remove);
      await page.getByRole("dialog").getByText("fast-*").waitFor();
      await confirm(page);
      await eventually("both are gone", async () => (await routes()).length === 0);
      await page.locator(".undoable").waitFor();
      await page.keyboard.press("Control+z");
      await eventually("both are back", async () => (await routes()).length === 2);
      assert.deepEqual((await routes()).sort((a, b) => (a.model < b.model ? -1 : 1)), before.sort((a, b) => (a.model < b.model ? -1 : 1)));

      const models = async () => (await glassway.api("/api/models?limit=100")).items.filter((m) => m.model_name.startsWith("own/"));
      const known = await models();
      await go(page, "/models");
      await pick(page, "own/one").check();
      await pick(page, "own/two").check();
      await inspect(page, `models-picked-phone-${words.tag}`);
      await press(page, words.remove);
      await confirm(page);
      await eventually("both are gone", async () => (await models()).length === 0);
      await undo(page);
      await eventually("both are back", async () => (await models()).length === 2);
      assert.deepEqual(await models(), known);
    });

    it("switches client tokens off and back, and says that a deleted one is gone", async () => {
      const page = await signedIn(browser, glassway, { ...words, colorScheme: "dark" });
      await go(page, "/client-tokens");
      await page.getByRole("checkbox", { name: words.all }).check();
      await press(page, words.disable);
      const on = () => all("/api/client-tokens", (t) => `${t.name} ${t.enabled}`);
      await eventually("both are off", async () => (await on()).join() === "alice false,bela false");
      await undo(page);
      await eventually("both are on again", async () => (await on()).join() === "alice true,bela true");
      await pick(page, "alice").check();
      await press(page, words.remove);
      await page.getByRole("dialog").getByText(words.noWayBack).waitFor();
      await inspect(page, `tokens-delete-dark-${words.tag}`);
      await confirm(page);
      await eventually("it is gone", async () => (await on()).join() === "bela true");
      await page.locator(".el-message").last().waitFor();
    });

    it("imports a price list and goes back to the built-in one", async () => {
      const page = await signedIn(browser, glassway, words);
      await go(page, "/prices");
      const line = page.locator(".listline");
      await line.locator(".lead", { hasText: words.builtIn }).waitFor();
      const choose = (text) => line.locator("input[type=file]").setInputFiles({ name: "model_prices_and_context_window.json", mimeType: "application/json", buffer: Buffer.from(text) });
      // What is none is refused, in the page's language.
      await choose('{"no": "list"}');
      await confirm(page);
      await page.getByRole("dialog").getByText(words.noList).waitFor();
      await inspect(page, `price-list-refused-${words.tag}`);
      await page.keyboard.press("Escape");
      await choose(JSON.stringify({ "only/one": { input_cost_per_token: 3e-6, output_cost_per_token: 4e-6 } }));
      await page.getByRole("dialog").locator("input[type=date]").fill("2026-02-03");
      await confirm(page);
      await line.locator(".lead", { hasText: words.imported }).waitFor();
      await page.locator('[data-entry="only/one"]').waitFor();
      await inspect(page, `price-list-${words.tag}`);
      const { date, models, imported } = await glassway.api("/api/price-list");
      assert.deepEqual([date, models, imported], ["2026-02-03", 1, true]);
      await line.getByRole("button", { name: words.backToList }).click();
      await confirm(page);
      await line.locator(".lead", { hasText: words.builtIn }).waitFor();
      assert.equal((await glassway.api("/api/price-list")).imported, false);
    });

    it("takes a price, a pin and a note back", async () => {
      await glassway.api("/api/prices/gpt-4o-mini", { input: 0.33, output: 0.44, cache_read: 0.1 }, "PUT");
      const page = await signedIn(browser, glassway, words);
      const price = async () => (await glassway.api("/api/prices?q=gpt-4o-mini&limit=1")).items[0];
      const was = await price();
      await go(page, "/prices/gpt-4o-mini");
      await page.locator(".sheet .acts button").click();
      await confirm(page);
      await eventually("the list's price counts", async () => (await price()).source === "list");
      await undo(page);
      await eventually("the set price counts", async () => (await price()).source === "override");
      assert.deepEqual(await price(), was);

      await fetch(`${glassway.url}/v1/models`, { headers: { authorization: "Bearer sk-someone-0123456789" } }).then((r) => r.text());
      const list = async () => (await glassway.api("/api/requests")).items.filter((x) => x.origin === "client");
      await eventually("it is recorded", async () => (await list()).length === 1);
      const [{ id }] = await list();
      await glassway.api(`/api/request/${id}`, { pinned: true, note: "a thought" }, "PUT");
      const said = async () => {
        const { pinned, note } = await glassway.api(`/api/request/${id}`);
        return `${pinned} ${note}`;
      };
      await page.goto(`${glassway.monitor.url}/#/requests/${id}`);
      await page.locator(".notebox").waitFor();
      await page.keyboard.press("p");
      await eventually("unpinned", async () => (await said()) === "false a thought");
      await undo(page);
      await eventually("pinned again", async () => (await said()) === "true a thought");
      await page.locator(".notebox button").click();
      await page.locator(".notebox textarea").fill("");
      await page.locator(".notebox button[type=submit]").click();
      await eventually("without a note", async () => (await said()) === "true null");
      await undo(page);
      await eventually("the note is back", async () => (await said()) === "true a thought");
    });
  });
}
