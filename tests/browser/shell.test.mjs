// What is around the pages, before the two real processes: the keyboard help, the language, the
// live dot, the mark of a stall, what keys carried, and every page on a narrow phone.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, event, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, answer;

const delta = (content) => ({ id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta: { content } }] });

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  answer = (request, response) => json(response, { object: "chat.completion", model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } });
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const ask = (model, more = {}) =>
  fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], ...more }),
  });

const LANGUAGES = [
  { locale: "en-US", tag: "en", help: "Keyboard", goKeys: "Go to keys", close: "Close", language: "EN / 中", other: { name: "简体中文", tag: "zh-CN", language: "中 / EN", title: "密钥" }, back: "English", title: "Keys", live: "Live", resuming: "Resuming", paused: "Paused", one: /1 new request/, stall: /stall \d/, stalled: "Stalled" },
  { locale: "zh-CN", tag: "zh", help: "键盘操作", goKeys: "前往密钥", close: "关闭", language: "中 / EN", other: { name: "English", tag: "en", language: "EN / 中", title: "Keys" }, back: "简体中文", title: "密钥", live: "实时", resuming: "恢复中", paused: "已暂停", one: /1 条新请求/, stall: /停顿 \d/, stalled: "停顿" },
];
const PATHS = ["dashboard", "requests", "requests?group", "playground", "keys", "keys?add=bulk", "keys/new", "providers", "providers/new", "models", "models/new", "prices", "prices/new", "routes", "routes/new", "client-tokens", "client-tokens/new", "traces", "statistics", "settings", "setup"];

