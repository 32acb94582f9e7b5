// The list of requests as an instrument: commands, saved filters, columns, conversations, export.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => {
    if (request.body?.model === "broken") return json(response, { error: { message: "no" } }, 500);
    const message = { role: "assistant", content: `answer ${request.body?.messages?.length}` };
    json(response, { object: "chat.completion", model: request.body?.model, choices: [{ index: 0, message, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } });
  });
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

async function ask(model, messages) {
  const response = await fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-browser-0123456789" },
    body: JSON.stringify({ model, messages }),
  });
  return (await response.json()).choices?.[0].message;
}

/** Three turns of an agent. */
async function talk(model, first) {
  const messages = [{ role: "user", content: first }];
  for (const next of ["go on", "and then?", null]) {
    messages.push(await ask(model, messages));
    if (next) messages.push({ role: "user", content: next });
  }
}

const LANGUAGES = [
  { locale: "en-US", newKey: "New key", newRoute: "New route", newToken: "New client token", newProvider: "New provider", name: "English", lang: "en", view: "View", client: "Client", group: "Group by conversation", turns: /^3 turns/, save: "Save this filter…", nameField: "Name", keep: "Save", csv: /CSV/, har: /^HAR/, jsonl: /JSON lines/, chart: "Chart of times", theme: "Theme", dark: "Dark", commands: "Commands", keys: "Keys" },
  { locale: "zh-CN", newKey: "新建密钥", newRoute: "新建路由", newToken: "新建客户端令牌", newProvider: "新建供应商", name: "Chinese", lang: "zh-CN", view: "视图", client: "客户端", group: "按对话分组", turns: /^3 轮/, save: "保存此筛选…", nameField: "名称", keep: "保存", csv: /CSV/, har: /^HAR/, jsonl: /JSON Lines/, chart: "时间图表", theme: "主题", dark: "深色", commands: "命令", keys: "密钥" },
];

