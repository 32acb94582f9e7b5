// Tracing a relay station, before the two real processes and a relay that fetches the
// image as it is told: the page shows each fetch as it arrives, says what that proves and
// what not, compares groups, and explains why a private address sees no hits.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import http from "node:http";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import path from "node:path";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, relay, glassway, script;

const KEY = (n) => `sk-trace${n}abcdefghijklmnopqrstuvwxyz`;
const RELAY_HEADERS = { "x-oneapi-request-id": "20261120", server: "nginx" };
const says = (content) => ({
  id: "chatcmpl-0f8fad5bd9cb469fa16570867728950e", object: "chat.completion", model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  usage: { prompt_tokens: 480, completion_tokens: 8 },
});

/** Fetches an image from a loopback address of its own. */
function fetchFrom(localAddress, agent, url) {
  return new Promise((resolve, reject) => {
    http.get(url, { localAddress, headers: { "user-agent": agent } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
    }).on("error", reject);
  });
}

/** The code that was drawn for an agent: only the picture and the database hold it. Node 20 has no SQLite. */
function codeFor(agent) {
  const ask = "import sqlite3,sys; c=sqlite3.connect('file:'+sys.argv[1]+'?mode=ro',uri=True); print((c.execute('select code from trace_hits where user_agent=? order by id desc',(sys.argv[2],)).fetchone() or [''])[0])";
  return execFileSync("python3", ["-c", ask, path.join(glassway.folder, "data/glassway.db"), agent], { encoding: "utf8" }).trim();
}

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  script = async () => says("I cannot open links.");
  relay = await Upstream.start(async (request, response) => {
    const image = request.body?.messages?.[0].content.find((part) => part.image_url)?.image_url.url;
    json(response, await script(image, request.headers.authorization), 200, RELAY_HEADERS);
  });
  glassway = await Glassway.start(relay);
  await glassway.api("/api/keys/bulk", { text: `vip, ${KEY(0)}\nslow, ${KEY(1)}` });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  relay.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", model: "Model", start: "Trace", seen: /A model saw the image, in the copy that 127\.0\.0\.3 fetched/, silent: /That proves nothing/, proof: "proof", read: "this copy was read", late: "after the answer", loopback: /means 'this machine'/, how: "How to expose the images and nothing else", chosen: "2 traces selected", compare: "Compare 2", shared: "Fetch for all", remove: "Delete", removeTwo: "Delete 2 traces", hand: "Address and key", address: "Base URL", key: "Key", refused: /allow/, live: /Waiting for the answer/, retry: "Try again" },
  { locale: "zh-CN", tag: "zh", model: "模型", start: "开始溯源", seen: /模型看到了图片，看的是 127\.0\.0\.3 取走的那一份/, silent: /什么也证明不了/, proof: "实证", read: "模型读的是这一份", late: "在回答之后", loopback: /表示“自己这台机器”/, how: "如何只公开图片", chosen: "已选 2 条溯源", compare: "对比 2 条", shared: "为全部对象取图", remove: "删除", removeTwo: "删除 2 条溯源", hand: "地址和密钥", address: "接口地址", key: "密钥", refused: /allow/, live: /正在等待回答/, retry: "重试" },
];
const LOOKS = [
  { look: "light", colorScheme: "light" },
  { look: "dark", colorScheme: "dark" },
  { look: "phone", colorScheme: "light", viewport: { width: 390, height: 844 } },
];

