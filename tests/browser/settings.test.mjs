// The settings page and the setup guide before the two real processes: what the record costs
// and how long it stays, who is signed in, another admin key, and the lines for clients.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn, visit } from "./page.mjs";

let browser, upstream, glassway;

const completion = { id: "c", object: "chat.completion", model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } };

before(async () => {
  browser = await launch();
  upstream = await Upstream.start((request, response) => json(response, completion));
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
  { locale: "en-US", tag: "en", kept: "What is kept", own: "Other limits than the configuration's", most: "Requests kept at most", save: "Save", four: "Delete 4 requests?", do: "Save and delete them", two: "2 requests", redaction: "Redaction", signedIn: "Signed in", thisOne: "this one", end: "End", configured: /set from outside/, current: "Current admin key", next: "New admin key", make: "Make one", change: "Change the key", changed: /1 other session ended/, notKey: "is not the admin key", about: "About", notices: "Third-party notices", retry: "Try again", logs: "Logs", module: "Module", level: "Level", set: "Set", what: "What is written", asConfigured: "As configured", guide: "Open the setup guide", token: "a client token", put: "Token to put into the lines", copy: "Copy Claude Code", copied: "Copied", bad: "This is not a number." },
  { locale: "zh-CN", tag: "zh", kept: "记录的保留", own: "使用不同于配置文件的上限", most: "最多保留的请求数", save: "保存", four: "删除 4 个请求？", do: "保存并删除", two: "2 个请求", redaction: "脱敏", signedIn: "登录会话", thisOne: "当前会话", end: "结束", configured: /由外部设置/, current: "当前管理员密钥", next: "新的管理员密钥", make: "生成一个", change: "更换密钥", changed: /另外 1 个会话已结束/, notKey: "不是管理员密钥", about: "关于", notices: "第三方声明", retry: "重试", logs: "日志", module: "模块", level: "级别", set: "设置", what: "记录哪些内容", asConfigured: "恢复为配置", guide: "打开接入指南", token: "客户端令牌", put: "填入配置的令牌", copy: "复制 Claude Code", copied: "已复制", bad: "不是数字。" },
];
const LOOKS = [
  { look: "light", colorScheme: "light" },
  { look: "phone-dark", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];
const section = (page, name) => page.locator("section.panel", { has: page.getByRole("heading", { name, exact: true }) });
const ask = () => fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}' });

for (const w of LANGUAGES) {
  describe(`settings in ${w.locale}`, () => {
    const settings = async (page) => {
      await page.goto(`${glassway.monitor.url}/#/settings`);
      await section(page, w.signedIn).locator("li").first().waitFor();
    };

    for (const { look, ...context } of LOOKS) {
      it(`shows what it keeps, whom it let in and what it is, ${look}`, async () => {
        glassway = await Glassway.start(upstream);
        const page = await signedIn(browser, glassway, { ...w, ...context });
        await settings(page);
        await section(page, w.kept).locator(".diskbar").waitFor();
        await section(page, w.kept).getByText(/\d(\.\d)? MB/).first().waitFor();
        await section(page, w.redaction).getByText("x-goog-api-key").waitFor();
        await page.getByText(w.configured).waitFor();
        await section(page, w.signedIn).getByText(w.thisOne).waitFor();
        assert.equal(await section(page, w.signedIn).locator("li").count(), 1, "a link signs in once");
        await inspect(page, `settings-${look}-${w.tag}`);
        await page.getByRole("button", { name: w.notices }).click();
        await section(page, w.about).getByText("rusqlite", { exact: true }).waitFor();
        await section(page, w.about).getByText("element-plus", { exact: true }).waitFor();
        await inspect(page, `settings-about-${look}-${w.tag}`);
      });
    }

    it("deletes by other limits only after it was asked", async () => {
      glassway = await Glassway.start(upstream);
      await glassway.api("/api/keys/bulk", { text: "main, sk-browserabcdefghijklmnopqrstuvwxyz" });
      for (let n = 0; n < 6; n++) assert.equal((await ask()).status, 200);
      await glassway.recorded(6);
      const page = await signedIn(browser, glassway, w);
      await settings(page);
      const kept = section(page, w.kept);
      await kept.getByRole("checkbox", { name: w.own }).check();
      const most = kept.getByRole("textbox", { name: w.most });
      await most.fill("few");
      await kept.getByRole("button", { name: w.save }).click();
      await kept.getByText(w.bad).waitFor();
      await most.fill("2");
      await kept.getByRole("button", { name: w.save }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("heading", { name: w.four }).waitFor();
      await inspect(page, `settings-retention-${w.tag}`);
      assert.equal((await glassway.api("/api/settings")).max_exchanges, null);
      await dialog.getByRole("button", { name: w.do }).click();
      await eventually("four are gone", async () => (await glassway.api("/api/storage")).exchanges === 2);
      assert.equal((await glassway.api("/api/settings")).max_exchanges, 2);
      await page.reload();
      await section(page, w.kept).getByText(w.two).waitFor();
      assert.equal(await section(page, w.kept).getByRole("textbox", { name: w.most }).inputValue(), "2");
    });

    it("ends sessions, and with another admin key all others", async () => {
      glassway = await Glassway.start(upstream, { adminKey: "" });
      const link = /#key=(\S+)/.exec(readFileSync(`${glassway.folder}/data/sign-in`, "utf8"))[1];
      const enter = async (key) => {
        const page = await visit(browser, w);
        await page.goto(`${glassway.monitor.url}/#key=${key}`);
        await page.getByRole("navigation").first().waitFor();
        return page;
      };
      const [page, phone, third] = [await enter(link), await enter(link), await enter(link)];
      await settings(page);
      const sessions = section(page, w.signedIn);
      assert.equal(await sessions.locator("li").count(), 3);
      await sessions.locator("li").filter({ hasNotText: w.thisOne }).first().getByRole("button").click();
      await page.getByRole("dialog").getByRole("button", { name: w.end }).click();
      await sessions.locator("li").nth(2).waitFor({ state: "detached" });

      await page.getByRole("textbox", { name: w.current }).or(page.locator('input[autocomplete="current-password"]')).first().fill("wrong");
      await page.getByRole("button", { name: w.make }).click();
      const made = await page.locator('input[autocomplete="new-password"]').inputValue();
      assert.match(made, /^gwadmin-[\w-]{43}$/);
      await page.getByRole("button", { name: w.change }).click();
      await page.getByText(w.notKey).waitFor();
      await inspect(page, `settings-key-${w.tag}`);
      await page.locator('input[autocomplete="current-password"]').fill(decodeURIComponent(link));
      await page.getByRole("button", { name: w.change }).click();
      await page.getByText(w.changed).waitFor();
      assert.equal(await page.locator('input[autocomplete="new-password"]').inputValue(), "", "kept nowhere");
      await sessions.locator("li").nth(1).waitFor({ state: "detached" });
      await page.reload();
      await sessions.locator("li").first().waitFor();
      for (const other of [phone, third]) {
        await other.goto(`${glassway.monitor.url}/#/keys`);
        await other.reload();
        await other.locator(".signin").waitFor();
      }
      const again = await enter(made);
      assert.equal(await again.locator(".signin").count(), 0);
    });

    it("changes what is logged while it runs, and back", async () => {
      glassway = await Glassway.start(upstream);
      const page = await signedIn(browser, glassway, w);
      await settings(page);
      const logs = section(page, w.logs);
      const filter = logs.getByRole("textbox", { name: w.what });
      const configured = await filter.inputValue();
      await logs.getByRole("combobox", { name: w.module }).selectOption("glassway_proxy::journal");
      await logs.getByRole("combobox", { name: w.level }).selectOption("debug");
      await logs.getByRole("button", { name: w.set, exact: true }).click();
      assert.equal(await filter.inputValue(), `${configured},glassway_proxy::journal=debug`);
      await inspect(page, `settings-logs-${w.tag}`);
      await logs.getByRole("button", { name: w.save, exact: true }).click();
      await logs.getByRole("button", { name: w.asConfigured }).waitFor();
      assert.equal((await glassway.api("/api/log-levels")).proxy.filter, `${configured},glassway_proxy::journal=debug`);
      await filter.fill("info,glassway_nothing=debug");
      await logs.getByRole("button", { name: w.save, exact: true }).click();
      await logs.getByRole("alert").getByText("glassway_nothing").waitFor();
      await logs.getByRole("button", { name: w.asConfigured }).click();
      await logs.getByRole("button", { name: w.asConfigured }).waitFor({ state: "detached" });
      assert.equal(await filter.inputValue(), configured, "what was refused is gone, too");
      assert.equal((await glassway.api("/api/log-levels")).proxy.filter, configured);
    });

    it("says what could not be loaded, and loads it again", async () => {
      glassway = await Glassway.start(upstream);
      const page = await signedIn(browser, glassway, w);
      let broken = true;
      for (const path of ["storage", "sessions"]) {
        await page.route(`**/api/${path}*`, (route) => (broken ? route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "x", status: 503, detail: `no ${path} <b>now</b>` }) }) : route.continue()));
      }
      await page.goto(`${glassway.monitor.url}/#/settings`);
      await page.getByText("no storage <b>now</b>").waitFor();
      await page.getByText("no sessions <b>now</b>").waitFor();
      await inspect(page, `settings-broken-${w.tag}`);
      broken = false;
      await section(page, w.kept).getByRole("button", { name: w.retry }).click();
      await section(page, w.kept).locator(".diskbar").waitFor();
      await section(page, w.signedIn).getByRole("button", { name: w.retry }).click();
      await section(page, w.signedIn).locator("li").first().waitFor();
    });

    for (const { look, ...context } of LOOKS) {
      it(`gives clients their lines, ${look}`, async () => {
        glassway = await Glassway.start(upstream);
        const page = await signedIn(browser, glassway, { ...w, ...context });
        await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: glassway.monitor.url });
        await settings(page);
        await page.getByRole("link", { name: w.guide }).click();
        const code = page.locator(".guide pre");
        await code.first().getByText(`${glassway.url}/v1/chat/completions`).waitFor();
        await inspect(page, `setup-${look}-${w.tag}`);
        const clients = await page.locator(".guide nav a").all();
        assert.ok(clients.length >= 12, `${clients.length}`);
        for (const client of clients) {
          await client.click();
          await page.locator(".guide h2", { hasText: await client.textContent() }).last().waitFor();
          assert.ok((await code.allTextContents()).join("\n").includes(glassway.url), await client.textContent());
        }
        await page.goto(`${glassway.monitor.url}/#/setup/claude-code`);
        await page.getByRole("button", { name: w.token, exact: true }).click();
        await page.getByRole("textbox", { name: w.put }).fill("gw-mine");
        await code.first().getByText("ANTHROPIC_AUTH_TOKEN=gw-mine").waitFor();
        await page.getByRole("button", { name: w.copy, exact: true }).click();
        await page.getByText(w.copied).waitFor();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `export ANTHROPIC_BASE_URL=${glassway.url}\nexport ANTHROPIC_AUTH_TOKEN=gw-mine\nclaude`);
        await inspect(page, `setup-token-${look}-${w.tag}`);
      });
    }
  });
}
