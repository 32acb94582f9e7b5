// What a keeper makes by hand, before the two real processes: providers, client tokens, routes,
// models and the settings, each made, refused, changed, and seen to count.

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
  upstream = await Upstream.start((request, response) => {
    if (request.path.endsWith("/models")) return json(response, { data: [{ id: "gpt-4o" }] });
    json(response, { object: "chat.completion", model: request.body.model, choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });
  });
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", save: "Save", number: "This is not a number.", provider: "Add a provider", name: "Name", url: "Base URL", badUrl: /is not a URL such as/, badScheme: /must begin with https/, priority: "Priority", notes: "Notes", multiplier: "Price multiplier", token: "New token", createToken: "Create the token", limit: "Requests per minute", once: "It is shown now and never again", close: "Close", ask: /Close without having copied/, copyToken: "Copy the token", kept: "I have kept it", route: "Add a route", model: "Model or pattern", providerOf: "Provider", upstream: "Upstream model", more: "Add a candidate", second: "Candidate 2", strategy: "Strategy", leastBusy: "least busy", removeSecond: "Remove candidate 2", addModel: "Add a model", input: "Input", output: "Output", needed: "This is needed.", attempts: "Attempts", cooldown: "Cooldown, s", open: "Left alone for, s" },
  { locale: "zh-CN", tag: "zh", save: "保存", number: "不是数字。", provider: "添加供应商", name: "名称", url: "接口地址", badUrl: /不是 URL/, badScheme: /必须以 https/, priority: "优先级", notes: "备注", multiplier: "价格倍率", token: "新建令牌", createToken: "创建令牌", limit: "每分钟请求数", once: "只显示这一次", close: "关闭", ask: /还没有复制/, copyToken: "复制令牌", kept: "已妥善保存", route: "添加路由", model: "模型或通配", providerOf: "供应商", upstream: "上游模型", more: "添加候选", second: "候选 2", strategy: "策略", leastBusy: "最空闲", removeSecond: "移除候选 2", addModel: "添加模型", input: "输入", output: "输出", needed: "必填。", attempts: "尝试次数", cooldown: "冷却时间（秒）", open: "熔断时长（秒）" },
];
const all = async (path) => (await glassway.api(`${path}?limit=100`)).items;
const ask = (model, token) =>
  fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "hi" }] }),
  });

