// Sending a request again: as it was, edited, to many at once, with the answers side by side; and
// what cannot be sent says why, without losing what somebody typed.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, event, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, answer, keys;

const KEY = (n) => `sk-browser${n}abcdefghijklmnopqrstuvwxyz`;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  answer = (request, response) => json(response, completion(`answer of ${request.body?.model}`, request.body?.model));
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
  keys = (await glassway.api("/api/keys/bulk", { text: `ada, ${KEY(0)}\nbob, ${KEY(1)}` })).added;
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const completion = (content, model = "gpt-4o") => ({
  id: "c", object: "chat.completion", model,
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1000, completion_tokens: 40, total_tokens: 1040 },
});
const delta = (content) => ({ id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta: { content } }] });

const BODY = '{"model":"gpt-4o","temperature":0.10,"seed":12345678901234567890,"messages":[{"role":"user","content":"zebras"}]}';
async function recorded(body = BODY, headers = {}) {
  await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body }).then((r) => r.text());
  return (await glassway.recorded(1))[0];
}
const sent = () => upstream.requests.filter((r) => r.path.endsWith("/chat/completions"));

const LANGUAGES = [
  { locale: "en-US", tag: "en", replay: "Replay", send: "Send", send2: "Send 2 requests", everyKey: "Every usable key", edit: "Edit the request", model: "Model", temperature: "Temperature", system: "System prompt", body: "Request body", wrong: "This is not JSON", back: "Back to what was recorded", nothing: "Nothing was sent", transparent: "its own credential", modelOf: "Model of target 2", cheapest: "cheapest", stop: "Stop Answer 1", closed: "client closed" },
  { locale: "zh-CN", tag: "zh", replay: "重放", send: "发送", send2: "发送 2 个请求", everyKey: "所有可用密钥", edit: "编辑请求", model: "模型", temperature: "温度", system: "系统提示词", body: "请求正文", wrong: "这不是 JSON", back: "恢复为记录内容", nothing: "没有发送", transparent: "使用了自己的凭据", modelOf: "目标 2 的模型", cheapest: "最省", stop: "停止应答 1", closed: "客户端断开" },
];

for (const w of LANGUAGES) {
  describe(`replay in ${w.locale}`, () => {
    const run = (page, n) => page.locator("article.column").nth(n);

    it("sends the same again, and the answer streams in beside the original", async () => {
      const one = await recorded();
      let open;
      answer = (_, response) => {
        stream(response);
        open = response;
        event(response, delta("the first words"));
      };
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/requests/${one.id}`);
      await page.locator(".detail .tabs").waitFor();
      await page.keyboard.press("r");
      await page.waitForURL((url) => url.hash === `#/replay/${one.id}`);
      await run(page, 0).getByText("answer of gpt-4o").waitFor();
      await inspect(page, `replay-${w.tag}`);
      await page.getByRole("button", { name: w.send, exact: true }).click();
      await run(page, 1).getByText("the first words").waitFor();
      await inspect(page, `replay-running-${w.tag}`);
      event(open, delta(" and the last"));
      event(open, "[DONE]");
      open.end();
      await run(page, 1).getByText("the first words and the last").waitFor();
      await run(page, 1).locator(".tag.ok").first().waitFor();
      assert.equal(sent()[1].body, BODY, "byte for byte");
      // The answers are in the address.
      await page.reload();
      await run(page, 1).getByText("the first words and the last").waitFor();
    });

    it("stops an answer that is not wanted any more", async () => {
      const one = await recorded();
      answer = (_, response) => {
        stream(response);
        event(response, delta("on and on"));
      };
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.getByRole("button", { name: w.send, exact: true }).click();
      await run(page, 1).getByText("on and on").waitFor();
      await run(page, 1).getByRole("button", { name: w.stop }).click();
      await run(page, 1).locator(".tag", { hasText: w.closed }).waitFor();
      await run(page, 1).getByText("on and on").waitFor();
      await inspect(page, `replay-stopped-${w.tag}`);
    });

    it("fans out to keys and models and compares them", async () => {
      const one = await recorded();
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.getByRole("button", { name: w.everyKey }).click();
      await page.getByRole("textbox", { name: w.modelOf }).or(page.getByRole("combobox", { name: w.modelOf })).fill("gpt-4o-mini");
      answer = (request, response) => (request.headers.authorization.includes(KEY(0)) ? json(response, { error: { message: "overloaded", code: "overloaded" } }, 503) : json(response, completion(`answer of ${request.body?.model}`, request.body?.model)));
      await page.getByRole("button", { name: w.send2 }).click();
      await run(page, 1).getByText("overloaded").first().waitFor();
      await run(page, 2).getByText("answer of gpt-4o-mini").waitFor();
      await run(page, 2).getByText("openai/bob").waitFor();
      await run(page, 2).getByText(w.cheapest).waitFor();
      await inspect(page, `replay-fan-out-${w.tag}`);
      await run(page, 2).locator('a[href^="#/compare/"]').click();
      await page.locator(".cmp").waitFor();
    });

    it("sends what somebody edited, and loses nothing typed", async () => {
      const one = await recorded();
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.getByRole("button", { name: w.edit }).click();
      const body = page.getByLabel(w.body);
      await page.getByLabel(w.model, { exact: true }).fill("gpt-4o-mini");
      await page.getByLabel(w.temperature).fill("0.7");
      await page.getByLabel(w.system).fill("be brief");
      const text = await body.inputValue();
      assert.match(text, /"seed": 12345678901234567890/, "what was not touched keeps its digits");
      assert.match(text, /"temperature": 0\.7/);
      await inspect(page, `replay-edit-${w.tag}`);
      await body.fill(text.replace('"seed":', "oops"));
      await page.getByText(w.wrong).waitFor();
      assert.equal(await page.locator(".composer button[type=submit]").isDisabled(), true);
      await inspect(page, `replay-wrong-${w.tag}`);
      await body.fill(text);

      // The connection drops: what is typed stays, here and after looking elsewhere.
      await page.route("**/replay", (route) => route.abort());
      await page.locator(".composer button[type=submit]").click();
      await page.getByRole("alert").filter({ hasText: w.nothing }).waitFor();
      await page.goto(`${glassway.monitor.url}/#/requests`);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      assert.equal(await page.getByLabel(w.body).inputValue(), text);
      await page.unroute("**/replay");
      await page.locator(".composer button[type=submit]").click();
      await run(page, 1).getByText("answer of gpt-4o-mini").waitFor();
      const last = sent().at(-1).body;
      assert.equal(last, text);
      await page.getByRole("button", { name: w.back }).click();
      await eventually("as recorded", async () => (await page.getByLabel(w.body).inputValue()).includes("0.10"));
    });

    it("a client's own credential is replaced by a key of the pool", async () => {
      const one = await recorded(BODY, { authorization: "Bearer sk-somebodys-own-0123456789" });
      assert.equal(one.mode, "transparent");
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.getByText(w.transparent).waitFor();
      await page.locator("select").first().selectOption(`k:${keys[1].id}`);
      await page.getByRole("button", { name: w.send, exact: true }).click();
      await run(page, 1).getByText("openai/bob").waitFor();
      assert.equal(sent().at(-1).headers.authorization, `Bearer ${KEY(1)}`);
    });

    it("says when the proxy is away", async () => {
      const one = await recorded();
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.locator(".composer").waitFor();
      await glassway.proxy.stop();
      await page.getByRole("button", { name: w.send, exact: true }).click();
      await page.getByRole("alert").filter({ hasText: w.nothing }).waitFor();
      await inspect(page, `replay-away-${w.tag}`);
    });
  });
}
