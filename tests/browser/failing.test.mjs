// What cannot be loaded, and what is empty, before the two real processes: each page says what
// happened, tries again when it is asked to, and an empty one says what to do next.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

const LANGUAGES = [
  {
    locale: "en-US", tag: "en", list: "This could not be loaded", requests: "The list could not be loaded", talks: "The conversations could not be loaded", retry: "Try again", unreachable: "The monitor cannot be reached.", stale: /could not be refreshed/,
    keys: ["No key yet", "Add many"], routes: ["No route yet, and none is needed", "Add a route"], models: ["No model is known yet", "Go to keys"], tokens: ["No client token yet", "New token"], traces: ["No trace yet", "New trace"], requestsEmpty: ["Waiting for the first request", "Setup guide"], noMatch: ["Nothing matches this filter", "Clear the filter"], noTalk: ["No conversation matches", "Show the list"],
  },
  {
    locale: "zh-CN", tag: "zh", list: "无法加载", requests: "无法加载列表", talks: "对话加载失败", retry: "重试", unreachable: "无法连接监控进程。", stale: /列表未能刷新/,
    keys: ["还没有密钥", "批量添加"], routes: ["还没有路由，也并非必需", "添加路由"], models: ["还没有已知的模型", "前往密钥页"], tokens: ["还没有客户端令牌", "新建令牌"], traces: ["还没有溯源", "新建溯源"], requestsEmpty: ["等待第一个请求", "接入指南"], noMatch: ["没有符合筛选条件的内容", "清除筛选"], noTalk: ["没有符合条件的对话", "显示列表"],
  },
];
/** A page, what it asks for, what it says when that fails, and what there is once it is loaded. */
const PAGES = [
  ["/keys", "keys", "list", ".rrow a.stretch"],
  ["/providers", "providers", "list", ".rrow a.stretch"],
  ["/models", "models", "list", ".rrow a.stretch"],
  ["/prices", "prices", "list", ".rrow a.stretch"],
  ["/routes", "routes", "list", ".rrow a.stretch"],
  ["/client-tokens", "client-tokens", "list", ".rrow a.stretch"],
  ["/traces", "traces", "list", ".void:not([role=alert]) h2"],
  ["/requests", "requests", "requests", "a.row"],
  ["/requests?group", "conversations", "talks", ".talk-row"],
];
const problem = (status, detail) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "x", status, detail }) });