for (const w of LANGUAGES) {
  describe(`made by hand, in ${w.locale}`, () => {
    const go = (page, path) => page.goto(`${glassway.monitor.url}/#${path}`);
    const row = (page, name) => page.locator(".rrow", { has: page.getByRole("link", { name, exact: true }) });
    const sheet = (page) => page.locator(".sheet");
    const field = (page, name) => sheet(page).getByLabel(name, { exact: true });
    /** What is said against a field, at the field. */
    const problem = (page, name, said) => sheet(page).locator(".fld", { has: page.getByLabel(name, { exact: true }) }).getByRole("alert").getByText(said);
    const press = (page, name) => sheet(page).getByRole("button", { name, exact: true }).click();

    it("makes a provider from a preset and one by hand, and changes it", async () => {
      const page = await signedIn(browser, glassway, w);
      await go(page, "/providers");
      await page.locator(".headacts").getByRole("link", { name: w.provider }).click();
      await sheet(page).locator(".presets").getByRole("button", { name: "DeepSeek" }).waitFor();
      await inspect(page, `provider-presets-${w.tag}`);
      await sheet(page).locator(".presets").getByRole("button", { name: "DeepSeek" }).click();
      assert.equal(await field(page, w.name).inputValue(), "deepseek");
      assert.equal(await field(page, w.url).inputValue(), "https://api.deepseek.com/v1");
      await press(page, w.provider);
      await page.waitForURL(/providers\/\d+/);
      await row(page, "deepseek").waitFor();

      await page.locator(".headacts").getByRole("link", { name: w.provider }).click();
      await sheet(page).locator(".presets .hand button").click();
      await field(page, w.name).fill("relay");
      for (const [typed, said] of [["relay.example", w.badUrl], ["ftp://relay.example", w.badScheme]]) {
        await field(page, w.url).fill(typed);
        await press(page, w.provider);
        await problem(page, w.url, said).waitFor();
      }
      assert.equal(await field(page, w.url).getAttribute("aria-invalid"), "true");
      assert.equal(await field(page, w.name).getAttribute("aria-invalid"), null);
      await inspect(page, `provider-refused-${w.tag}`);
      await field(page, w.url).fill(`${upstream.url}/relay`);
      await press(page, w.provider);
      await row(page, "relay").waitFor();
      assert.deepEqual((await all("/api/providers")).map((p) => `${p.name} ${p.preset}`).sort(), ["deepseek deepseek", "openai null", "relay null"]);

      await page.waitForURL(/providers\/\d+/);
      await field(page, w.priority).fill("5");
      await field(page, w.multiplier).fill("0.8");
      await field(page, w.notes).fill("of a friend");
      await press(page, w.save);
      await row(page, "relay").locator(".c-prio", { hasText: /^5$/ }).waitFor({ state: "attached" });
      const { priority, price_multiplier, notes } = (await all("/api/providers")).find((p) => p.name === "relay");
      assert.deepEqual([priority, price_multiplier, notes], [5, 0.8, "of a friend"]);
      assert.deepEqual(page.problems, []);
    });

    it("shows a client token once, and it works at once", async () => {
      await glassway.api("/api/keys/bulk", { text: "main, sk-browserabcdefghijklmnopqrstuvwxyz" });
      const page = await signedIn(browser, glassway, w);
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: glassway.monitor.url });
      await go(page, "/client-tokens");
      await page.locator(".void").getByRole("link", { name: w.token }).click();
      await field(page, w.limit).fill("2");
      await press(page, w.createToken);
      await problem(page, w.name, w.needed).waitFor();
      await field(page, w.name).fill("an app");
      await press(page, w.createToken);
      const dialog = page.getByRole("dialog");
      await dialog.getByText(w.once).waitFor();
      const token = (await dialog.locator(".secret code").textContent()).trim();
      assert.match(token, /^gw-/);
      await inspect(page, `token-once-${w.tag}`);
      assert.equal((await ask("gpt-4o", token)).status, 200);
      assert.equal(upstream.requests.at(-1).headers.authorization, "Bearer sk-browserabcdefghijklmnopqrstuvwxyz");

      await dialog.getByRole("button", { name: w.close, exact: true }).click();
      await dialog.getByRole("alert").getByText(w.ask).waitFor();
      await dialog.getByRole("button", { name: w.copyToken }).click();
      await dialog.getByRole("button", { name: w.kept }).click();
      await dialog.waitFor({ state: "detached" });
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
      await row(page, "an app").waitFor();
      assert.ok(!(await page.content()).includes(token), "shown once");
      await page.reload();
      await row(page, "an app").waitFor();
      assert.ok(!(await page.content()).includes(token), "nor afterwards");

      // Its limit counts, too.
      assert.equal((await ask("gpt-4o", token)).status, 200);
      assert.equal((await ask("gpt-4o", token)).status, 429);
      assert.deepEqual(page.problems, []);
    });

    it("makes a route with two candidates, and changes it", async () => {
      await glassway.api("/api/keys/bulk", { text: "main, sk-browserabcdefghijklmnopqrstuvwxyz" });
      await glassway.api("/api/providers", { name: "relay", kind: "openai", base_url: `${upstream.url}/relay` });
      const page = await signedIn(browser, glassway, w);
      await go(page, "/routes");
      await page.locator(".void").getByRole("link", { name: w.route }).click();
      await sheet(page).getByRole("button", { name: w.more }).click();
      await press(page, w.route);
      await problem(page, w.model, w.needed).waitFor();
      await field(page, w.model).fill("swift");
      const [first, second] = [sheet(page).locator(".cand").nth(0), sheet(page).getByRole("group", { name: w.second })];
      await first.getByLabel(w.upstream).fill("gpt-4o-mini");
      await first.getByLabel(w.priority).fill("2");
      await second.getByLabel(w.providerOf).selectOption({ label: "relay" });
      await second.getByLabel(w.upstream).fill("qwen-turbo");
      await inspect(page, `route-new-${w.tag}`);
      await press(page, w.route);
      await page.waitForURL(/routes\/\d+/);
      const candidates = row(page, "swift").locator(".cand-chip");
      await candidates.nth(1).waitFor();
      assert.deepEqual((await candidates.allTextContents()).map((text) => text.replace(/\s/g, "")), ["openai/gpt-4o-mini", "relay/qwen-turbo"]);
      await eventually("it counts", async () => (await (await ask("swift")).json()).model === "gpt-4o-mini");

      await sheet(page).getByRole("button", { name: w.removeSecond }).click();
      await field(page, w.strategy).selectOption({ label: w.leastBusy });
      await press(page, w.save);
      await row(page, "swift").getByText(w.leastBusy).waitFor();
      assert.equal(await candidates.count(), 1);
      const [{ strategy, candidates: left }] = await all("/api/routes");
      assert.deepEqual([strategy, left.map((c) => c.upstream_model)], ["least_busy", ["gpt-4o-mini"]]);
      assert.deepEqual(page.problems, []);
    });

    it("adds a model, and changes its price", async () => {
      const page = await signedIn(browser, glassway, w);
      await go(page, "/models");
      await page.locator(".headacts").getByRole("link", { name: w.addModel }).click();
      await field(page, w.name).fill("own/model");
      await field(page, w.input).fill("1.25");
      await press(page, w.addModel);
      await problem(page, w.output, w.needed).waitFor();
      await field(page, w.output).fill("much");
      await press(page, w.addModel);
      await problem(page, w.output, w.number).waitFor();
      await inspect(page, `model-new-${w.tag}`);
      await field(page, w.output).fill("10");
      await press(page, w.addModel);
      await page.waitForURL(/models\/own/);
      await row(page, "own/model").getByText("$1.25").waitFor();
      await field(page, w.input).fill("2.5");
      await press(page, w.save);
      await row(page, "own/model").getByText("$2.50").waitFor();
      const [{ prices, price_source }] = (await all("/api/models")).filter((m) => m.model_name === "own/model");
      assert.deepEqual([prices.input, prices.output, price_source], [2.5, 10, "override"]);
      assert.deepEqual(page.problems, []);
    });

    it("keeps another strategy and other limits after a reload", async () => {
      const page = await signedIn(browser, glassway, w);
      await go(page, "/settings");
      const panel = page.locator("section.panel", { has: page.getByRole("radio") });
      await panel.getByRole("radio", { name: w.leastBusy }).check();
      await panel.getByLabel(w.attempts, { exact: true }).fill("4");
      await panel.getByLabel(w.cooldown, { exact: true }).fill("long");
      await panel.getByRole("button", { name: w.save, exact: true }).click();
      await panel.getByRole("alert").getByText(w.number).waitFor();
      await inspect(page, `settings-routing-${w.tag}`);
      await panel.getByLabel(w.cooldown, { exact: true }).fill("45");
      await panel.getByLabel(w.open, { exact: true }).fill("90");
      await panel.getByRole("button", { name: w.save, exact: true }).click();
      await eventually("they are kept", async () => (await glassway.api("/api/settings")).cooldown_s === 45);
      await page.reload();
      await panel.waitFor();
      assert.equal(await panel.getByRole("radio", { name: w.leastBusy }).isChecked(), true);
      for (const [name, value] of [[w.attempts, "4"], [w.cooldown, "45"], [w.open, "90"]]) assert.equal(await panel.getByLabel(name, { exact: true }).inputValue(), value);
      const { strategy, max_attempts, breaker_open_s } = await glassway.api("/api/settings");
      assert.deepEqual([strategy, max_attempts, breaker_open_s], ["least_busy", 4, 90]);
      assert.deepEqual(page.problems, []);
    });
  });
}