for (const t of LANGUAGES) {
  describe(`the list in ${t.name}`, () => {
    it("goes anywhere from the keyboard", async () => {
      const page = await signedIn(browser, glassway, t);
      await page.keyboard.press("Control+k");
      const input = page.getByRole("combobox", { name: t.commands });
      await inspect(page, `palette-${t.lang}`);
      await input.fill(t.keys);
      await page.keyboard.press("Enter");
      await page.waitForURL(/#\/keys/);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill("hedgehog");
      await page.keyboard.press("Enter");
      await page.waitForURL(/#\/requests\?q=hedgehog/);
      // Routes and client tokens by their names, and what is made anew.
      await glassway.api("/api/routes", { model: "swift-fox", candidates: [{ provider_id: 1 }] });
      await glassway.api("/api/client-tokens", { name: "hedgehogs-app" });
      for (const [typed, arrives] of [["swift-fox", /#\/routes\/\d+/], ["hedgehogs-app", /#\/client-tokens\/\d+/], [t.newRoute, /#\/routes\/new/], [t.newToken, /#\/client-tokens\/new/], [t.newProvider, /#\/providers\/new/], [t.newKey, /#\/keys\/new/]]) {
        await page.reload();
        await page.getByRole("navigation").first().waitFor();
        await page.keyboard.press("Control+k");
        await page.getByRole("combobox", { name: t.commands }).fill(typed);
        await page.getByRole("option", { name: typed, exact: true }).first().click();
        await page.waitForURL(arrives);
      }
      await page.keyboard.press("Control+k");
      await page.keyboard.press("Escape");
      assert.equal(await page.getByRole("combobox", { name: t.commands }).count(), 0);
    });

    it("opens a menu by keyboard and by pointer, and gives the focus back", async () => {
      const page = await signedIn(browser, glassway, t);
      const button = page.getByRole("button", { name: t.theme, exact: true });
      const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute("aria-label"));
      await button.focus();
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "menuitem");
      await page.keyboard.press("ArrowDown");
      assert.equal(await focused(), t.dark);
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
      await page.waitForFunction(() => document.activeElement?.getAttribute("role") !== "menuitem");
      assert.equal(await focused(), t.theme);
      await button.click();
      await page.getByRole("menuitem", { name: t.dark }).locator(".tick").waitFor();
      await page.getByRole("menuitem", { name: t.dark }).click();
      await page.getByRole("menuitem", { name: t.dark }).waitFor({ state: "hidden" });
      assert.deepEqual(page.problems, []);
    });

    it("shows the turns of a conversation as one row that opens", async () => {
      await talk("gpt-4o", "fox");
      await talk("gpt-4o-mini", "hare");
      await ask("broken", [{ role: "user", content: "alone" }]);
      const page = await signedIn(browser, glassway, t);
      await page.getByRole("button", { name: t.view }).click();
      await page.getByRole("menuitem", { name: t.group }).click();
      await page.waitForURL(/group/);
      const rows = page.locator(".talk-row");
      await eventually("three conversations, two of three turns", async () => {
        await page.reload();
        await rows.first().waitFor();
        return (await rows.count()) === 3 && (await rows.filter({ hasText: t.turns.source.slice(1) }).count()) === 2;
      });
      await rows.filter({ hasText: "gpt-4o-mini" }).click();
      await page.locator(".talks a.row").nth(2).waitFor();
      assert.equal(await page.locator(".talks a.row").count(), 3);
      await inspect(page, `conversations-${t.lang}`);
      await page.locator(".talks a.row").first().click();
      await page.waitForURL(/#\/requests\/[0-9a-f-]{36}\?.*group/);
    });

    it("keeps filters under a name, and columns as chosen", async () => {
      await ask("gpt-4o", [{ role: "user", content: "x" }]);
      const page = await signedIn(browser, glassway, { ...t, viewport: { width: 1500, height: 800 } });
      await page.goto(`${glassway.monitor.url}/#/requests?q=model:gpt-4o`);
      const view = page.getByRole("button", { name: t.view });
      await view.click();
      await page.getByRole("menuitem", { name: t.save }).click();
      await page.getByLabel(t.nameField).fill("mine");
      await page.getByRole("button", { name: t.keep, exact: true }).click();
      await page.goto(`${glassway.monitor.url}/#/requests`);
      await page.getByRole("link", { name: "mine" }).click();
      await page.waitForURL(/q=model:gpt-4o/);
      const cell = page.locator("a.row .c-client").first();
      await cell.waitFor();
      await view.click();
      await page.getByRole("menuitem", { name: t.client }).click();
      await cell.waitFor({ state: "hidden" });
      await page.reload();
      await page.locator("a.row").first().waitFor();
      assert.equal(await cell.isVisible(), false);
      await inspect(page, `columns-${t.lang}`);
    });

    it("narrows to a time dragged over a chart", async () => {
      await ask("gpt-4o", [{ role: "user", content: "x" }]);
      await ask("broken", [{ role: "user", content: "x" }]);
      const page = await signedIn(browser, glassway, t);
      await page.locator("a.row").first().waitFor();
      await page.getByRole("button", { name: t.view }).click();
      await page.getByRole("menuitem", { name: t.chart }).click();
      const plot = page.locator(".brush-plot");
      await plot.locator("rect.bad").first().waitFor();
      const box = await plot.boundingBox();
      const y = box.y + box.height / 2;
      // Yesterday's first hours: nothing had happened.
      await page.mouse.move(box.x + 4, y);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 4, y, { steps: 4 });
      await page.mouse.up();
      await page.waitForURL(/since.*until|until.*since/);
      await page.locator("a.row").first().waitFor({ state: "hidden" });
      await page.locator(".brush .linkish", { hasText: "1h" }).click();
      await page.waitForURL(/since:1h/);
      await page.locator("a.row").nth(1).waitFor();
      await plot.locator("rect.bad").first().waitFor();
      await inspect(page, `brush-${t.lang}`);
    });

    it("narrows to a time by keyboard, and filters by a value of the row that has the focus", async () => {
      await ask("gpt-4o", [{ role: "user", content: "x" }]);
      await ask("gpt-4o-mini", [{ role: "user", content: "x" }]);
      const page = await signedIn(browser, glassway, { ...t, viewport: { width: 1500, height: 800 } });
      await page.locator("a.row").nth(1).waitFor();
      // From the row, Tab reaches what it can be filtered by.
      await page.locator("a.row", { hasText: "gpt-4o-mini" }).focus();
      await page.keyboard.press("Tab");
      assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /model:gpt-4o-mini/);
      await inspect(page, `filter-by-key-${t.lang}`);
      await page.keyboard.press("Enter");
      await page.waitForURL(/model:gpt-4o-mini/);
      await page.goto(`${glassway.monitor.url}/#/requests`);
      await page.getByRole("button", { name: t.view }).click();
      await page.getByRole("menuitem", { name: t.chart }).click();
      await page.locator(".brush-plot rect").first().waitFor();
      const end = page.getByRole("slider").nth(1);
      await end.focus();
      const last = Number(await end.getAttribute("aria-valuemax"));
      await page.keyboard.press("Home");
      for (let n = 0; n < 3; n++) await page.keyboard.press("ArrowRight");
      assert.equal(await end.getAttribute("aria-valuenow"), "3");
      assert.ok(last > 3);
      assert.notEqual(await end.getAttribute("aria-valuetext"), "");
      await page.locator(".brush-plot .chosen").waitFor();
      await inspect(page, `brush-keys-${t.lang}`);
      await page.keyboard.press("Enter");
      await page.waitForURL(/since.*until|until.*since/);
      await page.locator("a.row").first().waitFor({ state: "hidden" });
      // The handle is still held, once the narrower chart has come, too.
      await page.locator(".brush-plot:not(.old)").waitFor();
      assert.equal(await end.evaluate((e) => e === document.activeElement), true);
    });

    it("takes what matches along as a table", async () => {
      await ask("gpt-4o", [{ role: "user", content: "x" }]);
      await ask("other", [{ role: "user", content: "x" }]);
      const page = await signedIn(browser, glassway, t);
      await page.goto(`${glassway.monitor.url}/#/requests?q=model:other`);
      await page.locator("a.row").first().waitFor();
      await page.getByRole("button", { name: t.view }).click();
      const waiting = page.waitForEvent("download");
      await page.getByRole("menuitem", { name: t.csv }).click();
      const text = await readFile(await (await waiting).path(), "utf8");
      const lines = text.trim().split("\r\n");
      assert.equal(lines.length, 2);
      assert.match(lines[1], /,other,/);
    });

    it("takes what matches along as HAR and as JSON lines, with its bodies", async () => {
      for (const [model, question] of [["gpt-4o", "a fox"], ["other", "a hare"], ["other", "一只刺猬"]]) await ask(model, [{ role: "user", content: question }]);
      await glassway.recorded(3);
      const page = await signedIn(browser, glassway, t);
      await page.goto(`${glassway.monitor.url}/#/requests?q=model:other`);
      await page.locator("a.row").nth(1).waitFor();
      const take = async (name) => {
        await page.getByRole("button", { name: t.view }).click();
        const waiting = page.waitForEvent("download");
        await page.getByRole("menuitem", { name }).click();
        const file = await waiting;
        return [file.suggestedFilename(), await readFile(await file.path(), "utf8")];
      };
      const [har, archive] = await take(t.har);
      assert.match(har, /\.har$/);
      const { entries } = JSON.parse(archive).log;
      const questions = (bodies) => bodies.map((body) => JSON.parse(body).messages[0].content).sort();
      assert.deepEqual(questions(entries.map(({ request }) => request.postData.text)), ["a hare", "一只刺猬"]);
      assert.ok(entries.every(({ response }) => response.status === 200 && response.content.text.includes("answer 1")));
      assert.ok(!archive.includes("sk-browser-0123456789"), "without credentials");
      const [jsonl, lines] = await take(t.jsonl);
      assert.match(jsonl, /\.jsonl$/);
      const exchanges = lines.trim().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(exchanges.map(({ model, status }) => `${model} ${status}`), ["other 200", "other 200"]);
      assert.ok(lines.includes("一只刺猬") && lines.includes("a hare") && !lines.includes("a fox"));
      assert.ok(!lines.includes("sk-browser-0123456789"), "without credentials");
    });
  });
}
