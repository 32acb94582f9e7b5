// Lighthouse over the real page, desktop and phone. Needs the package, which is no dependency:
//
//   npm i --no-save lighthouse chrome-launcher && GLASSWAY_BIN_DIR=… node browser/lighthouse.mjs   (in tests/)

import { launch as launchChrome } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { ADMIN_KEY, Glassway, Upstream, json } from "../clients/node/glassway.mjs";

const upstream = await Upstream.start((q, r) => json(r, { model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } }));
const glassway = await Glassway.start(upstream);
for (let i = 0; i < 60; i++) await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", authorization: "Bearer sk-x-0123456789" }, body: JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "x" + i }] }) }).then((r) => r.text());
const token = (await (await fetch(`${glassway.monitor.url}/token`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ api_key: ADMIN_KEY }) })).json()).access_token;
const chrome = await launchChrome({ chromePath: "/usr/bin/chromium", chromeFlags: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
for (const [name, page] of [["requests", "/requests"], ["dashboard", "/dashboard"], ["keys", "/keys"]]) {
  for (const [form, config] of [["desktop", desktopConfig], ["phone", undefined]]) {
    const result = await lighthouse(`${glassway.monitor.url}/#${page}`, { port: chrome.port, output: "json", logLevel: "error", onlyCategories: ["performance", "accessibility", "best-practices"], extraHeaders: { Authorization: `Bearer ${token}` }, disableStorageReset: true }, config);
    const c = result.lhr.categories;
    const bad = Object.values(result.lhr.audits).filter((a) => a.score !== null && a.score < 0.9 && ["binary", "metricSavings", "numeric"].includes(a.scoreDisplayMode)).map((a) => `${a.id}:${a.score}`);
    console.log(name, form, Object.entries(c).map(([k, v]) => `${k} ${Math.round(v.score * 100)}`).join(", "), bad.join(" "));
  }
}
await chrome.kill(); await glassway.stop(); upstream.stop(); process.exit(0);
