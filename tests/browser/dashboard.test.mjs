// The dashboard before the two real processes: its numbers are what was sent, they move
// without a reload, and each leads to the requests it counts.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, answer;

const USAGE = { prompt_tokens: 1000, completion_tokens: 250, prompt_tokens_details: { cached_tokens: 400 } };
const completion = (model) => ({ id: "c", object: "chat.completion", model, choices: [], usage: USAGE });

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  answer = ({ body }, response) => json(response, completion(body.model));
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
    headers: { "content-type": "application/json", authorization: "Bearer sk-their-own-key-of-the-client" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }], ...more }),
    signal: more.signal,
  });

/** Seven that end well, three refused for their rate and two that break: twelve in all. */
async function traffic() {
  for (let n = 0; n < 4; n++) await ask("gpt-4o").then((r) => r.text());
  for (let n = 0; n < 3; n++) await ask("gpt-4o-mini").then((r) => r.text());
  answer = (_, response) => json(response, { error: { message: "Rate limit reached for gpt-4o", type: "requests", code: "rate_limit_exceeded" } }, 429);
  for (let n = 0; n < 3; n++) await ask("gpt-4o").then((r) => r.text());
  answer = (_, response) => json(response, { error: { message: "The server had an error", type: "server_error" } }, 500);
  for (let n = 0; n < 2; n++) await ask("gpt-4.1").then((r) => r.text());
  answer = ({ body }, response) => json(response, completion(body.model));
  await eventually("twelve are counted", async () => (await glassway.api("/api/stats/series?by=outcome")).total.calls === 12);
}

const LANGUAGES = [
  { locale: "en-US", tag: "en", status: "Requests by status", ends: { upstream: "5xx, lost", client: "4xx", ok: "completed" }, models: "Models", errors: "Errors by kind", requests: "12 in range", failed: "5 failed in range", more: "13 in range", noneYet: "No request has ended yet", broken: "The numbers could not be loaded", again: "Try again", table: "Requests by status: as a table", keys: "provider" },
  { locale: "zh-CN", tag: "zh", status: "请求状态", ends: { upstream: "5xx 或中断", client: "4xx 错误", ok: "已完成" }, models: "模型", errors: "错误类型", requests: "共 12 个", failed: "失败 5 个", more: "共 13 个", noneYet: "还没有结束的请求", broken: "无法加载统计数据", again: "重试", table: "请求状态：以表格显示", keys: "供应商" },
];
const PHONE = { viewport: { width: 390, height: 844 }, colorScheme: "dark" };

