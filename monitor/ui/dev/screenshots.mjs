// Takes screenshots of every page and state in both languages, both themes, on a desktop and on a
// phone, against the stand-in monitor, and runs axe over each. Build first.
//
//   node dev/screenshots.mjs [out-dir] [--only name,…] [--width 1280] [--no-axe]
//
// Uses Debian's chromium (CHROMIUM=/path to use another). Exits 1 on an axe violation, a page error
// or a line on the console.

import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const args = process.argv.slice(2);
const out = args.find((a) => !a.startsWith("--") && !args[args.indexOf(a) - 1]?.match(/^--(only|lang|theme|width)$/)) ?? "/tmp/glassway-shots";
const only = args.includes("--only") ? args[args.indexOf("--only") + 1].split(",") : null;
const langs = args.includes("--lang") ? [args[args.indexOf("--lang") + 1]] : ["zh-CN", "en"];
const themes = args.includes("--theme") ? [args[args.indexOf("--theme") + 1]] : ["light", "dark"];
const wide = args.includes("--width") ? Number(args[args.indexOf("--width") + 1]) : 1440;
mkdirSync(out, { recursive: true });

const monitors = [];
function monitor(port, ...flags) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./mock-server.mjs", import.meta.url)), String(port), ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  monitors.push(child);
  return new Promise((resolve) => child.stdout.once("data", () => resolve(`http://127.0.0.1:${port}`)));
}

/** Started by the first scene that wants it. */
function once(...of) {
  let started;
  return () => (started ??= monitor(...of));
}
const busy = once(18081, "--still");
const flowing = once(18082, "--losses");
const steady = once(18086, "--still", "--still-streaming");
const empty = once(18083, "--empty");
const broken = once(18084, "--broken", "--proxy-away");
const many = once(18087, "--still", "--many-keys");
const slow = once(18085, "--slow", "--still");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

const open = async (page, model, tab) => {
  await page.goto(page.url().split("#")[0] + "#/requests" + (model ? `?q=${encodeURIComponent(model)}` : ""));
  await page.locator("a.row").first().waitFor();
  await page.locator("a.row").first().click();
  await page.locator(".detail .tabs").waitFor();
  if (tab) await page.locator(`[role=tab][data-tab=${tab}]`).click();
  await page.waitForTimeout(350);
};

/** Tests these rows from their menus. */
const tested = async (page, rows) => {
  for (const n of rows) {
    await page.locator(".rmenu button").nth(n).click();
    await page.locator(".el-dropdown-menu__item:visible").nth(1).click();
    await page.waitForTimeout(250);
  }
  await page.waitForTimeout(2500);
};

const go = async (page, to) => {
  await page.goto(page.url().split("#")[0] + "#" + to);
  await page.waitForTimeout(600);
};
const PASTE = "sk-proj-Vb3kQ81hZmmT9f2\nsk-proj-8mXwRq0Zaa71\nsk-proj-Vb3kQ81hZmmT9f2\nsk-ant-api03-Lq8Zw8AA\nsk-proj-Zk91c-k9Zt\n# 五月采购，小李\nvip-3, sk-hk-77f0c-b3d1\nsk-proj-9 Kd2x11xz";

