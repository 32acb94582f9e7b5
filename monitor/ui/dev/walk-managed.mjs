// Walks the managed pages of the built UI in a real browser against the stand-in monitor and checks
// what must hold while one works: pastes, drafts, refusals, tests, deletions, tokens shown once, keys
// of the keyboard, and that no secret gets into an address or storage. Build first.
//
//   node dev/walk-managed.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const PORT = 18091;
const origin = `http://127.0.0.1:${PORT}`;
const child = spawn(process.execPath, [fileURLToPath(new URL("./mock-server.mjs", import.meta.url)), String(PORT), "--still", "--rows", "200"], { stdio: ["ignore", "pipe", "inherit"] });
await new Promise((resolve) => child.stdout.once("data", resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en", permissions: ["clipboard-read", "clipboard-write"] });
const page = await context.newPage();
page.setDefaultTimeout(8000);
page.on("dialog", (d) => void d.accept());
const errors = [];
page.on("pageerror", (e) => errors.push(e.message));
const addresses = new Set();
page.on("framenavigated", (f) => addresses.add(f.url()));
page.on("request", (r) => addresses.add(r.url()));

const SECRETS = ["sk-proj-Vb3kQ81hZmmT9f2", "sk-proj-typed-by-hand-1234", "sk-ant-api03-Lq8Zw8AA", "gw-mock-3vQ8"];
let failed = 0;
async function step(name, act) {
  try {
    await act();
    console.log(`ok    ${name}`);
  } catch (cause) {
    failed++;
    console.log(`FAIL  ${name}\n      ${String(cause.message).split("\n").slice(0, 6).join("\n      ")}`);
    await page.screenshot({ path: `/tmp/walk-managed-${failed}.png` });
  }
}
const rows = page.locator(".rrow:not(.bones)");
const go = (to) => page.goto(`${origin}/#${to}`);

await page.goto(`${origin}/#key=demo`);
await page.locator(".app").waitFor();

await step("keys with problems come first and count down", async () => {
  await go("/keys");
  await rows.first().waitFor();
  assert.deepEqual(await page.locator(".rrow .st span").evaluateAll((all) => all.slice(0, 5).map((e) => e.textContent)), ["cooling", "cooling", "cooling", "exhausted", "invalid"]);
  const before = await page.locator(".count").first().innerText();
  await page.waitForFunction((t) => document.querySelector(".count").textContent !== t, before);
});
await step("a facet and the search write the same text; back leads out", async () => {
  await page.locator(".facets a", { hasText: "exhausted" }).click();
  await page.waitForURL(/q=status:exhausted/);
  assert.equal(await rows.count(), 1);
  await page.goBack();
  await page.keyboard.press("/");
  await page.keyboard.type("provider:hk-relay vip");
  await page.waitForURL(/provider:hk-relay/);
  await page.waitForFunction(() => document.querySelectorAll(".rrow").length === 2);
  await page.goBack();
  await page.waitForFunction(() => document.querySelectorAll(".rrow").length === 23);
});
await step("j, k, Enter and Esc walk the list", async () => {
  await page.locator("h1").click();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator(".sheet form").waitFor();
  const first = page.url();
  await page.keyboard.press("j");
  await page.waitForFunction((u) => location.href !== u, first);
  await page.keyboard.press("Escape");
  await page.locator(".sheet").waitFor({ state: "detached" });
});
await step("what is typed is kept when the sheet is left, and discarded when asked", async () => {
  await go("/keys/6");
  const weight = page.locator(".sheet input[inputmode=numeric]").first();
  await weight.fill("7");
  await page.locator(".sheet header .btn").last().click();
  await go("/keys/6");
  assert.equal(await weight.inputValue(), "7");
  await page.getByRole("button", { name: "Discard changes" }).click();
  assert.equal(await weight.inputValue(), "3");
});
await step("a refusal stands beside its field and nothing typed is lost", async () => {
  await page.locator(".sheet input[inputmode=numeric]").first().fill("0");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("must be from 1 to 1000").waitFor();
  assert.equal(await page.locator("[aria-invalid=true]").count(), 1);
  await page.locator(".sheet input[inputmode=numeric]").first().fill("5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForFunction(() => document.querySelector(".sheet .btn.primary").disabled);
  await page.locator(".rrow.here .c-weight", { hasText: "5" }).waitFor({ state: "attached" });
});
await step("a test tells in place what it found, and brings a cooling key back", async () => {
  await go("/keys?q=status:cooling");
  const name = await page.locator(".rrow .name").first().innerText();
  await page.locator(".rmenu button").first().click();
  await page.getByRole("menuitem", { name: "Test" }).click();
  await go("/keys");
  await page.locator(".rrow", { hasText: name }).getByText("works, 312 ms").waitFor();
});
await step("a paste is explained line by line before anything is sent, then added and tested", async () => {
  await page.getByRole("button", { name: "Add many" }).click();
  await page.locator(".bulk textarea").fill(`${SECRETS[0]}\n${SECRETS[0]}\n# note\nname, sk-proj-named-99887766\n${SECRETS[2]}\nsk-bad key\nsk-please-reject-me-000`);
  assert.deepEqual(await page.locator(".bulk .out b").allInnerTexts(), ["new", "repeat", "skipped", "new", "differs", "refused", "new"]);
  await page.getByRole("button", { name: "use anthropic" }).click();
  assert.match(await page.locator(".foot .primary").innerText(), /Add 4 keys/);
  await page.locator(".foot .primary").click();
  await page.getByText("3 added, 0 already there, 1 refused.").waitFor();
  await page.getByText("3 of 3 tested keys work.").waitFor();
  assert.equal(await page.locator(".bulk textarea").inputValue(), "sk-bad key\nsk-please-reject-me-000");
  assert.equal(await page.locator(".bulk .out").innerText().then((t) => t.includes("longer than any key of this provider")), true);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".rrow").length === 26);
});
await step("one key is added, its field is empty afterwards", async () => {
  await go("/keys/new?provider=4");
  await page.locator(".sheet input[type=text]").first().fill("by-hand");
  await page.locator(".sheet input[type=password]").fill(SECRETS[1]);
  await page.locator(".sheet .btn.primary").click();
  await page.waitForURL(/keys\/1\d\d/);
  assert.equal(await page.locator(".sheet input[type=password]").inputValue(), "");
});
await step("validating shows how far it is and what came of it; reset takes all back", async () => {
  await go("/keys");
  await page.getByRole("button", { name: /^Recheck/ }).click();
  await page.getByRole("button", { name: /^Checking 1 of/ }).waitFor();
  await page.getByText(/came back, 2 still out/).waitFor();
  await page.getByRole("button", { name: "Reset all" }).click();
  await page.getByText("2 keys are back in the pool.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Reset all" }).isDisabled(), true);
  await page.locator(".rail .n.warn").waitFor({ state: "detached" });
});
await step("deleting names what goes, and can be left", async () => {
  const n = await rows.count();
  await page.locator(".rmenu button").last().click();
  await page.locator(".el-dropdown-menu__item.danger:visible").click();
  await page.getByRole("heading", { name: "Delete the key sg-relay/default?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.equal(await rows.count(), n);
  await page.locator(".rmenu button").last().click();
  await page.locator(".el-dropdown-menu__item.danger:visible").click();
  await page.getByRole("button", { name: "Delete sg-relay/default" }).click();
  await page.waitForFunction((k) => document.querySelectorAll(".rrow").length === k, n - 1);
});
await step("a provider's refused address shows the line to add, whole", async () => {
  await go("/providers/new");
  await page.getByRole("button", { name: /vLLM/ }).click();
  await page.locator(".sheet .btn.primary").click();
  await page.getByText('allow = ["127.0.0.1:8000"]').waitFor();
  await page.locator(".sheet .inp.mono").first().fill("https://relay.example/v1");
  await page.locator(".sheet .btn.primary").click();
  await page.waitForURL(/providers\/1\d\d/);
});
await step("a provider in use says what uses it", async () => {
  await go("/providers/4");
  await page.locator(".sheet header .btn").first().click();
  await page.getByRole("button", { name: "Delete hk-relay" }).click();
  await page.getByText(/in use: .* the routes claude-\*, house-chat/).waitFor();
  await page.keyboard.press("Escape");
});
await step("a switch in the list is thrown at once", async () => {
  await go("/providers");
  await page.getByRole("switch", { name: /anthropic/ }).click();
  await page.locator(".rrow", { hasText: "api.anthropic.com" }).getByText("disabled").waitFor();
});
await step("a client token is shown once and asks before it is gone", async () => {
  await go("/client-tokens/new");
  await page.locator(".sheet input[type=text]").first().fill("walker");
  await page.locator(".sheet .btn.primary").click();
  await page.getByText("gw-mock-3vQ8").waitFor();
  await page.locator("dialog .btn", { hasText: "Close" }).click();
  await page.getByText("Close without having copied it?").waitFor();
  await page.getByRole("button", { name: "Copy the token" }).click();
  await page.waitForFunction(() => navigator.clipboard.readText().then((t) => t.startsWith("gw-mock-")));
  await page.getByRole("button", { name: "I have kept it" }).click();
  await page.waitForURL(/client-tokens\/1\d\d/);
  assert.equal((await page.content()).includes("gw-mock-"), false);
});
await step("a model with a slash in its name opens, and takes a price", async () => {
  await go("/models");
  await page.locator(".stretch", { hasText: "house/summary" }).click();
  await page.locator(".sheet input[inputmode=decimal]").first().fill("1.5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator(".rrow.here", { hasText: "$1.50" }).waitFor();
});
await step("a route is made of candidates", async () => {
  await go("/routes/new");
  await page.locator(".sheet .inp").first().fill("fast-*");
  await page.getByRole("button", { name: "Add a candidate" }).click();
  await page.locator(".cand").nth(1).locator("select").selectOption({ label: "hk-relay" });
  await page.locator(".cand").nth(1).locator(".inp").first().fill("qwen3-max");
  await page.locator(".cand").nth(1).locator(".inp").nth(1).fill("-5");
  await page.locator(".sheet .btn.primary").click();
  await page.locator(".rrow", { hasText: "fast-*" }).getByText("qwen3-max").waitFor();
});
await step("settings are changed and stay", async () => {
  await go("/settings");
  await page.getByRole("radio", { name: /round robin/ }).check();
  await page.getByRole("button", { name: "Save", exact: true }).first().click();
  await page.waitForFunction(() => document.querySelector(".form-foot .primary").disabled);
  await page.reload();
  await page.waitForFunction(() => document.querySelector(".choice input:checked")?.value === "round_robin");
});
await step("a converted request is marked in the list and tells all four sides", async () => {
  await go("/requests?q=client_token:weather-desk");
  const row = page.locator("a.row").first();
  await row.waitFor();
  await page.locator("a.row .c-path .tag", { hasText: "openai → anthropic" }).first().waitFor();
  await row.click();
  await page.locator("[data-tab=changes]").click();
  await page.locator(".fdiff li").first().waitFor();
  assert.deepEqual(await page.locator(".legs b").allInnerTexts(), ["OpenAI chat", "Anthropic messages", "Anthropic messages", "OpenAI chat"]);
  assert.deepEqual(await page.locator(".kept code").allInnerTexts(), ["seed", "logit_bias", "temperature"]);
  assert.match(await page.locator(".fdiff li.renamed .where").first().innerText(), /max_completion_tokens.*max_tokens/);
  assert.equal(await page.locator(".fcol").count(), 2);
  await page.locator(".fcol").first().getByRole("button", { expanded: false }).first().click();
  await page.locator(".fcol pre", { hasText: "message_start" }).waitFor();
});
await step("the text comparison and the headers are a click away", async () => {
  await page.locator(".pair").first().getByRole("button", { name: "Text" }).click();
  await page.locator(".dl.removed", { hasText: '"seed": 7' }).waitFor();
  await page.locator(".pair").first().getByRole("button", { name: "Headers" }).click();
  await page.locator(".fdiff .where", { hasText: "x-api-key" }).waitFor();
});
await step("the cost adds up, and unknown says unknown", async () => {
  await page.locator("[data-tab=cost]").click();
  await page.locator(".costs tfoot").waitFor();
  const cells = (await page.locator(".costs tbody td:last-child, .costs tfoot td:last-child").allInnerTexts()).map((t) => Number(t.replace("$", "")));
  assert.ok(Math.abs(cells.slice(0, -1).reduce((a, b) => a + b, 0) - cells.at(-1)) < 0.00001, cells.join(" "));
  await page.locator(".costs .note.ok", { hasText: "saved" }).waitFor();
  await go("/requests?q=model:gpt-4o status:400");
  await page.locator("a.row .c-st .warn").first().waitFor();
  await page.locator("a.row").first().click();
  await page.locator("[data-tab=cost]").click();
  await page.locator(".costs tfoot", { hasText: "unknown" }).waitFor();
});
await step("each key shows its share of the last hour, and the column sorts", async () => {
  await go("/keys");
  await page.locator(".c-flow svg").first().waitFor();
  await page.locator(".th .c-flow").click();
  await page.waitForURL(/sort=/);
  const shares = (await page.locator(".rrow .c-flow").allInnerTexts()).map((t) => Number(t.replace(/[<%]/g, "")));
  assert.ok(shares[0] > 10 && shares.every((s, i) => i === 0 || s <= shares[i - 1] + 0.05), shares.join(" "));
});
await step("a provider that is out says why, and until when", async () => {
  await go("/providers");
  const row = page.locator(".rrow", { hasText: "azure" });
  await row.locator(".c-health", { hasText: "the provider is overloaded" }).waitFor();
  await row.locator(".count").waitFor();
});
await step("g and a letter lead to every page", async () => {
  for (const [key, path] of [["k", "keys"], ["p", "providers"], ["m", "models"], ["o", "routes"], ["t", "client-tokens"], ["s", "settings"], ["u", "setup"], ["r", "requests"], ["l", "playground"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.waitForURL(new RegExp(`#/${path}`));
  }
});
await step("no secret is in an address or in storage, and nothing threw", async () => {
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  for (const secret of SECRETS) {
    assert.equal(stored.includes(secret), false);
    assert.equal([...addresses].some((a) => a.includes(secret)), false);
  }
  assert.deepEqual(errors, []);
});

await browser.close();
child.kill();
process.exit(failed ? 1 : 0);
