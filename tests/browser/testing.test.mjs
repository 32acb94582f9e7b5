// What is tested in place, and what each row carried of the last hour, before the two real
// processes: providers, models, routes and client tokens, in both languages.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

const BAD = "sk-browser-bad-abcdefghijklmnop";
const refused = (response, status, message) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message, type: "invalid_request_error" } }));
};

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => {
    if (request.headers.authorization === `Bearer ${BAD}`) return refused(response, 401, "Incorrect API key provided");
    if (request.path.endsWith("/models")) return json(response, { data: ["gpt-4o", "gpt-4o-mini", "gpt-gone"].map((id) => ({ id })) });
    if (request.body.model === "gpt-gone") return refused(response, 404, "The model gpt-gone does not exist");
    json(response, { object: "chat.completion", model: request.body.model, choices: [{ index: 0, message: { role: "assistant", content: "OK" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 1 } });
  });
  glassway = await Glassway.start(upstream);
  await glassway.api("/api/keys/bulk", { text: "ada, sk-browser-ada-abcdefghijklmnop\neve, sk-browser-eve-abcdefghijklmnop" });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", test: "Test", works: /^works, \d/, gone: "test failed: 404: The model gpt-gone does not exist", request: "Its request", some: /^2 of 3 keys work, \d/, all: /^2 of 2 keys work, \d/, sum: "2 of 3 models answered.", traffic: "Traffic, 1 h", name: "Name", pattern: "A pattern cannot be asked; test a model that it matches", origin: "test" },
  { locale: "zh-CN", tag: "zh", test: "检测", works: /^可用，\d/, gone: "检测未通过：404: The model gpt-gone does not exist", request: "对应的请求", some: /^3 个密钥中 2 个可用，\d/, all: /^2 个密钥中 2 个可用，\d/, sum: "3 个模型中 2 个有应答。", traffic: "1 小时流量", name: "名称", pattern: "带通配符的名称无法直接询问，请检测它匹配的某个模型", origin: "test" },
];
const ask = (model, token) =>
  fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
  }).then((response) => response.text());