/** name, monitor, steps after signing in */
const SCENES = [
  ["requests", busy, async (p) => { await p.waitForTimeout(1500); }],
  ["requests-live", flowing, async (p) => { await p.waitForTimeout(4500); await p.mouse.move(400, 300); await p.mouse.wheel(0, 90); await p.waitForTimeout(5200); }],
  ["requests-split", busy, async (p) => { await open(p, "outcome:ok model:claude-sonnet-4-5"); }],
  ["request-live", steady, async (p) => { await open(p, "outcome:in_flight model:claude-sonnet-4-5"); await p.waitForTimeout(2500); }],
  ["request-chat", busy, async (p) => { await open(p, "model:gpt-4.1 outcome:ok"); }],
  ["request-tools", busy, async (p) => { await open(p, "model:gpt-4o provider:azure outcome:ok"); }],
  ["request-full", busy, async (p) => { await open(p, "model:gpt-4.1 outcome:ok key:backup"); await p.goto(p.url() + "&full=1&tab=frames"); await p.waitForTimeout(700); }],
  ["request-frames", busy, async (p) => { await open(p, "model:gpt-4.1 outcome:ok", "frames"); await p.locator(".f.row-f").nth(20).click().catch(() => {}); }],
  ["request-messages", busy, async (p) => { await open(p, "model:gpt-realtime", "frames"); }],
  ["request-body", busy, async (p) => { await open(p, "model:claude-haiku-4-5", "request"); }],
  ["request-huge", busy, async (p) => { await open(p, "client_token:batch-import", "request"); await p.waitForTimeout(800); }],
  ["request-headers", busy, async (p) => { await open(p, "model:gpt-4.1 outcome:ok", "headers"); }],
  ["request-attempts", busy, async (p) => { await open(p, "model:gpt-4.1 outcome:ok key:backup", "attempts"); for (const fold of await p.locator(".attempts .fold").all()) await fold.click(); await p.waitForTimeout(300); }],
  ["request-changes", busy, async (p) => { await open(p, "client_token:weather-desk", "changes"); await p.locator(".fdiff, .fcol").first().waitFor(); await p.waitForTimeout(300); }],
  ["request-changes-end", busy, async (p) => { await open(p, "client_token:weather-desk", "changes"); await p.locator(".fcol button").nth(3).click(); await p.locator(".fcol").last().evaluate((el) => el.scrollIntoView()); await p.waitForTimeout(300); }],
  ["request-changes-text", busy, async (p) => { await open(p, "client_token:agent-review outcome:ok", "changes"); await p.goto(p.url() + "&full=1"); await p.locator(".pair .seg button").nth(1).click(); await p.locator(".tdiff").first().waitFor(); await p.locator(".pair").first().evaluate((el) => el.scrollIntoView()); await p.waitForTimeout(300); }],
  ["request-changes-headers", busy, async (p) => { await open(p, "client_token:agent-review outcome:ok", "changes"); await p.locator(".pair .seg button").nth(2).click(); await p.locator(".pair").first().evaluate((el) => el.scrollIntoView()); await p.waitForTimeout(300); }],
  ["request-cost", busy, async (p) => { await open(p, "client_token:weather-desk", "cost"); await p.locator(".costs table").waitFor(); }],
  ["request-cost-call", busy, async (p) => { await open(p, "model:qwen3-max outcome:ok", "cost"); await p.locator(".costs table").waitFor(); }],
  ["request-cost-unknown", busy, async (p) => { await open(p, "model:gpt-4o status:400", "cost"); await p.locator(".costs .note").waitFor(); }],
  ["request-failed", busy, async (p) => { await open(p, "model:qwen3-max outcome:upstream_error"); }],
  ["request-error", busy, async (p) => { await open(p, "status:400"); }],
  ["request-hostile", busy, async (p) => { await open(p, 'model:"<img src=x onerror=alert(1)>"'); }],
  ["request-shed", busy, async (p) => { await open(p, "model:deepseek-chat outcome:ok key:vip-2"); }],
  ["request-binary", busy, async (p) => { await open(p, "model:gpt-4o-mini-tts", "response"); }],
  ["request-embeddings", busy, async (p) => { await open(p, "model:text-embedding-3-large"); }],
  ["request-responses", busy, async (p) => { await open(p, "model:o4-mini"); }],
  ["request-gone", busy, async (p) => { await p.goto(p.url().split("#")[0] + "#/requests/0199a4c1-7e0b-7c52-9d3f-64b0c2f1a7e9"); await p.waitForTimeout(600); }],
  ["find-help", busy, async (p) => { await p.keyboard.press("/"); await p.keyboard.type("model:gpt-4.1 modle:x status:5xx 狐狸"); await p.waitForTimeout(500); }],
  ["keyboard-help", busy, async (p) => { await p.keyboard.press("?"); await p.waitForTimeout(700); }],
  ["menu", busy, async (p) => { await p.locator(".tabbar button:visible, .top button:visible").last().click(); await p.waitForTimeout(500); }],
  ["no-match", busy, async (p) => { await p.goto(p.url().split("#")[0] + "#/requests?q=model:nothing-like-this"); await p.waitForTimeout(900); }],
  ["empty", empty, async (p) => { await p.waitForTimeout(600); }],
  ["broken", broken, async (p) => { await p.waitForTimeout(600); }],
  ["loading", slow, async (p) => { await p.waitForTimeout(500); }],
  ["keys", busy, async (p) => { await go(p, "/keys"); }],
  ["keys-bulk", busy, async (p) => { await go(p, "/keys?add=bulk"); await p.locator(".bulk textarea").fill(PASTE); await p.waitForTimeout(300); }],
  ["keys-open", busy, async (p) => { await go(p, "/keys/1"); await p.locator(".sheet .btn").nth(1).click(); await p.waitForTimeout(1300); }],
  ["keys-new", busy, async (p) => { await go(p, "/keys/new"); await p.locator(".sheet input[type=text]").first().fill("vip-3"); await p.locator(".sheet input[inputmode=numeric]").first().fill("many"); await p.locator(".sheet .btn.primary").click(); await p.waitForTimeout(300); }],
  ["keys-menu", busy, async (p) => { await go(p, "/keys"); await p.locator(".rmenu button").nth(3).click(); await p.waitForTimeout(400); }],
  ["keys-remove", busy, async (p) => { await go(p, "/keys"); await p.locator(".rmenu button").nth(3).click(); await p.waitForTimeout(300); await p.locator(".el-dropdown-menu__item.danger:visible").click(); await p.waitForTimeout(300); }],
  ["keys-filter", busy, async (p) => { await go(p, "/keys?q=status:cooling"); }],
  ["keys-many", many, async (p) => { await go(p, "/keys?page=2"); await p.locator(".rmain").evaluate((el) => el.scrollTo(0, 1e6)); await p.waitForTimeout(200); }],
  ["keys-empty", empty, async (p) => { await go(p, "/keys"); }],
  ["keys-broken", broken, async (p) => { await go(p, "/keys"); }],
  ["keys-loading", slow, async (p) => { await go(p, "/keys"); await p.locator(".rmain .bones").first().waitFor(); await p.waitForTimeout(300); }],
  ["providers", busy, async (p) => { await go(p, "/providers"); }],
  ["providers-open", busy, async (p) => { await go(p, "/providers/4"); }],
  ["providers-azure", busy, async (p) => { await go(p, "/providers/3"); }],
  ["providers-new", busy, async (p) => { await go(p, "/providers/new"); }],
  ["providers-error", busy, async (p) => { await go(p, "/providers/new"); await p.locator(".presets button").nth(13).click(); await p.locator(".sheet .btn.primary").click(); await p.waitForTimeout(400); }],
  ["providers-remove", busy, async (p) => { await go(p, "/providers"); await p.locator(".rmenu button").nth(2).click(); await p.waitForTimeout(300); await p.locator(".el-dropdown-menu__item.danger:visible").click(); await p.locator("dialog .btn.danger").click(); await p.waitForTimeout(400); }],
  ["providers-tested", busy, async (p) => { await go(p, "/providers"); await tested(p, [1, 3]); }],
  ["models-tested", busy, async (p) => { await go(p, "/models?sort=traffic"); await tested(p, [0, 1, 9]); }],
  ["models-open-tested", busy, async (p) => { await go(p, "/models/text-embedding-3-large"); await p.locator(".sheet .tested button").click(); await p.locator(".sheet .tested .st").waitFor(); }],
  ["routes-tested", busy, async (p) => { await go(p, "/routes?sort=traffic"); await tested(p, [0]); }],
  ["tokens", busy, async (p) => { await go(p, "/client-tokens"); }],
  ["tokens-open", busy, async (p) => { await go(p, "/client-tokens/1"); }],
  ["tokens-new", busy, async (p) => { await go(p, "/client-tokens/new"); await p.locator(".sheet input[type=text]").first().fill(`agent-${String(Math.random()).slice(-4)}`); await p.locator(".sheet .btn.primary").click(); await p.locator("dialog .secret").waitFor(); await p.waitForTimeout(300); }],
  ["tokens-empty", empty, async (p) => { await go(p, "/client-tokens"); }],
  ["models", busy, async (p) => { await go(p, "/models"); }],
  ["models-open", busy, async (p) => { await go(p, "/models/qwen3-max"); }],
  ["models-empty", empty, async (p) => { await go(p, "/models"); }],
  ["routes", busy, async (p) => { await go(p, "/routes"); }],
  ["routes-open", busy, async (p) => { await go(p, "/routes/3"); }],
  ["routes-empty", empty, async (p) => { await go(p, "/routes"); }],
  ["prices", busy, async (p) => { await go(p, "/prices"); }],
  ["prices-open", busy, async (p) => { await go(p, "/prices/gpt-4o"); }],
  ["prices-broken", broken, async (p) => { await go(p, "/prices"); }],
  ["prices-loading", slow, async (p) => { await go(p, "/prices"); await p.locator(".rmain .bones").first().waitFor(); await p.waitForTimeout(300); }],
  ["providers-broken", broken, async (p) => { await go(p, "/providers"); }],
  ["models-broken", broken, async (p) => { await go(p, "/models"); }],
  ["routes-broken", broken, async (p) => { await go(p, "/routes"); }],
  ["tokens-broken", broken, async (p) => { await go(p, "/client-tokens"); }],
  ["settings-broken", broken, async (p) => { await go(p, "/settings"); }],
  ["settings-loading", slow, async (p) => { await go(p, "/settings"); }],
  ["settings", busy, async (p) => { await go(p, "/settings"); }],
  ["settings-end", busy, async (p) => { await go(p, "/settings"); await p.locator(".rmain").evaluate((el) => el.scrollTo(0, 1e6)); await p.waitForTimeout(200); }],
  ["playground", busy, async (p) => { await go(p, "/playground"); }],
  ["playground-open", busy, async (p) => { await go(p, "/playground/1"); }],
  ["setup", busy, async (p) => { await go(p, "/setup/claude-code"); }],
  ["sign-in", busy, async (p) => { await p.context().clearCookies(); await p.reload(); await p.waitForTimeout(400); await p.locator("#admin-key").fill("wrong"); await p.keyboard.press("Enter"); await p.waitForTimeout(500); }],
];

