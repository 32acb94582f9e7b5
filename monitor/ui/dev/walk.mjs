// Walks the built UI in a real browser against the stand-in monitor and checks what must hold while
// things move: live rows, holding back, filters in the URL, the live answer, keys, a lost
// connection, a lost session. Build first. Exits 1 when something does not hold.
//
//   node dev/walk.mjs

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const PORT = 18090;
const origin = `http://127.0.0.1:${PORT}`;
let child;
async function start(...flags) {
  child = spawn(process.execPath, [fileURLToPath(new URL("./mock-server.mjs", import.meta.url)), String(PORT), ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
}
const stop = () => new Promise((resolve) => {
  child.once("exit", resolve);
  child.kill();
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en", permissions: ["clipboard-read", "clipboard-write"] });
const page = await context.newPage();
page.setDefaultTimeout(8000);
const outside = [];
page.on("request", (r) => { if (!r.url().startsWith(origin) && !r.url().startsWith("data:") && !r.url().startsWith(`ws://127.0.0.1:${PORT}`)) outside.push(r.url()); });
const errors = [];
page.on("pageerror", (e) => errors.push(e.message));

let failed = 0;
async function step(name, act) {
  try {
    await act();
    console.log(`ok    ${name}`);
  } catch (cause) {
    failed++;
    console.log(`FAIL  ${name}\n      ${String(cause.message).split("\n").slice(0, 6).join("\n      ")}`);
    await page.screenshot({ path: `/tmp/walk-${failed}.png` });
  }
}
const rows = page.locator("a.row");
const firstText = () => rows.first().innerText();

await start();
await step("a wrong key is said, a right one signs in and leads back to where one was", async () => {
  await page.goto(`${origin}/#/requests?q=status:5xx`);
  await page.locator("#admin-key").fill("nonsense");
  await page.keyboard.press("Enter");
  await page.getByText("This key is not right").waitFor();
  await page.locator("#admin-key").fill("demo");
  await page.keyboard.press("Enter");
  await rows.first().waitFor();
  assert.match(page.url(), /q=status:5xx/);
  assert.equal((await page.locator(".c-st span:not(.vh)").allInnerTexts()).every((t) => /^5/.test(t)), true);
});
await step("the link signs in and its key leaves the address bar and the history", async () => {
  await context.clearCookies();
  await page.goto("about:blank");
  await page.goto(`${origin}/#key=demo`);
  await rows.first().waitFor();
  assert.equal(page.url().includes("key="), false);
  await page.goBack();
  assert.equal(page.url().includes("key="), false);
  await page.goForward();
  await rows.first().waitFor();
});
await step("a link pasted into a tab that is open signs in as well and leaves no key behind", async () => {
  await context.clearCookies();
  await page.evaluate(() => (location.hash = "key=demo"));
  await page.waitForURL((u) => u.hash === "#/requests");
  await page.waitForFunction(() => fetch("api/session").then((r) => r.ok));
  await page.goBack();
  assert.equal(page.url().includes("key="), false);
  await page.goto(`${origin}/#/requests`);
  await rows.first().waitFor();
});
await step("rows arrive at the top by themselves and finish in place", async () => {
  const before = await firstText();
  await page.waitForFunction((t) => document.querySelector("a.row")?.innerText !== t, before);
  await page.locator("a.row.live-row").first().waitFor({ timeout: 15_000 });
});
await step("scrolled away, the list keeps still and counts what is new", async () => {
  await page.locator(".rows").evaluate((el) => el.scrollTo(0, 800));
  await page.waitForTimeout(300);
  const top = await page.locator("[data-id]").nth(20).getAttribute("data-id");
  await page.getByRole("button", { name: /new request/ }).waitFor();
  await page.waitForTimeout(2500);
  assert.equal(await page.locator("[data-id]").nth(20).getAttribute("data-id"), top);
  await page.getByRole("button", { name: /new request/ }).click();
  assert.equal(await page.locator(".rows").evaluate((el) => el.scrollTop), 0);
  await page.getByRole("button", { name: /new request/ }).waitFor({ state: "detached" });
});
await step("pause holds rows back and the dot says so; f follows again", async () => {
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".live.paused").waitFor();
  await page.getByRole("button", { name: /new request/ }).waitFor({ timeout: 10_000 });
  await page.keyboard.press("f");
  await page.locator(".live:not(.paused)").waitFor();
});
await step("scrolling far loads page after page", async () => {
  for (let i = 0; i < 6; i++) {
    await page.locator(".rows").evaluate((el) => el.scrollTo(0, el.scrollHeight));
    await page.waitForTimeout(250);
  }
  assert.ok((await page.locator(".rows ul").evaluate((el) => el.clientHeight)) > 1500 * 32);
  await page.locator(".rows").evaluate((el) => el.scrollTo(0, 0));
});
await step("typed filters go to the URL and back works", async () => {
  await page.keyboard.press("/");
  await page.keyboard.type("model:gpt-4.1 status:2xx");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=model:gpt-4\.1(%20|\+| )status:2xx/);
  await page.waitForFunction(() => [...document.querySelectorAll(".rows a.row .c-model")].every((e) => e.textContent === "gpt-4.1") && document.querySelector(".rows a.row"));
  await page.goBack();
  await page.waitForFunction(() => document.querySelector(".find input").value === "");
  await page.locator(".facets a", { hasText: "5xx" }).click();
  await page.waitForURL(/status:5xx/);
  await page.locator(".facets a", { hasText: /^\s*All/ }).click();
  await page.waitForURL((u) => !u.href.includes("status"));
});
await step("a value's funnel filters by it", async () => {
  await page.keyboard.press("Escape");
  // Rows move under a resting pointer while they are followed; the reader holds them first.
  await page.waitForTimeout(1000); // the unfiltered list is on its way
  await page.getByRole("button", { name: "Pause" }).click();
  await rows.nth(6).hover();
  const model = await rows.nth(6).locator(".c-model").innerText();
  await page.locator(".row.over .c-model button").waitFor();
  await page.locator(".row.over .c-model button").click();
  await page.waitForURL(/model:/);
  assert.ok(decodeURIComponent(page.url()).includes(model.split(" ")[0]), `${model} is not in ${decodeURIComponent(page.url())}`);
  await page.goto(`${origin}/#/requests`);
});
await step("j, k and Enter walk the list; Esc closes", async () => {
  await rows.first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.waitForFunction(() => document.activeElement?.matches("a.row"));
  await page.keyboard.press("Enter");
  await page.locator(".detail .tabs").waitFor();
  const first = page.url();
  await page.locator(".detail").click({ position: { x: 200, y: 5 } });
  await page.keyboard.press("j");
  await page.waitForFunction((u) => location.href !== u, first);
  await page.keyboard.press("Escape");
  await page.locator(".detail").waitFor({ state: "detached" });
});
await step("an answer grows while it streams and the stored one replaces it", async () => {
  await page.goto(`${origin}/#/requests?q=outcome:in_flight`);
  const live = page.locator("a.row", { hasText: /claude-sonnet|gpt-4\.1/ }).first();
  await live.waitFor({ timeout: 20_000 });
  const length = () => page.locator(".turn.new-turn").last().evaluate((e) => e.innerText.length);
  let a = 0;
  // One that is about to end has nothing left to grow: take the next.
  for (let attempt = 0, grown = false; !grown; attempt++) {
    assert.ok(attempt < 8, "no running answer grew");
    await page.locator("a.row.live-row").first().waitFor({ timeout: 20_000 });
    // It may end, and leave the list, between being seen and being clicked.
    if (!(await page.locator("a.row.live-row").first().click({ timeout: 3000 }).then(() => true, () => false))) continue;
    await page.locator(".turn.new-turn").first().waitFor();
    a = await length();
    grown = await page.waitForFunction((n) => [...document.querySelectorAll(".turn.new-turn")].at(-1)?.innerText.length > n + 10, a, { timeout: 12_000 }).then(() => true, () => false);
  }
  await page.locator(".dhead .tag", { hasText: /completed|attempt|closed/ }).waitFor({ timeout: 40_000 });
  await page.waitForFunction(() => !document.querySelector(".growing"));
  assert.ok((await length()) >= a);
});
await step("every tab opens, y copies curl", async () => {
  for (const t of ["request", "response", "frames", "headers", "conversation"]) {
    await page.locator(`[data-tab=${t}]`).click();
    await page.waitForURL(new RegExp(`tab=${t}`));
  }
  await page.keyboard.press("y");
  await page.waitForFunction(() => navigator.clipboard.readText().then((t) => t.startsWith("curl ")));
});
await step("the tree finds text and walks to it", async () => {
  await page.goto(`${origin}/#/requests?q=client_token:batch-import`);
  await rows.first().click();
  await page.locator("[data-tab=request]").click();
  const t = Date.now();
  await page.locator(".tfind input").fill("第 700 条");
  await page.locator(".tree .hit.at").waitFor();
  assert.ok(Date.now() - t < 3000, "eight megabytes are searched in a moment");
  await page.locator(".picked .long").waitFor();
});
await step("hostile text stays text and nothing is fetched from elsewhere", async () => {
  await page.goto(`${origin}/#/requests?q=model:${encodeURIComponent('"<img src=x onerror=alert(1)>"')}`);
  await rows.first().click();
  await page.locator("[data-tab=conversation]").click();
  await page.getByText("onerror=\"window.__pwned=1\"").first().waitFor();
  await page.locator(".fold", { hasText: "System prompt" }).click();
  assert.equal(await page.evaluate(() => window.__pwned), undefined);
});
await step("a lost connection greys the dot, keeps the list and resumes", async () => {
  await page.goto(`${origin}/#/requests`);
  await page.locator(".live:not(.resuming)").waitFor();
  const n = await rows.count();
  await stop();
  await page.locator(".live.resuming").waitFor({ timeout: 20_000 });
  assert.ok((await rows.count()) >= n - 1);
  await start();
  // The stand-in forgets its sessions: the UI must notice and ask for the key, then lead back.
  await page.locator("#admin-key").waitFor({ timeout: 20_000 });
  await page.locator("#admin-key").fill("demo");
  await page.keyboard.press("Enter");
  await page.locator(".live:not(.resuming)").waitFor();
  await rows.first().waitFor();
});
await step("language and theme change at once and are remembered", async () => {
  await page.getByRole("button", { name: "EN / 中" }).click();
  await page.getByRole("menuitem", { name: "简体中文" }).click();
  await page.getByText("进行中").first().waitFor();
  await page.getByRole("button", { name: "主题" }).click();
  await page.getByRole("menuitem", { name: "深色" }).click();
  await page.reload();
  await rows.first().waitFor();
  assert.equal(await page.evaluate(() => `${document.documentElement.lang} ${document.documentElement.dataset.theme}`), "zh-CN dark");
});
await step("signing out ends the session", async () => {
  await page.getByRole("button", { name: "更多" }).click();
  await page.getByRole("menuitem", { name: "退出登录" }).click();
  await page.locator("#admin-key").waitFor();
  await page.goto(`${origin}/#/requests`);
  await page.locator("#admin-key").waitFor();
});
await step("nothing was asked from elsewhere and nothing threw", async () => {
  assert.deepEqual(outside, []);
  assert.deepEqual(errors, []);
});

await browser.close();
await stop();
process.exit(failed ? 1 : 0);