for (const w of LANGUAGES) {
  describe(`tested in place, in ${w.locale}`, () => {
    const go = (page, path) => page.goto(`${glassway.monitor.url}/#${path}`);
    const row = (page, name) => page.locator(".rrow", { has: page.getByRole("link", { name, exact: true }) });
    const sheet = (page) => page.locator(".sheet");
    const menu = async (page, name, item) => {
      await row(page, name).locator(".rmenu button").click();
      await page.getByRole("menuitem", { name: item, exact: true }).click();
      await page.getByRole("menuitem").first().waitFor({ state: "hidden" });
    };

    it("tests providers by their keys, and says how many work", async () => {
      const page = await signedIn(browser, glassway, w);
      await go(page, "/providers");
      await menu(page, "openai", w.test);
      await row(page, "openai").getByText(w.all).waitFor();
      await glassway.api("/api/keys/bulk", { text: `bad, ${BAD}` });
      await go(page, "/providers/1");
      await sheet(page).getByRole("button", { name: w.test, exact: true }).click();
      await sheet(page).getByText(w.some).waitFor();
      await row(page, "openai").getByText(w.some).waitFor();
      await inspect(page, `provider-tested-${w.tag}`);
      // Which of them it was is said where the keys are.
      await go(page, "/keys");
      await page.locator(".rrow", { hasText: "/bad" }).getByText(/401/).waitFor();
      assert.deepEqual(page.problems, []);
    });

    it("tests models, alone and many at once, and leads to the request it was", async () => {
      await glassway.api("/api/models?refresh=true");
      const page = await signedIn(browser, glassway, w);
      await go(page, "/models");
      await menu(page, "gpt-4o", w.test);
      await row(page, "gpt-4o").getByText(w.works).waitFor();
      await page.locator(".th .pick input").click();
      await page.getByRole("toolbar").getByRole("button", { name: w.test, exact: true }).click();
      await page.getByText(w.sum).waitFor();
      await row(page, "gpt-gone").getByText(w.gone).waitFor();
      await inspect(page, `models-tested-${w.tag}`);

      await go(page, "/models/gpt-4o-mini");
      await sheet(page).getByRole("button", { name: w.test, exact: true }).click();
      await sheet(page).getByRole("link", { name: w.request, exact: true }).click();
      await page.locator(".detail").getByText("Reply with the word OK.").first().waitFor();
      // A test costs, but no statistics know of it.
      const { items } = await glassway.api("/api/requests?limit=100");
      assert.ok(items.some((one) => one.origin === w.origin && one.model === "gpt-4o-mini" && one.status === 200));
      assert.equal((await glassway.api("/api/stats")).calls.all, 0);
      assert.deepEqual(page.problems, []);
    });

    it("tests a route by its name, and no pattern", async () => {
      await glassway.api("/api/routes", { model: "house", candidates: [{ provider_id: 1, upstream_model: "gpt-4o" }] });
      await glassway.api("/api/routes", { model: "swift-*", candidates: [{ provider_id: 1, upstream_model: "gpt-4o-mini" }] });
      const page = await signedIn(browser, glassway, w);
      await go(page, "/routes");
      await menu(page, "house", w.test);
      await row(page, "house").getByText(w.works).waitFor();
      assert.equal(upstream.requests.filter((r) => r.body.includes(`"gpt-4o"`)).length, 1);
      await row(page, "swift-*").locator(".rmenu button").click();
      assert.equal(await page.getByRole("menuitem", { name: w.test }).getAttribute("aria-disabled"), "true");
      await page.keyboard.press("Escape");
      await row(page, "swift-*").getByRole("link").click();
      await sheet(page).getByText(w.pattern).waitFor();
      assert.equal(await sheet(page).getByRole("button", { name: w.test, exact: true }).isDisabled(), true);
      await inspect(page, `routes-tested-${w.tag}`);
      assert.deepEqual(page.problems, []);
    });

    it("shows who carried the last hour, and sorts by it", async () => {
      await glassway.api("/api/models?refresh=true");
      await glassway.api("/api/routes", { model: "gpt-4*", candidates: [{ provider_id: 1 }] });
      await glassway.api("/api/routes", { model: "a-house", candidates: [{ provider_id: 1, upstream_model: "gpt-4o" }] });
      const quiet = await glassway.api("/api/client-tokens", { name: "a-quiet-app" });
      const busy = await glassway.api("/api/client-tokens", { name: "busy-app" });
      for (const model of ["gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini"]) await ask(model, busy.token);
      await ask("gpt-4o", quiet.token);
      await eventually("the hour is counted", async () => (await glassway.api("/api/stats/hour?by=model")).calls === 4);
      const page = await signedIn(browser, glassway, w);
      for (const [path, first, share, other, rest] of [
        ["providers", "openai", "100%", null, null],
        ["models", "gpt-4o-mini", "75%", "gpt-4o", "25%"],
        ["routes", "gpt-4*", "100%", "a-house", "0%"],
        ["client-tokens", "busy-app", "75%", "a-quiet-app", "25%"],
      ]) {
        await go(page, `/${path}`);
        const flow = row(page, first).locator(".c-flow");
        await flow.getByText(share, { exact: true }).waitFor();
        const heights = [...(await flow.locator(".spark .edge").getAttribute("d")).matchAll(/[\d.]+[ ,]([\d.]+)/g)].map(([, y]) => Number(y));
        assert.ok(new Set(heights).size > 1, `${path}: a curve, not a line: ${heights}`);
        if (other) await row(page, other).locator(".c-flow").getByText(rest, { exact: true }).waitFor();
        await page.locator(".th").getByRole("link", { name: w.traffic }).click();
        await page.waitForURL(/sort=traffic/);
        assert.equal(await page.locator("[data-entry] .stretch").first().textContent(), first, path);
        await page.locator(".th").getByRole("link", { name: w.traffic }).click();
        await page.waitForURL(/sort=-traffic/);
        if (other) assert.notEqual(await page.locator("[data-entry] .stretch").first().textContent(), first, path);
        await inspect(page, `hour-${path}-${w.tag}`);
      }
      assert.deepEqual(page.problems, []);
    });
  });
}