let bad = 0;
for (const lang of langs) for (const theme of themes) for (const [size, viewport] of [["desktop", { width: wide, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
  if (args.includes("--desktop") && size !== "desktop") continue;
  if (args.includes("--phone") && size !== "phone") continue;
  for (const [name, start, steps] of SCENES) {
    if (only && !only.some((o) => o === name || (o.endsWith("*") && name.startsWith(o.slice(0, -1))))) continue;
    const origin = await start();
    const context = await browser.newContext({ viewport, locale: lang, colorScheme: theme, reducedMotion: "reduce", hasTouch: size === "phone" });
    const page = await context.newPage();
    page.setDefaultTimeout(8000);
    const label = `${name}.${lang}.${theme}.${size}`;
    page.on("pageerror", (e) => { bad++; console.log(`${label}: page error ${e.message}`); });
    page.on("console", (m) => { if (["error", "warning"].includes(m.type()) && !/40[149]|422|503|ERR_/.test(m.text())) { bad++; console.log(`${label}: console ${m.text()}`); } });
    try {
      await page.goto(`${origin}/#key=demo`);
      await page.locator(".app").waitFor();
      await page.waitForTimeout(250);
      if (page.url().includes("key=")) { bad++; console.log(`${label}: the key is still in the address bar`); }
      await steps(page);
      await page.screenshot({ path: `${out}/${label}.png` });
      if (await page.evaluate(() => window.__pwned)) { bad++; console.log(`${label}: recorded text ran as script`); }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      if (wide) { bad++; console.log(`${label}: the page scrolls sideways`); }
      if (!args.includes("--no-axe")) {
        const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]).analyze();
        for (const v of violations) {
          bad++;
          console.log(`${label}: axe ${v.impact} ${v.id}: ${v.nodes.length}× ${v.nodes[0].html.slice(0, 140)} | ${v.nodes[0].any.map((a) => a.message).join("; ").slice(0, 160)}`);
        }
      }
    } catch (cause) {
      bad++;
      console.log(`${label}: ${cause.message.split("\n")[0]}`);
      await page.screenshot({ path: `${out}/${label}.FAILED.png` }).catch(() => {});
    }
    await context.close();
  }
}
await browser.close();
for (const child of monitors) child.kill();
console.log(bad ? `${bad} findings` : "clean");
process.exit(bad ? 1 : 0);