for (const words of LANGUAGES) {
  describe(`the dashboard in ${words.locale}`, () => {
    const open = async (look = {}, path = "/dashboard") => {
      const page = await signedIn(browser, glassway, { locale: words.locale, ...look });
      await page.goto(`${glassway.monitor.url}/#${path}`);
      await page.locator(".six").waitFor();
      return page;
    };
    const chart = (page, title) => page.getByRole("region", { name: title, exact: true });
    const legend = (page, label) => chart(page, words.status).locator(".legend li", { hasText: label });
    /** What the list says there are of what a link promised. */
    const listed = async (page) => {
      const q = new URLSearchParams(new URL(page.url()).hash.split("?")[1]).get("q");
      const query = new URLSearchParams([...q.matchAll(/(\w+):(\S+)/g)].map(([, name, value]) => [name, value]));
      return (await glassway.api(`/api/requests?${query}`)).total;
    };

    it("says what was sent, and each number leads to what it counts", async () => {
      await traffic();
      const page = await open();
      await page.locator('[data-cell="requests"]', { hasText: words.requests }).waitFor();
      await page.locator('[data-cell="errors"]', { hasText: words.failed }).waitFor();
      for (const [end, n] of [["ok", 7], ["client", 3], ["upstream", 2]]) assert.equal(await legend(page, words.ends[end]).locator("b").textContent(), String(n));
      await chart(page, words.status).locator("canvas").waitFor();
      await inspect(page, `dashboard-${words.tag}`);

      for (const [link, n] of [
        [page.locator('[data-cell="requests"] .sub'), 12],
        [page.locator('[data-cell="errors"] .sub'), 5],
        [legend(page, words.ends.client).getByRole("link"), 3],
        [chart(page, words.models).locator("a.line", { hasText: /^gpt-4o-mini/ }), 3],
        [chart(page, words.errors).locator(".kind", { hasText: "500" }), 2],
      ]) {
        await link.click();
        await page.waitForURL(/requests\?q=/);
        await eventually("the rows are there", async () => (await page.locator(".rows li").count()) === n);
        assert.equal(await listed(page), n);
        await page.goBack();
        await page.locator('[data-cell="requests"]', { hasText: words.requests }).waitFor();
      }
      await chart(page, words.errors).locator("li", { hasText: "429" }).locator(".newest").click();
      const newest = (await glassway.api("/api/requests?status=429&limit=1")).items[0].id;
      await page.waitForURL(new RegExp(`requests/${newest}`));
    });

    it("moves by itself, and counts what runs", async () => {
      await traffic();
      let end;
      const page = await open();
      await page.locator('[data-cell="requests"]', { hasText: words.requests }).waitFor();
      await page.evaluate(() => (window.stillHere = true));
      answer = (_, response) => {
        stream(response);
        response.write('data: {"choices":[{"delta":{"content":"word"}}]}\n\n');
        end = () => response.end("data: [DONE]\n\n");
      };
      const running = ask("gpt-4o", { stream: true }).then((r) => r.text());
      await page.locator('[data-cell="inFlight"] b', { hasText: /^1$/ }).waitFor();
      await page.locator(".in-flight a", { hasText: "gpt-4o" }).waitFor();
      await inspect(page, `dashboard-running-${words.tag}`);
      end();
      await running;
      await page.locator('[data-cell="inFlight"] b', { hasText: /^0$/ }).waitFor();
      await page.locator('[data-cell="requests"]', { hasText: words.more }).waitFor();
      assert.equal(await legend(page, words.ends.ok).locator("b").textContent(), "8");
      assert.equal(await page.evaluate(() => window.stillHere), true, "without a reload");
    });

    it("is first in the menu and a key away, while / stays with the requests", async () => {
      const page = await signedIn(browser, glassway, { locale: words.locale });
      await page.goto(`${glassway.monitor.url}/#/`);
      await page.waitForURL(/#\/requests$/);
      assert.match(await page.locator(".rail nav a").first().getAttribute("href"), /#\/dashboard$/);
      await page.keyboard.press("g");
      await page.keyboard.press("d");
      await page.waitForURL(/#\/dashboard$/);
      await page.keyboard.press("g");
      await page.keyboard.press("i");
      await page.waitForURL(/#\/statistics$/);
      assert.deepEqual(page.problems, []);
    });

    it("takes a range by brushing, and shows a chart as a table", async () => {
      await traffic();
      const page = await open({}, "/dashboard?range=1h&show=tokens");
      const plot = chart(page, words.status).locator(".u-over");
      await plot.waitFor();
      await chart(page, words.status).getByRole("button", { name: words.table }).click();
      const table = chart(page, words.status).getByRole("table");
      await table.waitFor();
      const sums = await table.locator("tbody td").allTextContents();
      assert.equal(sums.reduce((sum, n) => sum + Number(n), 0), 12);
      await inspect(page, `dashboard-table-${words.tag}`);
      await chart(page, words.status).getByRole("button", { name: words.table }).click();

      const box = await plot.boundingBox();
      await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width - 2, box.y + 60, { steps: 5 });
      await page.mouse.up();
      await page.waitForURL(/since=.*until=/);
      await page.locator('[data-cell="requests"]', { hasText: words.requests }).waitFor();
      assert.match(page.url(), /show=tokens/);
      await page.goBack();
      await page.waitForURL(/range=1h/);
      await page.locator(".picks").getByRole("link", { name: words.keys, exact: true }).click();
      await page.waitForURL(/by=provider/);
      await chart(page, words.models).locator("a.line").first().waitFor();
    });

    it("says so where nothing has ended yet, and where the monitor fails", async () => {
      const page = await open(PHONE);
      await page.getByText(words.noneYet).waitFor();
      await inspect(page, `dashboard-empty-${words.tag}`);
      await page.route("**/api/stats/series*", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "Service Unavailable", status: 503, detail: "the database did not answer in time" }) }));
      await page.goto(`${glassway.monitor.url}/#/dashboard?range=7d`);
      const alert = page.getByRole("alert");
      await alert.getByText(words.broken).waitFor();
      assert.match(await alert.textContent(), /the database did not answer in time/);
      await inspect(page, `dashboard-failed-${words.tag}`);
      await page.unroute("**/api/stats/series*");
      await alert.getByRole("button", { name: words.again }).click();
      await alert.waitFor({ state: "detached" });

      // Nothing was lost, so nothing is said; what is lost is.
      assert.equal(await page.locator(".notice.warn, .notice.err").count(), 0);
      const losses = await glassway.api("/api/stats/losses");
      await page.route("**/api/stats/losses*", (route) => route.fulfill({ json: { ...losses, total: { bodies_shed: 3, records_lost: 2 } } }));
      await page.goto(`${glassway.monitor.url}/#/dashboard?range=6h`);
      await page.locator(".notice.warn", { hasText: "3" }).waitFor();
      await page.locator(".notice.err", { hasText: "2" }).waitFor();
    });

    it("puts keys that need attention first, with reason and countdown", async () => {
      await glassway.api("/api/keys/bulk", { text: "ada, sk-browser-ada-abcdefghijklmnop\nbob, sk-browser-bob-abcdefghijklmnop\ncyd, sk-browser-cyd-abcdefghijklmnop" });
      answer = ({ headers, body }, response) =>
        headers.authorization.includes("bob") ? json(response, { error: { message: "slow down", code: "rate_limit_exceeded" } }, 429, { "retry-after": "500" }) : json(response, completion(body.model));
      for (let n = 0; n < 6; n++) await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "hi" }] }) }).then((r) => r.text());
      const page = await open(PHONE);
      const first = page.locator(".pool-panel .lines a").first();
      await first.getByText("openai/bob").waitFor();
      await first.locator(".count", { hasText: /\d:\d\d/ }).waitFor();
      await inspect(page, `dashboard-pool-${words.tag}`);
      await first.click();
      await page.waitForURL(/keys\/\d+/);
    });
  });
}
