// Keys as they come in and are looked after one by one, before the two real processes: pasted many
// at once, added by the form, changed, tested in their row, and taken back after a failure.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, eventually, json } from "../clients/node/glassway.mjs";
import { inspect, launch, signedIn } from "./page.mjs";

let browser, upstream, glassway, refused;

const KEY = (name) => `sk-${name}-abcdefghijklmnopqrstuvwxyz`;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  refused = new Set(["bob"]);
  upstream = await Upstream.start((request, response) => {
    const wrong = [...refused].some((name) => request.headers.authorization?.includes(KEY(name)));
    if (wrong) return json(response, { error: { message: "Incorrect API key provided", type: "invalid_request_error", param: null, code: "invalid_api_key" } }, 401);
    if (request.path.endsWith("/models")) return json(response, { data: [{ id: "gpt-4o" }, { id: "gpt-4o-mini" }] });
    json(response, { object: "chat.completion", model: "gpt-4o", choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });
  });
  glassway = await Glassway.start(upstream);
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await glassway.stop();
  upstream.stop();
});

const LANGUAGES = [
  { locale: "en-US", tag: "en", bulk: "Add many", paste: "Paste keys", isNew: "new", repeat: /the same as line 1/, bad: /character 11 is a space/, sum: /2 will be added, 2 skipped/, look: "1 to look at", addTwo: /^Add 2 keys/, addOne: /^Add 1 key/, done: /2 added, 0 already there, 0 refused/, tested: /1 of 2 tested keys work/, kept: /left for you to look at/, works: /works, \d/, models: "2 models", failed: /test failed: .*Incorrect API key/, active: "active", invalid: "invalid", one: "Add one", add: "Add a key", needed: "This is needed.", name: "Name", key: "Key", replace: "Replace the key", weight: "Weight", quota: "Quota, $", notWhole: "This is not a whole number.", save: "Save", test: "Test", reset: "Reset all", back: "2 keys are back in the pool." },
  { locale: "zh-CN", tag: "zh", bulk: "批量添加", paste: "粘贴密钥", isNew: "新增", repeat: /与第 1 行相同/, bad: /第 11 个字符是空格/, sum: /将新增 2 个，跳过 2 行/, look: "需处理 1 行", addTwo: /^添加 2 个密钥/, addOne: /^添加 1 个密钥/, done: /新增 2 个，已存在 0 个，拒绝 0 行/, tested: /检测了 2 个，1 个可用/, kept: /未添加的行留在框中/, works: /可用，\d/, models: "2 个模型", failed: /检测未通过：.*Incorrect API key/, active: "可用", invalid: "无效", one: "添加一个", add: "添加密钥", needed: "必填。", name: "名称", key: "密钥", replace: "更换密钥", weight: "权重", quota: "额度（$）", notWhole: "不是整数。", save: "保存", test: "检测", reset: "恢复全部", back: "2 个密钥已恢复。" },
];

const stored = async () => (await glassway.api("/api/keys?limit=100")).items.sort((a, b) => (a.name < b.name ? -1 : 1));