for (const w of LANGUAGES) {
  describe(`what fails and what is empty, in ${w.locale}`, () => {
    let browser, upstream, glassway;

    before(async () => {
      browser = await launch();
      upstream = await Upstream.start((request, response) => json(response, { object: "chat.completion", model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }] }));
      glassway = await Glassway.start(upstream);
    });
    after(async () => {
      await browser.close();
      await glassway.stop();
      upstream.stop();
    });
    // From elsewhere: another hash of a page that has not arrived yet would be taken back by a reload.
    const open = async (page, path) => {
      await page.goto("about:blank");
      await page.goto(`${glassway.monitor.url}/#${path}`);
    };

    it("says of each empty page what to do next", async () => {
      const page = await signedIn(browser, glassway, w);
      for (const [path, words, arrives] of [
        ["/keys", w.keys, /keys\?add=bulk/],
        ["/routes", w.routes, /routes\/new/],
        ["/models", w.models, /\/keys$/],
        ["/client-tokens", w.tokens, /client-tokens\/new/],
        ["/requests", w.requestsEmpty, /\/setup/],
        ["/requests?group", w.noTalk, /\/requests$/],
        ["/providers?q=nothing", w.noMatch, /\/providers$/],
      ]) {
        await page.goto(`${glassway.monitor.url}/#${path}`);
        const empty = page.locator(".void, .empty");
        await empty.getByRole("heading", { name: words[0] }).waitFor();
        await inspect(page, `empty-${path.replace(/\W+/g, "-").slice(1)}-${w.tag}`);
        await empty.getByRole("button", { name: words[1], exact: true }).or(empty.getByRole("link", { name: words[1], exact: true })).click();
        await page.waitForURL(arrives);
      }
      // Of traces, what to do next is on the same page, above.
      await page.goto(`${glassway.monitor.url}/#/traces`);
      await page.locator(".void").getByRole("heading", { name: w.traces[0] }).waitFor();
      await page.getByRole("heading", { name: w.traces[1] }).waitFor();
      await inspect(page, `empty-traces-${w.tag}`);
    });

    it("says of each page that it could not be loaded, and loads it when asked", async () => {
      await glassway.api("/api/keys/bulk", { text: "main, sk-browserabcdefghijklmnopqrstuvwxyz" });
      await glassway.api("/api/routes", { model: "swift", candidates: [{ provider_id: 1 }] });
      await glassway.api("/api/client-tokens", { name: "an app" });
      await glassway.api("/api/models", { model_name: "own/model" });
      await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}' }).then((response) => response.text());
      await eventually("the conversation is counted", async () => (await glassway.api("/api/conversations")).items.length === 1);
      const page = await signedIn(browser, glassway, w);
      for (const [path, asked, says, there] of PAGES) {
        let broken = true;
        let refused = 0;
        const pattern = new RegExp(`/api/${asked}(\\?|$)`);
        await page.route(pattern, async (route) => {
          if (!broken) return route.continue();
          await route.fulfill(problem(500, `no ${asked} <b>now</b>`));
          refused++;
        });
        await open(page, path);
        const alert = page.getByRole("alert").filter({ has: page.getByRole("heading", { name: w[says] }) });
        await alert.getByText(`no ${asked} <b>now</b>`).waitFor();
        assert.equal(await page.locator(there).count(), 0, path);
        // The managed lists say it by the same means.
        if (["keys", "requests", "conversations"].includes(asked)) await inspect(page, `failed-${asked}-${w.tag}`);
        // Still failing, it says so still.
        const before = refused;
        await alert.getByRole("button", { name: w.retry }).click();
        await eventually("it was asked for again", () => refused > before);
        await alert.getByText(`no ${asked} <b>now</b>`).waitFor();
        broken = false;
        // Once the feed is there some ask by themselves, and the button may be gone already.
        await alert.getByRole("button", { name: w.retry }).click({ timeout: 2_000 }).catch(() => {});
        await page.locator(there).first().waitFor();
        await alert.waitFor({ state: "detached" });
        await page.unroute(pattern);
      }
    });

    it("keeps what is shown when it cannot be refreshed, and says when nothing answers", async () => {
      const page = await signedIn(browser, glassway, w);
      await open(page, "/routes");
      await page.locator(".rrow a.stretch").waitFor();
      let broken = true;
      await page.route(/\/api\/(routes|keys)(\?|$)/, (route) => (broken ? route.abort() : route.continue()));
      await page.goto(`${glassway.monitor.url}/#/providers`);
      await page.locator(".rt.providers .rrow a.stretch").waitFor();
      await page.goto(`${glassway.monitor.url}/#/routes`);
      const notice = page.locator(".notice.warn", { hasText: w.stale });
      await notice.waitFor();
      assert.equal(await page.locator(".rrow a.stretch").count(), 1);
      await inspect(page, `stale-routes-${w.tag}`);
      await open(page, "/keys");
      await page.getByRole("alert").getByText(w.unreachable).waitFor();
      broken = false;
      await page.getByRole("alert").getByRole("button", { name: w.retry }).click();
      await page.locator(".rrow a.stretch").waitFor();
      await page.goto(`${glassway.monitor.url}/#/routes`);
      await page.locator(".rt.routes .rrow a.stretch").waitFor();
      assert.equal(await notice.count(), 0);
      assert.deepEqual(page.problems, []);
    });
  });
}