for (const w of LANGUAGES) {
  describe(`around the pages, in ${w.locale}`, () => {
    const dot = (page, word) => page.locator(".top .live", { hasText: word });

    it("says what each key does, and gives the focus back", async () => {
      const page = await signedIn(browser, glassway, w);
      await page.keyboard.press("?");
      const help = page.getByRole("dialog", { name: w.help });
      await help.getByText(w.goKeys, { exact: true }).waitFor();
      await inspect(page, `keyboard-${w.tag}`);
      await page.keyboard.press("Escape");
      await help.waitFor({ state: "detached" });
      await page.keyboard.press("g");
      await page.keyboard.press("k");
      await page.waitForURL(/#\/keys/);
      await page.keyboard.press("?");
      await help.getByRole("button", { name: w.close }).click();
      await help.waitFor({ state: "detached" });
      assert.deepEqual(page.problems, []);
    });

    it("speaks another language without leaving the page or what was typed", async () => {
      await glassway.api("/api/keys/bulk", { text: "ada, sk-browser-ada-abcdefghijklmnop\nbob, sk-browser-bob-abcdefghijklmnop" });
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/keys/1?q=ada`);
      const weight = page.locator(".sheet .rform input[inputmode=numeric]").first();
      await weight.fill("9");
      const address = page.url();
      await page.locator(".top").getByRole("button", { name: w.language }).click();
      await page.getByRole("menuitem", { name: w.other.name }).click();
      await page.getByRole("heading", { name: w.other.title, exact: true }).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), w.other.tag);
      assert.equal(page.url(), address);
      assert.equal(await weight.inputValue(), "9");
      assert.equal(await page.locator(".rrow:not(.bones)").count(), 1, "still filtered");
      await inspect(page, `switched-${w.tag}`);
      await page.locator(".sheet .form-foot button.quiet").click();
      // It is remembered, and changed back.
      await page.reload();
      await page.getByRole("heading", { name: w.other.title, exact: true }).waitFor();
      await page.locator(".top").getByRole("button", { name: w.other.language }).click();
      await page.getByRole("menuitem", { name: w.back }).click();
      await page.getByRole("heading", { name: w.title, exact: true }).waitFor();
      assert.deepEqual(page.problems, []);
    });

    it("says whether what is seen is live", async () => {
      await (await ask("gpt-4o-first")).text();
      const page = await signedIn(browser, glassway, w);
      await dot(page, w.live).waitFor();
      await page.getByRole("link", { name: /gpt-4o-first/ }).waitFor();
      await page.keyboard.press("f");
      await dot(page, w.paused).waitFor();
      await (await ask("gpt-4o-held")).text();
      await page.getByRole("button", { name: w.one }).waitFor();
      assert.equal(await page.getByRole("link", { name: /gpt-4o-held/ }).count(), 0);
      await inspect(page, `paused-${w.tag}`);
      await page.keyboard.press("f");
      await dot(page, w.live).waitFor();
      await page.getByRole("link", { name: /gpt-4o-held/ }).waitFor();

      await glassway.monitor.stop();
      await dot(page, w.resuming).waitFor();
      // What is there stays, and what happens meanwhile is not missed.
      await page.getByRole("link", { name: /gpt-4o-held/ }).waitFor();
      await (await ask("gpt-4o-meanwhile")).text();
      await inspect(page, `resuming-${w.tag}`);
      await glassway.startMonitor();
      await dot(page, w.live).waitFor();
      await page.getByRole("link", { name: /gpt-4o-meanwhile/ }).waitFor();
      assert.deepEqual(page.problems, []);
    });

    it("marks an answer that falls silent, and shows what a key carried", async () => {
      await glassway.api("/api/keys/bulk", { text: "ada, sk-browser-ada-abcdefghijklmnop" });
      for (let n = 0; n < 3; n++) await (await ask("gpt-4o")).text();
      let open;
      answer = (_, response) => {
        stream(response);
        event(response, delta("once upon a time"));
        open = response;
      };
      const asked = ask("gpt-4o-silent", { stream: true }).then((response) => response.text());
      const page = await signedIn(browser, glassway, w);
      const row = page.getByRole("link", { name: /gpt-4o-silent/ });
      await row.getByText(w.stall).waitFor();
      await row.locator(".bar.warn").waitFor();
      await row.locator(".c-st").getByText(w.stalled).waitFor();
      await inspect(page, `stalled-${w.tag}`);
      event(open, delta(", there was a fox"));
      await row.locator(".bar.run").waitFor();
      event(open, "[DONE]");
      open.end();
      await asked;

      await eventually("the hour is counted", async () => (await glassway.api("/api/stats/hour?by=key")).calls === 4);
      await page.goto(`${glassway.monitor.url}/#/keys`);
      const flow = page.locator(".rrow", { hasText: "/ada" }).locator(".c-flow");
      await flow.getByText("100%").waitFor();
      const heights = [...(await flow.locator(".spark .edge").getAttribute("d")).matchAll(/[\d.]+[ ,]([\d.]+)/g)].map(([, y]) => Number(y));
      assert.ok(new Set(heights).size > 1, `a curve, not a line: ${heights}`);
      assert.match(await flow.getAttribute("title"), /4/);
      await inspect(page, `sparkline-${w.tag}`);
    });

    it("fits a narrow phone on every page", async () => {
      const long = "of-the-quarterly-report-of-the-research-department";
      await glassway.api("/api/keys/bulk", { text: `key-${long}, sk-browser-ada-abcdefghijklmnop` });
      const provider = await glassway.api("/api/providers", { name: `relay-${long}`.slice(0, 60), kind: "openai", base_url: `${upstream.url}/a/very/long/path/${long}` });
      const route = await glassway.api("/api/routes", { model: `swift-${long}-*`, candidates: [{ provider_id: 1, upstream_model: `gpt-4o-${long}` }, { provider_id: provider.id, upstream_model: `qwen-${long}` }] });
      const token = await glassway.api("/api/client-tokens", { name: `app ${long}`, rpm: 7, tpm: 70000, budget_usd: 12.5, allowed_models: [`gpt-4o-${long}`, "claude-*"] });
      await glassway.api("/api/models", { model_name: `own/${long}`, description: `what ${long} is for`, prices: { input: 1.5, output: 2.5 } });
      await (await ask(`gpt-4o-${long}`)).text();
      await eventually("the conversation is counted", async () => (await glassway.api("/api/conversations")).items.length === 1);
      const [{ id }] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, { ...w, viewport: { width: 360, height: 740 } });
      const wide = [];
      for (const path of [...PATHS, `requests/${id}`, `replay/${id}`, `compare/${id}/${id}`, "keys/1", `providers/${provider.id}`, `routes/${route.id}`, `client-tokens/${token.id}`, `models/own%2F${long}`, "prices/gpt-4o-mini"]) {
        await page.goto(`${glassway.monitor.url}/#/${path}`);
        await page.locator(".page:not(:has(.bones)):not(:has(.late))").first().waitFor();
        await page.waitForTimeout(150);
        // The document, and what scrolls up and down within it: nobody should scroll these sideways.
        const found = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("main, .page, .rmain, .sheet-body, .rows, .pg-main")].filter((e) => e.scrollWidth > Math.min(innerWidth, e.clientWidth) + 1).map((e) => `${e.className || e.localName} ${e.scrollWidth}`));
        if (found.length) {
          wide.push(`${path}: ${found}`);
          await inspect(page, `narrow-${path.replace(/\W+/g, "-")}-${w.tag}`).catch(() => {});
        }
      }
      assert.deepEqual(wide, []);
      assert.deepEqual(page.problems, []);
    });
  });
}