for (const w of LANGUAGES) {
  describe(`keys as they come in, in ${w.locale}`, () => {
    const row = (page, name) => page.locator(".rrow", { hasText: `/${name}` });
    const state = (page, name, word) => row(page, name).locator(".st", { hasText: word }).first();

    it("takes many that are pasted, says of each line what becomes of it, and tests them", async () => {
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/keys`);
      // Nothing is there yet: the page leads to the box.
      await page.locator(".void").getByRole("button", { name: w.bulk }).click();
      await page.waitForURL(/add=bulk/);
      const paste = page.getByRole("region", { name: w.bulk, exact: true });
      const box = paste.getByRole("textbox", { name: w.paste });
      await box.fill([`ada, ${KEY("ada")}`, "# of the team", `bob, ${KEY("bob")}`, KEY("ada"), "cyd, sk-ab cdefghij"].join("\n"));
      const lines = paste.locator(".out li");
      await lines.nth(0).getByText(w.isNew, { exact: true }).waitFor();
      await lines.nth(3).getByText(w.repeat).waitFor();
      await lines.nth(4).getByText(w.bad).waitFor();
      await paste.getByText(w.sum).waitFor();
      await paste.getByText(w.look).waitFor();
      assert.deepEqual(await stored(), [], "nothing is written before the button");
      await inspect(page, `paste-${w.tag}`);

      await paste.getByRole("button", { name: w.addTwo }).click();
      const result = paste.locator(".result");
      await result.getByText(w.tested).waitFor();
      assert.match(await result.textContent(), w.done);
      assert.match(await result.textContent(), w.kept);
      assert.equal(await box.inputValue(), "cyd, sk-ab cdefghij", "what was not added stays");
      assert.deepEqual((await stored()).map((key) => `${key.name} ${key.status}`), ["ada active", "bob invalid"]);
      await row(page, "ada").getByText(w.works).waitFor();
      await row(page, "ada").getByText(w.models).waitFor();
      await row(page, "bob").getByText(w.failed).waitFor();
      await state(page, "bob", w.invalid).waitFor();
      await inspect(page, `pasted-${w.tag}`);

      await box.fill("cyd, sk-abcdefghij-0123456789");
      await box.press("Control+Enter");
      await row(page, "cyd").waitFor();
      await eventually("the box is empty", async () => (await box.inputValue()) === "");
      assert.ok(!(await page.content()).includes(KEY("ada")), "no key stays on the page");
    });

    it("adds one by the form, changes it, tests it in its row, and takes it back", async () => {
      await glassway.api("/api/keys/bulk", { text: `ada, ${KEY("ada")}\nbob, ${KEY("bob")}` });
      const page = await signedIn(browser, glassway, w);
      await page.goto(`${glassway.monitor.url}/#/keys`);
      await row(page, "ada").waitFor();
      await page.getByRole("link", { name: w.one, exact: true }).click();
      await page.waitForURL(/keys\/new/);
      const sheet = page.locator(".sheet");
      const field = (name) => sheet.getByLabel(name, { exact: true });
      await field(w.name).fill("dan");
      await sheet.getByRole("button", { name: w.add }).click();
      await sheet.getByRole("alert").getByText(w.needed).waitFor();
      assert.equal(await field(w.key).getAttribute("aria-invalid"), "true");
      await inspect(page, `key-new-${w.tag}`);
      await field(w.key).fill(KEY("dan"));
      await sheet.getByRole("button", { name: w.add }).click();
      await page.waitForURL(/keys\/\d+/);
      await row(page, "dan").waitFor();
      await sheet.getByLabel(w.replace, { exact: true }).waitFor();

      await field(w.weight).fill("1.5");
      await sheet.getByRole("button", { name: w.save, exact: true }).click();
      await sheet.getByRole("alert").getByText(w.notWhole).waitFor();
      await field(w.weight).fill("7");
      await field(w.quota).fill("$12.50");
      await sheet.getByRole("button", { name: w.save, exact: true }).click();
      await row(page, "dan").locator(".c-weight", { hasText: /^7$/ }).waitFor({ state: "attached" });
      await row(page, "dan").locator(".quota", { hasText: "12.5" }).waitFor({ state: "attached" });
      const dan = (await stored()).find((key) => key.name === "dan");
      assert.deepEqual([dan.weight, dan.quota_usd, dan.status], [7, 12.5, "active"]);

      // One works, another is refused; each says so in its place.
      await sheet.getByRole("button", { name: w.test, exact: true }).click();
      await row(page, "dan").getByText(w.works).waitFor();
      const menu = row(page, "bob").locator(".rmenu button, .el-dropdown button").first();
      await menu.click();
      await page.getByRole("menuitem", { name: w.test, exact: true }).click();
      await row(page, "bob").getByText(w.failed).waitFor();
      await state(page, "bob", w.invalid).waitFor();
      refused.add("dan");
      await sheet.getByRole("button", { name: w.test, exact: true }).click();
      await row(page, "dan").getByText(w.failed).waitFor();
      await state(page, "dan", w.invalid).waitFor();
      await state(page, "ada", w.active).waitFor();
      await inspect(page, `key-tested-${w.tag}`);

      refused.clear();
      await page.getByRole("button", { name: w.reset }).click();
      await page.getByText(w.back).waitFor();
      await state(page, "bob", w.active).waitFor();
      await state(page, "dan", w.active).waitFor();
      assert.deepEqual((await stored()).map((key) => `${key.name} ${key.status}`), ["ada active", "bob active", "dan active"]);
      assert.equal((await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"model":"gpt-4o","messages":[]}' })).status, 200);
      assert.deepEqual(page.problems, []);
    });
  });
}

describe("keys that are taken back", () => {
  it("are back in the very next answer", async () => {
    await glassway.api("/api/keys/bulk", { text: `bob, ${KEY("bob")}` });
    const [{ id }] = await stored();
    const status = async () => (await stored()).map((key) => key.status);
    for (let n = 0; n < 4; n++) {
      refused.add("bob");
      await glassway.api(`/api/keys/${id}/test`, undefined, "POST");
      assert.deepEqual(await status(), ["invalid"]);
      assert.deepEqual(await glassway.api("/api/keys/reset", undefined, "POST"), { reset: 1 });
      assert.deepEqual(await status(), ["active"]);
    }
  });
});