for (const words of LANGUAGES) {
  describe(`traces in ${words.locale}`, () => {
    const go = async (page, path = "/traces") => {
      await page.goto(`${glassway.monitor.url}/#${path}`);
      await page.locator(".treach .tbody .notice, .treach .tmood").first().waitFor();
    };
    const form = (page) => page.locator(".tstart");
    const begin = async (page, groups) => {
      for (const group of groups) await form(page).getByRole("checkbox", { name: new RegExp(`/ ${group}$`) }).check();
      await form(page).getByLabel(words.model, { exact: true }).fill("gpt-4o");
      await form(page).getByRole("button", { name: words.start, exact: true }).click();
    };

    for (const { look, ...context } of LOOKS) {
      it(`shows each fetch as it arrives and what it proves, ${look}`, async () => {
        const page = await signedIn(browser, glassway, { ...words, ...context });
        await go(page);
        await page.locator(".tnotes", { hasText: words.loopback }).waitFor();
        await page.getByRole("heading", { name: words.how }).waitFor();
        await inspect(page, `traces-first-${look}-${words.tag}`);

        let release;
        const held = new Promise((resolve) => (release = resolve));
        let image;
        script = async (url) => {
          image = url;
          await fetchFrom("127.0.0.2", "Go-http-client/1.1", url);
          await held;
          await fetchFrom("127.0.0.3", "OpenAI Image Downloader", url);
          await eventually("it is written", () => codeFor("OpenAI Image Downloader"));
          return says(`The image shows: ${codeFor("OpenAI Image Downloader")}`);
        };
        await begin(page, ["vip"]);
        const sheet = page.locator(".sheet");
        await sheet.getByText(words.live).waitFor();
        // Before any answer, without a reload.
        await sheet.locator(".thit", { hasText: "127.0.0.2" }).waitFor();
        assert.equal(await sheet.locator(".thit").count(), 1);
        release();
        await sheet.getByText(words.seen).waitFor();
        await sheet.locator(".thit", { hasText: "127.0.0.3" }).getByText(words.read).waitFor();
        await sheet.locator(".tfound").getByText(words.proof, { exact: true }).first().waitFor();
        await inspect(page, `trace-${look}-${words.tag}`);
        await fetchFrom("127.0.0.4", "late/1", image);
        await sheet.locator(".thit", { hasText: "127.0.0.4" }).getByText(words.late).waitFor();
        const request = await sheet.locator("a[href*='#/requests/']").getAttribute("href");
        await page.keyboard.press("Escape");
        await page.locator(".rt.traces .rrow", { hasText: "vip" }).waitFor();
        await inspect(page, `traces-list-${look}-${words.tag}`);
        await page.goto(`${glassway.monitor.url}/${request}`);
        await page.getByText("gpt-4o").first().waitFor();
      });
    }

    it("compares groups, finds in the history and deletes", async () => {
      const page = await signedIn(browser, glassway, words);
      script = async (url, authorization) => {
        await fetchFrom(authorization.includes(KEY(0)) ? "127.0.0.2" : "127.0.0.3", "Go-http-client/1.1", url);
        await fetchFrom("127.0.0.9", "python-httpx/0.28", url);
        return says("no");
      };
      await go(page);
      await begin(page, ["vip", "slow"]);
      const rows = page.locator(".rt.traces .rrow:not(.bones)");
      await eventually("both are answered", async () => (await glassway.api("/api/traces")).items.filter((t) => t.status === "done" && t.hit_count === 2).length === 2);
      await page.goto(`${glassway.monitor.url}/#/traces`);
      for (const group of ["vip", "slow"]) await rows.filter({ hasText: group }).getByRole("checkbox").check();
      const bar = page.getByRole("toolbar");
      await bar.getByText(words.chosen).waitFor();
      await bar.getByRole("button", { name: words.compare }).click();
      const panel = page.locator(".tcompare");
      await panel.locator(".tfacts", { hasText: words.shared }).getByText("127.0.0.9").waitFor();
      assert.equal(await panel.locator(".ttarget").count(), 2);
      await inspect(page, `traces-compared-${words.tag}`);

      // The search asks the server, which knows the hits.
      await page.getByRole("search").getByRole("textbox").fill("127.0.0.3");
      await rows.filter({ hasText: "vip" }).waitFor({ state: "detached" });
      assert.equal(await rows.count(), 1);
      await page.getByRole("search").getByRole("textbox").fill("");
      await rows.filter({ hasText: "vip" }).waitFor();
      const file = page.waitForEvent("download");
      await bar.getByRole("link").click();
      assert.equal((await file).suggestedFilename(), "traces.json");
      await bar.getByRole("button", { name: words.remove, exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: words.removeTwo }).click();
      await rows.first().waitFor({ state: "detached" });
      assert.equal((await glassway.api("/api/traces")).total, 0);
    });

    it("says why a trace outside the list cannot be shown, and tries again", async () => {
      const { added: [key] } = await glassway.api("/api/keys/bulk", { text: `more, ${KEY(2)}` });
      const begun = await glassway.api("/api/traces", { group_id: key.id, model: "gpt-4o" });
      const page = await signedIn(browser, glassway, words);
      await page.route(`**/api/traces/${begun.id}`, (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: "The database is away." }) }));
      await go(page, `/traces/${begun.id}?q=nothing-like-it`);
      const sheet = page.locator(".sheet");
      await sheet.getByRole("alert").getByText("The database is away.").waitFor();
      await inspect(page, `trace-failed-${words.tag}`);
      await page.unroute(`**/api/traces/${begun.id}`);
      await sheet.getByRole("button", { name: words.retry }).click();
      await sheet.getByText("gpt-4o").first().waitFor();
    });

    it("says that silence proves nothing, and refuses an address inside", async () => {
      const page = await signedIn(browser, glassway, words);
      await go(page);
      await begin(page, ["slow"]);
      await page.locator(".sheet").getByText(words.silent).first().waitFor();
      await inspect(page, `trace-silent-${words.tag}`);
      await page.goto(`${glassway.monitor.url}/#/traces`);
      await form(page).getByRole("button", { name: words.hand }).click();
      await form(page).getByLabel(words.address).fill("http://10.0.0.1:8000");
      await form(page).getByLabel(words.key, { exact: true }).fill("sk-never-shown-0123456789");
      await form(page).getByRole("button", { name: words.start, exact: true }).click();
      await form(page).locator(".problem.err").getByText(words.refused).waitFor();
      await inspect(page, `traces-refused-${words.tag}`);
      assert.equal((await glassway.api("/api/traces")).total, 1);
    });
  });
}
