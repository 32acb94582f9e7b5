// The web UI as its readers use it, in both languages: sign in by link, watch a
// request while it runs, read it, filter, and find the history after a restart.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { ADMIN_KEY, Glassway, Upstream, event, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn, visit } from "./page.mjs";

let browser, upstream, glassway, answer;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  answer = (request, response) => json(response, completion(`answer to ${request.body?.model}`));
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const completion = (content) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
});
const delta = (content) => ({ id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta: { content } }] });

/** Asks through the proxy as a client would. */
function ask(model, question, more = {}) {
  return fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-browser-0123456789" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: question }], ...more }),
  });
}

const LANGUAGES = [
  { locale: "en-US", name: "English", lang: "en", requests: "Requests" },
  { locale: "zh-CN", name: "Chinese", lang: "zh-CN", requests: "请求" },
];

for (const language of LANGUAGES) {
  describe(`the page in ${language.name}`, () => {
    const tag = language.lang;

    it("signs in by the link and takes the key out of the address", async () => {
      const page = await signedIn(browser, glassway, language);
      await page.waitForURL((url) => !url.href.includes(ADMIN_KEY));
      await page.getByRole("link", { name: language.requests }).first().waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), language.lang);
      await page.getByText(`${glassway.url}/v1`).first().waitFor();
      await inspect(page, `empty-${tag}`);
      await page.reload();
      await page.getByRole("link", { name: language.requests }).first().waitFor();
    });

    it("asks for the key without a link", async () => {
      const page = await visit(browser, language);
      await page.goto(glassway.monitor.url);
      const field = page.locator("input[type=password]");
      await field.fill("wrong");
      await field.press("Enter");
      await page.getByRole("alert").filter({ hasText: /\S/ }).waitFor();
      await inspect(page, `sign-in-${tag}`);
      await field.fill(ADMIN_KEY);
      await field.press("Enter");
      await page.getByRole("link", { name: language.requests }).first().waitFor();
    });

    it("shows a request while its tokens arrive, and all of it afterwards", async () => {
      const page = await signedIn(browser, glassway, language);
      let open;
      answer = (_, response) => {
        stream(response);
        open = response;
        event(response, delta("第一句话：狐狸"));
      };
      const asked = ask("gpt-4o-live", "讲个关于狐狸的故事", { stream: true }).then((got) => got.text());
      const row = page.getByRole("link", { name: /gpt-4o-live/ });
      await row.waitFor();
      await row.filter({ hasText: "狐狸" }).waitFor();
      await inspect(page, `running-${tag}`);

      await row.click();
      await page.waitForURL(/#\/requests\/[0-9a-f-]{36}/);
      const talk = page.locator("main");
      await talk.getByText("讲个关于狐狸的故事").first().waitFor();
      await talk.getByText("第一句话：狐狸").first().waitFor();
      event(open, delta("，第二句话：苹果"));
      await talk.getByText("第二句话：苹果").first().waitFor();
      await inspect(page, `reading-along-${tag}`);
      event(open, "[DONE]");
      open.end();
      await asked;
      const [exchange] = await glassway.recorded(1);
      assert.equal(exchange.outcome, "ok");
      await eventually("the page knows that it ended", async () => !(await page.locator("main").innerText()).includes(language.lang === "en" ? "answering" : "正在回答"));
      for (const tab of await page.getByRole("tab").all()) {
        await tab.click();
        await inspect(page, `request-${(await tab.getAttribute("data-tab")) ?? "tab"}-${tag}`);
      }
      await page.goBack();
      while (!/#\/requests(\?|$)/.test(page.url())) await page.goBack();
      await row.waitFor();
    });

    it("filters by words and by values, in the address", async () => {
      await (await ask("gpt-4o-alpha", "tell me about zebras")).text();
      await (await ask("gpt-4o-beta", "今天天气怎么样？")).text();
      await glassway.recorded(2);
      const page = await signedIn(browser, glassway, language);
      const alpha = page.getByRole("link", { name: /gpt-4o-alpha/ });
      const beta = page.getByRole("link", { name: /gpt-4o-beta/ });
      await alpha.waitFor();
      await beta.waitFor();
      const find = page.getByRole("search").getByRole("textbox");
      for (const [text, stays, goes] of [["model:gpt-4o-beta", beta, alpha], ["zebras", alpha, beta], ["天气", beta, alpha]]) {
        await find.fill(text);
        await find.press("Enter");
        await goes.waitFor({ state: "detached" });
        await stays.waitFor();
        assert.ok(decodeURIComponent(page.url()).includes(text), page.url());
      }
      await inspect(page, `filtered-${tag}`);
      await page.reload();
      await beta.waitFor();
      assert.equal(await alpha.count(), 0);
    });

    it("has the history after a restart, and resumes by itself", async () => {
      await (await ask("gpt-4o-before", "before")).text();
      await glassway.recorded(1);
      const page = await signedIn(browser, glassway, language);
      await page.getByRole("link", { name: /gpt-4o-before/ }).waitFor();
      await glassway.stopBoth();
      await glassway.startBoth();
      await (await ask("gpt-4o-after", "after")).text();
      await page.getByRole("link", { name: /gpt-4o-after/ }).waitFor();
      await page.getByRole("link", { name: /gpt-4o-before/ }).waitFor();
      await page.reload();
      await page.getByRole("link", { name: /gpt-4o-before/ }).waitFor();
    });

    it("shows a failure for what it is, on a phone and in the dark too", async () => {
      answer = (_, response) => json(response, { error: { message: "Rate limit reached", type: "x", code: "rate_limit_exceeded" } }, 429);
      await (await ask("gpt-4o-busy", "hello")).text();
      const page = await signedIn(browser, glassway, { ...language, viewport: { width: 390, height: 844 }, colorScheme: "dark" });
      const row = page.getByRole("link", { name: /gpt-4o-busy/ });
      await row.filter({ hasText: "429" }).waitFor();
      await inspect(page, `phone-dark-${tag}`);
      await row.click();
      await page.getByText("Rate limit reached").first().waitFor();
      await inspect(page, `phone-dark-request-${tag}`);
    });
  });
}
