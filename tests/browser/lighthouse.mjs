// Lighthouse over the real pages, desktop and phone, each with an empty cache. Needs the package,
// which is no dependency:
//
//   npm i --no-save lighthouse chrome-launcher && GLASSWAY_BIN_DIR=… node browser/lighthouse.mjs [PAGES]   (in tests/)
//
// Prints a line per page and form: the three scores of each of RUNS (3) runs, and the figures
// behind the performance of the one in the middle.

import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";
import { ADMIN_KEY, Glassway, Upstream, json } from "../clients/node/glassway.mjs";

const PAGES = process.argv[2]?.split(",") ?? ["requests", "dashboard", "keys", "providers", "statistics", "playground", "traces", "settings"];
const FORMS = [["phone", undefined], ["desktop", desktopConfig]];
const RUNS = Number(process.env.RUNS ?? 3);
const FIGURES = { "first-contentful-paint": "first paint", "largest-contentful-paint": "largest", "speed-index": "speed index", "total-blocking-time": "blocked", "cumulative-layout-shift": "shift" };

const completion = { model: "gpt-4o", choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } };
const upstream = await Upstream.start((request, response) => json(response, completion));
const glassway = await Glassway.start(upstream);
for (let n = 0; n < 60; n++) {
  const body = JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: `question ${n}` }] });
  await (await fetch(`${glassway.url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json", authorization: "Bearer sk-x-0123456789" }, body })).text();
}
const signIn = await fetch(`${glassway.monitor.url}/token`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ api_key: ADMIN_KEY }) });
const extraHeaders = { Authorization: `Bearer ${(await signIn.json()).access_token}` };

async function look(page, config) {
  const chrome = await launch({ chromePath: process.env.CHROMIUM ?? "/usr/bin/chromium", chromeFlags: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  try {
    const { lhr } = await lighthouse(`${glassway.monitor.url}/#/${page}`, { port: chrome.port, output: "json", logLevel: "error", onlyCategories: ["performance", "accessibility", "best-practices"], extraHeaders }, config);
    const scores = Object.values(lhr.categories).map((category) => Math.round(category.score * 100));
    const figures = Object.entries(FIGURES).map(([id, name]) => `${name} ${lhr.audits[id].displayValue.replace(/\s/g, " ")}`);
    return { scores, figures: figures.join(", ") };
  } finally {
    await chrome.kill();
  }
}

for (const page of PAGES) {
  for (const [form, config] of FORMS) {
    const runs = [];
    for (let n = 0; n < RUNS; n++) runs.push(await look(page, config));
    runs.sort((a, b) => a.scores[0] - b.scores[0]);
    console.log(`${page}, ${form}: ${runs.map((run) => run.scores.join("/")).join("  ")}  (${runs[RUNS >> 1].figures})`);
  }
}
await glassway.stop();
upstream.stop();
process.exit(0);
