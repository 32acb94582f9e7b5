// The audit log on the settings page, and clients of whom only figures are recorded, before the
// two real processes.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { ADMIN_KEY, Glassway, Upstream, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway;

before(async () => {
  browser = await launch();
  upstream = await Upstream.start((request, response) => json(response, { id: "c", object: "chat.completion", model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "a secret answer" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } }));
});
after(async () => {
  upstream.stop();
  await browser.close();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", title: "Audit log", show: "Show the audit log", change: "Change a client token", made: "Make a client token", refused: /refused: 400/, what: "What", none: "Nothing matches.", settings: "Change settings", record: "Record", figures: "Figures only", save: "Save", only: /Only figures are recorded/ },
  { locale: "zh-CN", tag: "zh", title: "审计日志", show: "显示审计日志", change: "更改客户端令牌", made: "创建客户端令牌", refused: /被拒绝：400/, what: "操作", none: "没有符合条件的记录。", settings: "更改设置", record: "记录内容", figures: "仅统计数据", save: "保存", only: /此客户端只记录统计数据/ },
];
const LOOKS = [
  { look: "light", colorScheme: "light" },
  { look: "dark", colorScheme: "dark" },
  { look: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
];
const call = async (method, path, body) => {
  const answer = await fetch(`${glassway.monitor.url}${path}`, { method, headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });
  return answer.status === 204 ? null : answer.json();
};

for (const w of LANGUAGES) {
  describe(`the audit log in ${w.locale}`, () => {
    for (const { look, ...context } of LOOKS) {
      it(`tells who changed what, ${look}`, async () => {
        glassway = await Glassway.start(upstream);
        const made = await call("POST", "/api/client-tokens", { name: "invoice-app", rpm: 5 });
        await call("PUT", `/api/client-tokens/${made.id}`, { rpm: 7, allowed_models: ["gpt-4o", "claude-*"] });
        await call("PUT", `/api/client-tokens/${made.id}`, { rpm: 0 });
        const page = await signedIn(browser, glassway, { ...w, ...context });
        await page.goto(`${glassway.monitor.url}/#/settings`);
        const section = page.locator("section.panel", { has: page.getByRole("heading", { name: w.title, exact: true }) });
        await section.getByRole("button", { name: w.show }).click();
        const rows = section.locator("li");
        await rows.nth(3).waitFor();
        await section.getByText(w.refused).waitFor();
        const changed = rows.filter({ hasText: w.change }).nth(1);
        await changed.locator("summary").click();
        assert.deepEqual(await changed.locator("tbody tr").nth(1).locator("th, td").allTextContents(), ["rpm", "5", "7"]);
        assert.ok(!(await section.textContent()).includes(made.token), "no secret");
        await section.scrollIntoViewIfNeeded();
        await inspect(page, `audit-${look}-${w.tag}`);
        await section.getByLabel(w.what, { exact: true }).selectOption({ label: w.settings });
        await section.getByText(w.none).waitFor();
      });
    }

    it("sets a client to figures only, and says so of its requests", async () => {
      glassway = await Glassway.start(upstream);
      const made = await call("POST", "/api/client-tokens", { name: "quiet" });
      await call("POST", "/api/keys", { provider_id: 1, name: "main", key_value: "sk-0123456789abcdefghijkl" });
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/client-tokens/${made.id}`);
      await page.getByLabel(w.record).selectOption({ label: w.figures });
      await inspect(page, `token-figures-${w.tag}`);
      await page.getByRole("button", { name: w.save, exact: true }).click();
      for (let n = 0; n < 600 && (await call("GET", `/api/client-tokens/${made.id}`)).record !== "metadata"; n++) await new Promise((done) => setTimeout(done, 50));
      await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { authorization: `Bearer ${made.token}`, "content-type": "application/json" }, body: '{"model":"gpt-4o","messages":[{"role":"user","content":"a secret question"}]}' });
      let id;
      for (let n = 0; n < 100 && !id; n++) {
        id = (await call("GET", "/api/requests?outcome=ok")).items[0]?.id;
        await new Promise((done) => setTimeout(done, 50));
      }
      await page.goto(`${glassway.monitor.url}/#/requests/${id}`);
      await page.getByText(w.only).first().waitFor();
      assert.ok(!(await page.textContent("body")).includes("a secret"));
      await inspect(page, `request-figures-${w.tag}`);
    });
  });
}
