// The statistics before the two real processes: tables and charts say what was sent,
// sort, lead to the requests they count, and leave as CSV.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, status;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  status = 200;
  upstream = await Upstream.start(({ body }, response) =>
    status === 200 ? json(response, { id: "c", object: "chat.completion", model: body.model, choices: [], usage: { prompt_tokens: 100, completion_tokens: 20 } }) : json(response, { error: { message: "no", type: "server_error" } }, status),
  );
  glassway = await Glassway.start(upstream);
  await glassway.api("/api/keys/bulk", { text: "ada, sk-browser-ada-abcdefghijklmnop" });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

async function traffic() {
  const { token } = await glassway.api("/api/client-tokens", { name: "ci" });
  const ask = async (model, authorization) => {
    const headers = { "content-type": "application/json", ...(authorization && { authorization: `Bearer ${authorization}` }) };
    await (await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers, body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }) })).text();
  };
  for (let n = 0; n < 5; n++) await ask("gpt-4o", token);
  for (let n = 0; n < 3; n++) await ask("gpt-4o-mini");
  status = 400;
  for (let n = 0; n < 2; n++) await ask("gpt-4o-mini");
  await eventually("ten are counted", async () => (await glassway.api("/api/stats/series?by=outcome")).total.calls === 10);
}

const LANGUAGES = [
  { locale: "en-US", tag: "en", models: "Models", keys: "Keys", tokens: "Client tokens", providers: "Providers", hours: "Hours", usage: "Usage", csv: "CSV", requests: "Requests", empty: "Nothing ended in this range.", broken: "The numbers could not be loaded", again: "Try again", noToken: "no token", failures: "Failures" },
  { locale: "zh-CN", tag: "zh", models: "模型", keys: "密钥", tokens: "客户端令牌", providers: "供应商", hours: "时段", usage: "用量", csv: "下载 CSV", requests: "请求数", empty: "此范围内没有结束的请求。", broken: "无法加载统计数据", again: "重试", noToken: "无令牌", failures: "失败数" },
];

for (const words of LANGUAGES) {
  describe(`the statistics in ${words.locale}`, () => {
    const open = async (look = {}, path = "/statistics") => {
      const page = await signedIn(browser, glassway, { locale: words.locale, ...look });
      await page.goto(`${glassway.monitor.url}/#${path}`);
      await page.locator(".tabrow").waitFor();
      return page;
    };
    const tab = (page, name) => page.locator(".tabrow nav").first().getByRole("link", { name, exact: true });
    const figure = (page, row, column) => page.locator(`[data-row="${row}"] [data-figure="${column}"]`);
    const names = (page) => page.locator(".figures tbody tr").evaluateAll((rows) => rows.map((row) => row.dataset.row));

    it("counts by time, model, key, client token and provider", async () => {
      await traffic();
      const page = await open();
      await figure(page, "sum", "calls").getByText("10", { exact: true }).waitFor();
      assert.equal(await figure(page, "sum", "failed").textContent(), "2");
      await page.locator(".chart canvas").waitFor();
      await inspect(page, `statistics-usage-${words.tag}`);

      await tab(page, words.models).click();
      await figure(page, "gpt-4o", "calls").getByText("5", { exact: true }).waitFor();
      assert.equal(await figure(page, "gpt-4o-mini", "failed").textContent().then((t) => t.trim()), "2");
      assert.equal(await figure(page, "gpt-4o", "input").textContent().then((t) => t.trim()), "500");
      assert.equal(await figure(page, "gpt-4o-mini", "success").textContent().then((t) => t.trim()), "60%");
      await inspect(page, `statistics-models-${words.tag}`);

      await tab(page, words.keys).click();
      await figure(page, "ada", "calls").getByText("10", { exact: true }).waitFor();
      await tab(page, words.providers).click();
      await figure(page, "openai", "calls").getByText("10", { exact: true }).waitFor();
      await tab(page, words.tokens).click();
      await figure(page, "ci", "calls").getByText("5", { exact: true }).waitFor();
      await page.locator(".figures tbody", { hasText: words.noToken }).waitFor();
      await tab(page, words.hours).click();
      await page.locator(".heat").waitFor();
      const cells = await page.locator(".heat td").allTextContents();
      assert.equal(cells.reduce((sum, n) => sum + Number(n), 0), 10);
      await inspect(page, `statistics-hours-${words.tag}`);
      await page.locator(".heat td a").first().click();
      await page.waitForURL(/requests\?q=/);
    });

    it("leads to what a number counts, in the heat map and in the legend", async () => {
      await traffic();
      const page = await open({}, "/statistics?tab=hours&show=failed");
      await page.locator(".heat td a").getByText("2", { exact: true }).click();
      await eventually("the failures alone", async () => (await page.locator(".rows li").count()) === 2);
      await page.goto(`${glassway.monitor.url}/#/statistics?tab=model`);
      await page.locator(".legend").getByRole("link", { name: /gpt-4o-mini/ }).click();
      await eventually("those of the model", async () => (await page.locator(".rows li").count()) === 5);
      await page.goto(`${glassway.monitor.url}/#/statistics`);
      await page.locator(".legend").getByRole("link", { name: /4xx/ }).click();
      await eventually("those that ended so", async () => (await page.locator(".rows li").count()) === 2);
    });

    it("sorts in the address, and leads to the requests of a row", async () => {
      await traffic();
      const page = await open({}, "/statistics?tab=model");
      await figure(page, "gpt-4o", "calls").waitFor();
      await page.locator(".figures thead").getByRole("link", { name: words.requests }).click();
      await page.waitForURL(/sort=calls/);
      await page.locator(".figures thead").getByRole("link", { name: words.requests }).click();
      await page.waitForURL(/sort=-calls/);
      await page.locator('th[aria-sort="ascending"]').waitFor();
      await page.goto(`${glassway.monitor.url}/#/statistics?tab=model&sort=failed`);
      await eventually("the one with failures is first", async () => (await names(page))[0] === "gpt-4o-mini");
      await figure(page, "gpt-4o-mini", "failed").getByRole("link").click();
      await page.waitForURL(/requests\?q=/);
      await eventually("two rows", async () => (await page.locator(".rows li").count()) === 2);
    });

    it("gives each table as CSV", async () => {
      await traffic();
      const page = await open({ viewport: { width: 390, height: 844 }, colorScheme: "dark" }, "/statistics?tab=model&show=failed");
      await figure(page, "gpt-4o", "calls").waitFor();
      await inspect(page, `statistics-phone-${words.tag}`);
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: words.csv }).click()]);
      assert.equal(download.suggestedFilename(), "glassway-models.csv");
      const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
      assert.match(lines[0], /^\ufeffmodel,calls,ok,/);
      assert.deepEqual(lines.slice(1).map((line) => line.split(",").slice(0, 3)).sort(), [["gpt-4o", "5", "5"], ["gpt-4o-mini", "5", "3"]]);
    });

    it("says so where there is nothing, and where the monitor fails", async () => {
      const page = await open();
      await page.locator(".panel .nothing", { hasText: words.empty }).first().waitFor();
      await inspect(page, `statistics-empty-${words.tag}`);
      await page.route("**/api/stats/top*", (route) => route.abort());
      await tab(page, words.models).click();
      await page.getByRole("alert").getByText(words.broken).waitFor();
      await inspect(page, `statistics-failed-${words.tag}`);
      await page.unroute("**/api/stats/top*");
      await page.getByRole("alert").getByRole("button", { name: words.again }).click();
      await page.getByRole("alert").waitFor({ state: "detached" });
    });
  });
}
