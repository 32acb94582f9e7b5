// One request before its reader: pinned and noted where others see it, copied as code, played again
// as it came, compared; and hostile contents shown for what they are.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Glassway, Upstream, event, eventually, json, stream } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, answer;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  answer = (request, response) => json(response, completion(`answer to ${request.body?.messages?.at(-1)?.content}`));
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const completion = (content, more = {}) => ({
  id: "c", object: "chat.completion", model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content, ...more }, finish_reason: "stop" }],
  usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
});
const delta = (content) => ({ id: "c", object: "chat.completion.chunk", model: "gpt-4o", choices: [{ index: 0, delta: { content } }] });

function ask(question, more = {}) {
  return fetch(`${glassway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-browser-0123456789" },
    body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: question }], ...more }),
  }).then((response) => response.text());
}
const open = async (page, id, query = "") => {
  await page.goto(`${glassway.monitor.url}/#/requests/${id}${query}`);
  await page.locator(".detail .tabs").waitFor();
};

const LANGUAGES = [
  { locale: "en-US", tag: "en", pin: "Pin: keep from retention", unpin: "Unpin: retention may take it again", note: "Write a note", save: "Save", kept: "what you typed is kept", copyAs: "Copy as…", node: "Node", python: "Python", har: "Download HAR", close: "Close", fresh: "New since the previous turn", why: "Why this key", whyOnly: "the only key", play: "Play as it came", again: "Play again", pickAnother: "open another request", figures: "Timing, tokens, cost", same: "messages the same", differently: "said differently", notHere: "is not here any more", earlier: "earlier messages" },
  { locale: "zh-CN", tag: "zh", pin: "固定：不受保留期限清理", unpin: "取消固定：之后可能被清理", note: "添加备注", save: "保存", kept: "已输入的内容仍然保留", copyAs: "复制为…", node: "Node 代码", python: "Python 代码", har: "下载 HAR", close: "关闭", fresh: "自上一轮以来新增", why: "为什么选择此密钥", whyOnly: "唯一支持此模型的密钥", play: "按原速播放", again: "重新播放", pickAnother: "请打开另一个请求", figures: "时间、token 与费用", same: "条消息相同", differently: "内容不同", notHere: "此请求已不存在", earlier: "更早" },
];

for (const w of LANGUAGES) {
  describe(`a request in ${w.locale}`, () => {
    it("is pinned and noted, and others who look see it", async () => {
      await ask("zebra");
      const [one] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id);
      const other = await signedIn(browser, glassway, w);
      await open(other, one.id);

      await page.getByRole("button", { name: w.pin }).click();
      await other.getByRole("button", { name: w.unpin }).waitFor();
      await other.locator(".row .i").first().waitFor();
      await page.getByRole("button", { name: w.note }).first().click();
      await page.locator(".notebox textarea").fill("斑马 broke here");
      await page.getByRole("button", { name: w.save }).click();
      await other.locator(".notebox p", { hasText: "斑马 broke here" }).waitFor();
      await inspect(page, `pinned-${w.tag}`);
      assert.equal((await glassway.api("/api/requests?pinned=true")).items[0].note, "斑马 broke here");

      // By key, and as a filter.
      await other.keyboard.press("p");
      await page.getByRole("button", { name: w.pin }).waitFor();
      await page.goto(`${glassway.monitor.url}/#/requests?q=pinned:true`);
      await eventually("nothing is pinned any more", async () => (await page.locator("a.row").count()) === 0);
      await other.keyboard.press("p");
      await page.locator("a.row").waitFor();
    });

    it("keeps a note that could not be saved", async () => {
      await ask("zebra");
      const [one] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id);
      await page.getByRole("button", { name: w.note }).first().click();
      await page.locator(".notebox textarea").fill("not to be lost");
      await page.route("**/api/request/**", (route) => (route.request().method() === "PUT" ? route.abort() : route.continue()));
      await page.getByRole("button", { name: w.save }).click();
      await page.getByRole("alert").filter({ hasText: w.kept }).waitFor();
      await inspect(page, `note-failed-${w.tag}`);
      await page.goto(`${glassway.monitor.url}/#/requests`);
      await open(page, one.id);
      assert.equal(await page.locator(".notebox textarea").inputValue(), "not to be lost");
      await page.unroute("**/api/request/**");
      await page.getByRole("button", { name: w.save }).click();
      await page.locator(".notebox p", { hasText: "not to be lost" }).waitFor();
    });

    it("is copied as code that holds no secret, and exported alone", async () => {
      await ask("zebra", { temperature: 0.5 });
      const [one] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id);
      await page.getByRole("button", { name: w.copyAs }).click();
      const code = page.locator(".copyas pre");
      await code.filter({ hasText: "curl" }).waitFor();
      await page.getByRole("button", { name: w.python, exact: true }).click();
      await code.filter({ hasText: "client.chat.completions.create(" }).waitFor();
      assert.match(await code.innerText(), new RegExp(`base_url="${glassway.url}/v1"`));
      await page.getByRole("button", { name: w.node, exact: true }).click();
      await code.filter({ hasText: "new OpenAI(" }).waitFor();
      assert.doesNotMatch(await code.innerText(), /browser-0123456789|…/);
      await inspect(page, `copy-as-${w.tag}`);
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: w.har }).click()]);
      assert.equal(download.suggestedFilename(), `glassway-${one.id}.har`);
    });

    it("tells what was new, and why its key", async () => {
      await glassway.api("/api/keys/bulk", { text: "ada, sk-browser0abcdefghijklmnopqrstuvwxyz" });
      const turns = Array.from({ length: 12 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: `turn ${i}` }));
      const body = JSON.stringify({ model: "gpt-4o", messages: [...turns, { role: "user", content: "the newest question" }] });
      await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body });
      const [one] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id);
      await page.locator(".newsince", { hasText: w.fresh }).waitFor();
      assert.equal(await page.locator(".newsince + .turn").innerText().then((text) => text.includes("the newest question")), true);
      await page.locator(".fold.earlier", { hasText: w.earlier }).waitFor();
      await page.locator(".whykey", { hasText: w.why }).filter({ hasText: w.whyOnly }).waitFor();
    });

    it("is played again as it came", async () => {
      answer = async (_, response) => {
        stream(response);
        for (const word of ["one ", "two ", "three ", "four"]) {
          event(response, delta(word));
          await sleep(250);
        }
        event(response, "[DONE]");
        response.end();
      };
      await ask("count", { stream: true });
      const [one] = await glassway.recorded(1);
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id, "?tab=frames");
      await page.getByRole("button", { name: w.play }).click();
      const played = page.locator(".played");
      await played.getByText("one", { exact: false }).first().waitFor();
      const early = await played.innerText();
      assert.ok(!early.includes("four"), `the end comes at its time: ${early}`);
      await inspect(page, `playback-${w.tag}`);
      await played.filter({ hasText: "one two three four" }).waitFor();
      await page.getByRole("button", { name: w.again }).waitFor();
      // By hand: back to before the first.
      await page.locator(".playback .seek").fill("0");
      await eventually("nothing had come yet", async () => !(await played.innerText()).includes("one"));
    });

    it("is compared with another, turn by turn", async () => {
      const more = (last) => ({ messages: [{ role: "system", content: "be brief" }, { role: "user", content: "hello" }, { role: "assistant", content: "hi" }, { role: "user", content: last }] });
      await ask("", { ...more("about zebras"), temperature: 0.1 });
      await ask("", { ...more("about lions"), temperature: 0.9 });
      const [left, right] = await glassway.recorded(2);
      const page = await signedIn(browser, glassway, w);
      await open(page, left.id);
      await page.keyboard.press("c");
      await page.getByText(w.pickAnother).first().waitFor();
      await open(page, right.id);
      await page.keyboard.press("c");
      await page.waitForURL((url) => url.hash === `#/compare/${left.id}/${right.id}`);
      await page.getByRole("heading", { name: w.figures }).waitFor();
      await page.locator(".fold", { hasText: w.same }).waitFor();
      await page.locator(".pair.changed", { hasText: w.differently }).locator(".dl.added", { hasText: "about lions" }).waitFor();
      await page.locator("tr.differs", { hasText: "temperature" }).filter({ hasText: "0.9" }).waitFor();
      await page.locator(".answers .dl.removed", { hasText: "answer to about zebras" }).waitFor();
      await inspect(page, `compare-${w.tag}`);
      await page.goto(`${glassway.monitor.url}/#/compare/${left.id}/01890000-0000-7000-8000-000000000000`);
      await page.getByRole("alert").filter({ hasText: w.notHere }).waitFor();
      await inspect(page, `compare-missing-${w.tag}`);
    });

    it("shows hostile contents as the text they are", async () => {
      const SVG = '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1"><script>window.hacked=1</script></svg>';
      const HOSTILE = [
        '<img src=x onerror="window.hacked=1">', "<script>window.hacked=1</script>", SVG, "[click](javascript:window.hacked=1)",
        `![pixel](${upstream.url}/tracking.png)`, `![svg](data:image/svg+xml;base64,${Buffer.from(SVG).toString("base64")})`,
        "\u001b[31mred\u001b[0m \u001b]0;title\u0007", "invoice\u202Egpj.exe", "{{ constructor.constructor('window.hacked=1')() }}", "<style>*{display:none}</style>",
      ].join("\n\n");
      answer = (_, response) => json(response, completion(HOSTILE, { tool_calls: [{ id: "t", type: "function", function: { name: "<b>evil</b>\u202E", arguments: JSON.stringify({ x: HOSTILE }) } }] }), 200, { "x-hostile": "<script>window.hacked=1</script>" });
      await ask(HOSTILE, { model: "<img src=x onerror=window.hacked=1>\u202E", messages: [{ role: "system", content: HOSTILE }, { role: "user", content: [{ type: "text", text: HOSTILE }, { type: "image_url", image_url: { url: `data:image/svg+xml;utf8,${SVG}` } }, { type: "image_url", image_url: { url: `${upstream.url}/tracking.png` } }, { type: "image_url", image_url: { url: "javascript:window.hacked=1" } }] }] });
      const [one] = await glassway.recorded(1);
      await glassway.api(`/api/request/${one.id}`, { note: HOSTILE, pinned: true }, "PUT");
      const asked = upstream.requests.length;
      const page = await signedIn(browser, glassway, w);
      await open(page, one.id);
      await page.locator(".talk").getByText("<script>window.hacked=1</script>").first().waitFor();
      const text = await page.locator(".talk").innerText();
      assert.ok(text.includes("␛[31mred"), "escape sequences are seen");
      assert.ok(text.includes("invoice[RLO]gpj.exe"), "turned text is seen");
      for (const tab of await page.getByRole("tab").all()) {
        await tab.click();
        const folded = page.locator("#tab-panel .fold[aria-expanded=false]");
        while ((await folded.count()) > 0) await folded.first().click();
        await inspect(page, `hostile-${(await tab.getAttribute("data-tab")) ?? "tab"}-${w.tag}`);
        assert.doesNotMatch(await page.locator("body").innerText(), /[\u001b\u202e]/, "nothing hidden reaches the page");
      }
      await page.goto(`${glassway.monitor.url}/#/compare/${one.id}/${one.id}`);
      await page.locator(".cmp").waitFor();
      await page.goto(`${glassway.monitor.url}/#/replay/${one.id}`);
      await page.locator(".composer").waitFor();
      await page.goto(`${glassway.monitor.url}/#/requests`);
      await page.locator("a.row").waitFor();
      assert.equal(await page.evaluate(() => window.hacked), undefined, "nothing ran");
      assert.equal(upstream.requests.length, asked, "nothing was fetched");
      assert.deepEqual(await page.locator('img:not([src^="data:image/png"], [src^="data:image/jpeg"]), iframe, object, embed, a[href^="javascript:"]').all(), []);
    });
  });
}
