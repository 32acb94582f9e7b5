// Talking to a model through the gateway, before the two real processes: asked, answered,
// stopped, asked again, with images and tools; and whatever breaks, nothing typed is lost.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, event, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, says;

const chunk = (response, delta, finish_reason = null) => event(response, { id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta, finish_reason }] });
const end = (response) => {
  chunk(response, {}, "stop");
  event(response, { id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [], usage: { prompt_tokens: 40, completion_tokens: 12 } });
  event(response, "[DONE]");
  response.end();
};
const answers = (text) => (body, response) => {
  stream(response);
  chunk(response, { role: "assistant", content: text });
  end(response);
};
const asked = () => upstream.requests.filter((r) => r.path.endsWith("/chat/completions")).map((r) => JSON.parse(r.body));

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  says = answers("Fine.");
  upstream = await Upstream.start((request, response) => (request.path.endsWith("/models") ? json(response, { data: [{ id: "gpt-4o" }, { id: "gpt-4.1" }] }) : says(request.body, response)));
  glassway = await Glassway.start(upstream);
  await glassway.api("/api/keys/bulk", { text: "main, sk-browserabcdefghijklmnopqrstuvwxyz" });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop().catch(() => {});
  upstream.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", question: "Question", send: /^Send/, stop: "Stop", model: "Model", regenerate: "Regenerate", edit: "Edit", changed: "The question, changed", again: "Ask again", two: "2 of 2", one: "1 of 2", before: "The one before", reasoning: /^Reasoning/, first: /first token \d/, request: "Request", stopped: /^Stopped/, failed: "The answer was 400", away: "It could not be asked", kept: "still here", history: "History", find: "Search conversations", remove: "Delete the conversation", gone: "This conversation is not here", image: "Images of this question", noSvg: /no image that models take/, example: "Put in an example", result: "Result of get_weather", results: "Send results", tools: "Tools", settings: "Model and settings", needed: "Check Model", by: "Send by", fresh: "New conversation", undo: "Undo", retry: "Try again", takesPlace: /takes its place/, deleteTurn: "Delete", beside: "Side by side with", goOn: "Go on with this one", goesOn: /follows this answer/, code: "As code" },
  { locale: "zh-CN", tag: "zh", question: "问题", send: /^发送/, stop: "停止", model: "模型", regenerate: "重新生成", edit: "编辑", changed: "修改后的问题", again: "重新提问", two: "第 2 个，共 2 个", one: "第 1 个，共 2 个", before: "上一个", reasoning: /^推理/, first: /首字延迟 \d/, request: "请求", stopped: /已提前停止/, failed: "回答的状态码是 400", away: "未能发出提问", kept: "仍在这里", history: "历史", find: "搜索对话", remove: "删除对话", gone: "没有这个对话", image: "本次提问的图片", noSvg: /不是模型支持的图片/, example: "填入示例", result: "get_weather 的结果", results: "发送结果", tools: "工具", settings: "模型与设置", needed: "请检查“模型”", by: "发送方式", fresh: "新对话", undo: "撤销", retry: "重试", takesPlace: /取代它/, deleteTurn: "删除", beside: "并排对比的模型", goOn: "接着这个继续", goesOn: /跟随此回答/, code: "代码" },
];
const LOOKS = [
  { look: "light", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { look: "phone-dark", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

for (const w of LANGUAGES) {
  describe(`the playground in ${w.locale}`, () => {
    const begin = async (context = LOOKS[0]) => {
      const page = await signedIn(browser, glassway, { locale: w.locale, ...context });
      await page.goto(`${glassway.monitor.url}/#/playground`);
      const field = page.getByRole("textbox", { name: w.question, exact: true });
      await field.waitFor();
      if (!(await page.getByRole("combobox", { name: w.model, exact: true }).isVisible())) await page.getByRole("button", { name: w.settings }).first().click();
      await page.getByRole("combobox", { name: w.model, exact: true }).fill("gpt-4o");
      if (context.viewport.width < 700) await page.locator(".pg-setup > header .btn").click();
      return { page, field, ask: async (text) => { await field.fill(text); await field.press("Control+Enter"); } };
    };
    const last = (page) => page.locator(".answer").last();
    const settled = (page) => last(page).getByText(/\$0\.\d/).waitFor();

    for (const context of LOOKS) {
      it(`answers as it is written, with its figures and its request, ${context.look}`, async () => {
        let go;
        const held = new Promise((resolve) => (go = resolve));
        says = async (body, response) => {
          stream(response);
          chunk(response, { role: "assistant", reasoning_content: "Let me think of foxes." });
          chunk(response, { content: "A **red** fox\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n" });
          await held;
          chunk(response, { content: "jumps. 狐狸" });
          end(response);
        };
        const { page, ask } = await begin(context);
        await inspect(page, `playground-empty-${context.look}-${w.tag}`);
        await ask("Tell me of <b>foxes</b>");
        await last(page).locator("strong", { hasText: "red" }).waitFor();
        await last(page).locator("table").waitFor();
        await page.getByRole("button", { name: w.stop }).first().waitFor();
        await inspect(page, `playground-running-${context.look}-${w.tag}`);
        go();
        await last(page).getByText("jumps. 狐狸").waitFor();
        await settled(page);
        await last(page).getByText(w.first).waitFor();
        await last(page).getByRole("button", { name: w.reasoning }).click();
        await last(page).locator(".unfolded", { hasText: "of foxes" }).waitFor();
        assert.match(page.url(), /#\/playground\/\d+$/);
        await inspect(page, `playground-${context.look}-${w.tag}`);
        // What is asked next goes on from it; the reasoning is not sent back.
        says = answers("So it does.");
        await ask("Does it?");
        await last(page).getByText("So it does.").waitFor();
        const [, second] = asked();
        assert.deepEqual(second.messages.map((m) => m.role), ["user", "assistant", "user"]);
        assert.equal(second.messages[1].reasoning_content, undefined);
        assert.equal(second.messages[0].content, "Tell me of <b>foxes</b>");
        await settled(page);
        await last(page).getByRole("link", { name: w.request }).click();
        await page.locator(".talk", { hasText: "So it does." }).waitFor();
      });
    }

    it("regenerates, edits and stops, and every branch stays", async () => {
      const { page, ask } = await begin();
      says = answers("First.");
      await ask("One?");
      await last(page).getByText("First.").waitFor();
      await settled(page);
      says = answers("Second.");
      await page.getByRole("button", { name: w.regenerate }).click();
      await last(page).getByText("Second.").waitFor();
      await page.getByText(w.two).waitFor();
      await page.getByRole("button", { name: w.before }).click();
      await last(page).getByText("First.").waitFor();
      await page.getByText(w.one).waitFor();

      says = answers("Third.");
      await page.locator(".asked").first().hover();
      await page.getByRole("button", { name: w.edit, exact: true }).click();
      await page.getByRole("textbox", { name: w.changed }).fill("Two?");
      await page.getByRole("button", { name: w.again }).click();
      await last(page).getByText("Third.").waitFor();
      await page.locator(".asked").getByText("Two?").waitFor();
      await page.locator(".asked").getByText(w.two).waitFor();
      assert.equal(asked().at(-1).messages.length, 1);

      let closed = false;
      says = (body, response) => {
        response.on("close", () => (closed = true));
        stream(response);
        chunk(response, { content: "Without an end" });
      };
      await ask("Three?");
      await last(page).getByText("Without an end").waitFor();
      await page.locator(".pg-acts").getByRole("button", { name: w.stop }).click();
      await last(page).getByText(w.stopped).waitFor();
      await last(page).getByText("Without an end").waitFor();
      await eventually("the upstream is no longer asked", () => closed);
      await inspect(page, `playground-stopped-${w.tag}`);
      await page.reload();
      await last(page).getByText("Without an end").waitFor();
    });

    it("takes images and tools, and pins a key", async () => {
      const { page, ask } = await begin();
      // What a browser makes of a pasted screenshot.
      await page.getByRole("textbox", { name: w.question, exact: true }).evaluate((field) => {
        const png = Uint8Array.from(atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([png], "shot.png", { type: "image/png" }));
        data.items.add(new File(["<svg/>"], "draw.svg", { type: "image/svg+xml" }));
        field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
      });
      await page.getByRole("list", { name: w.image }).getByText("shot.png").waitFor();
      await page.getByText(w.noSvg).waitFor();
      await page.getByRole("combobox", { name: w.by }).selectOption({ label: "openai/main" });
      await page.getByRole("button", { name: w.example }).click();
      await inspect(page, `playground-image-${w.tag}`);
      says = (body, response) => {
        if (body.messages.at(-1).role === "tool") return answers("Sunny.")(body, response);
        stream(response);
        chunk(response, { role: "assistant", tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":' } }] });
        chunk(response, { tool_calls: [{ index: 0, function: { arguments: '"Lisbon"}' } }] });
        chunk(response, {}, "tool_calls");
        response.end("data: [DONE]\n\n");
      };
      await ask("What is this, and the weather?");
      await page.getByText("city: Lisbon").waitFor();
      const [first] = asked();
      assert.equal(first.tools[0].function.name, "get_weather");
      assert.match(first.messages[0].content[1].image_url.url, /^data:image\/png;base64,/);
      await page.locator(".asked .thumb img").waitFor();
      await page.getByRole("textbox", { name: w.result }).fill('{"sky":"clear"}');
      await inspect(page, `playground-tools-${w.tag}`);
      await page.getByRole("button", { name: w.results }).click();
      await last(page).getByText("Sunny.").waitFor();
      const second = asked().at(-1);
      assert.deepEqual(second.messages.map((m) => m.role), ["user", "assistant", "tool"]);
      assert.deepEqual([second.messages[2].tool_call_id, second.messages[2].content], ["call_1", '{"sky":"clear"}']);
      const turns = (await glassway.api("/api/chat/history")).items;
      assert.ok(turns[0].key_id > 0);
    });

    it("loses nothing to an upstream's error, a proxy or a monitor that is away, or a reload", async () => {
      const { page, field, ask } = await begin();
      says = (body, response) => json(response, { error: { message: "temperature: too <b>warm</b>", code: "x" } }, 400);
      await ask("Too warm?");
      await last(page).getByText(w.failed).waitFor();
      await last(page).getByText("too <b>warm</b>").waitFor();
      await inspect(page, `playground-error-${w.tag}`);

      await glassway.proxy.stop();
      await ask("Anybody?");
      await last(page).getByText(w.away).waitFor();
      await page.locator(".asked").getByText("Anybody?").waitFor();
      await inspect(page, `playground-proxy-away-${w.tag}`);

      await field.fill("Half a quest");
      await eventually("it is in the browser", () => page.evaluate(() => localStorage.getItem("glassway.playground")?.includes("Half a quest")));
      await page.reload();
      await field.waitFor();
      assert.equal(await field.inputValue(), "Half a quest");

      await glassway.monitor.stop();
      await field.press("Control+Enter");
      await page.getByRole("alert").getByText(w.kept).waitFor();
      assert.equal(await field.inputValue(), "Half a quest");
      await page.screenshot({ path: new URL(`../../test-results/playground-away-${w.tag}.png`, import.meta.url).pathname });

      await glassway.startBoth();
      says = answers("Back.");
      await eventually("the proxy is there", async () => (await glassway.api("/api/health")).proxy.connected);
      await field.press("Control+Enter");
      await last(page).getByText("Back.").waitFor();
      assert.equal(await field.inputValue(), "");
      await page.goto(`${glassway.monitor.url}/#/playground/999`);
      await page.getByText(w.gone).waitFor();
      await inspect(page, `playground-gone-${w.tag}`);
    });

    it("finds and deletes what was said, and hostile answers are only text", async () => {
      const { page, ask } = await begin();
      says = answers('<img src=x onerror="document.title=\'pwned\'"><script>document.title="pwned"</script> [x](javascript:alert(1)) \u001b[31m \u202e<b>bold</b> ![far](https://example.com/x.png)');
      await ask("Of foxes 狐狸");
      await settled(page);
      assert.equal(await last(page).locator("script, img, b.evil, [onerror]").count(), 0);
      assert.equal(await last(page).locator('a[href^="javascript"]').count(), 0);
      assert.ok(!(await page.title()).includes("pwned"));
      await page.getByRole("button", { name: w.history }).click();
      await page.getByRole("searchbox", { name: w.find }).fill("狐狸");
      await page.locator(".pg-list li").first().waitFor();
      await inspect(page, `playground-history-${w.tag}`);
      await page.locator(".pg-list li").first().hover();
      await page.locator(".pg-list li .icon").first().click();
      await page.locator(".pg-list li").first().waitFor({ state: "detached" });
      await page.getByRole("heading", { name: w.fresh }).waitFor();
      // Until the notice is gone it can come back.
      await page.getByRole("button", { name: w.undo, exact: true }).click();
      await page.locator(".pg-list li").first().waitFor();
      assert.equal((await glassway.api("/api/chat/history")).total, 1);
      await page.locator(".pg-list li").first().hover();
      await page.locator(".pg-list li .icon").first().click();
      await page.locator(".el-message .undoable").last().waitFor();
      await page.locator(".el-message__closeBtn").last().click();
      await eventually("it is deleted", async () => (await glassway.api("/api/chat/history")).total === 0);
    });

    it("gives the place of a question without an answer to the next, and deletes single turns", async () => {
      const { page, ask } = await begin();
      says = answers("Yes.");
      await ask("Are you there?");
      await settled(page);
      says = (body, response) => json(response, { error: { message: "no", code: "x" } }, 400);
      await ask("Too warm?");
      await last(page).getByText(w.failed).waitFor();
      await page.getByText(w.takesPlace).waitFor();
      await inspect(page, `playground-unanswered-${w.tag}`);
      says = answers("Now it is fine.");
      await page.getByRole("button", { name: w.retry }).last().click();
      await last(page).getByText("Now it is fine.").waitFor();
      assert.deepEqual(asked().at(-1).messages.map((m) => m.content), ["Are you there?", "Yes.", "Too warm?"]);
      await settled(page);

      says = (body, response) => json(response, { error: { message: "no", code: "x" } }, 400);
      await ask("And this?");
      await last(page).getByText(w.failed).waitFor();
      await page.getByText(w.takesPlace).waitFor();
      says = answers("Better.");
      await ask("Or that?");
      await last(page).getByText("Better.").waitFor();
      assert.deepEqual(asked().at(-1).messages.map((m) => m.role), ["user", "assistant", "user", "assistant", "user"]);
      await settled(page);

      // The turn goes at once, and comes back while its notice stands.
      const turns = async () => (await glassway.api("/api/chat/history")).total;
      const before = await turns();
      const remove = async () => {
        await last(page).hover();
        await last(page).getByRole("button", { name: w.deleteTurn }).click();
        await page.locator(".answer").getByText("Better.").waitFor({ state: "detached" });
      };
      await remove();
      await page.getByRole("button", { name: w.undo, exact: true }).click();
      await page.locator(".answer").getByText("Better.").waitFor();
      assert.equal(await turns(), before);
      await remove();
      await page.locator(".el-message__closeBtn").last().click();
      await eventually("the turn is deleted", async () => (await turns()) === before - 1);
    });

    it("asks two models at once, and shows what is sent as code", async () => {
      const { page, ask, field } = await begin();
      says = (body, response) => answers(body.model === "gpt-4.1" ? "From the second." : "From the first.")(body, response);
      await page.getByRole("combobox", { name: w.beside }).fill("gpt-4.1");
      await ask("Who are you?");
      const pair = page.locator(".pg-beside > div");
      await pair.nth(0).getByText("From the first.").waitFor();
      await pair.nth(1).getByText("From the second.").waitFor();
      await inspect(page, `playground-beside-${w.tag}`);
      assert.deepEqual(asked().map((b) => b.model).sort(), ["gpt-4.1", "gpt-4o"]);
      await pair.nth(1).getByRole("button", { name: w.goOn }).click();
      await pair.nth(1).getByText(w.goesOn).waitFor();
      says = answers("Then so.");
      await ask("And then?");
      await pair.nth(1).getByText("Then so.").waitFor();
      for (const body of asked().slice(-2)) assert.deepEqual(body.messages.map((m) => m.content), ["Who are you?", "From the second.", "And then?"]);

      await field.fill("it's `code`");
      await page.getByRole("button", { name: w.code, exact: true }).click();
      const dialog = page.getByRole("dialog");
      await dialog.locator("pre").getByText(`${glassway.url}/v1/chat/completions`).waitFor();
      await dialog.locator("pre").getByText("it'\\''s `code`").waitFor();
      await dialog.getByRole("button", { name: "Python" }).click();
      await dialog.locator("pre").getByText("client.chat.completions.create").waitFor();
      await inspect(page, `playground-code-${w.tag}`);
    });

    it("says which field cannot be sent", async () => {
      const { page, field } = await begin();
      await page.getByRole("combobox", { name: w.model, exact: true }).fill("");
      await field.fill("To whom?");
      await field.press("Control+Enter");
      await page.getByRole("alert").getByText(w.needed).waitFor();
      assert.equal(await field.inputValue(), "To whom?");
      assert.equal(asked().length, 0);
    });
  });
}
