// Measures frames in a real browser: 100,000 rows paged in, scrolled and jumped through, thousands
// of events per second, and both at once. Prints a line each; a frame of more than three of the
// screen's 60 refreshes a second (50.0 ms; timestamps are coarse, so 50.5) counts as over 50 ms.
//
//   node dev/perf.mjs [quiet|storm|both]...

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROWS = 100_000;

async function monitor(port, ...flags) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./mock-server.mjs", import.meta.url)), String(port), ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

const watchFrames = () => {
  const frames = [];
  const long = [];
  new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => Math.round(e.duration)))).observe({ entryTypes: ["longtask"] });
  let last = performance.now();
  const tick = (t) => {
    frames.push(t - last);
    last = t;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  window.__frames = () => {
    const sorted = frames.toSorted((a, b) => a - b);
    const out = { frames: frames.length, p50: Math.round(sorted[frames.length >> 1]), p99: Math.round(sorted[Math.floor(frames.length * 0.99)]), over50: frames.filter((f) => f > 50.5).length, worst: Math.round(sorted.at(-1)), longTasks: long.length, longestTask: Math.max(0, ...long), heapMB: Math.round(performance.memory.usedJSHeapSize / 1e6) };
    frames.length = 0;
    long.length = 0;
    return out;
  };
};

async function pageIn(page, say) {
  const t = Date.now();
  let n = 0;
  while (n < ROWS && Date.now() - t < 120_000) {
    n = await page.evaluate(() => {
      const el = document.querySelector(".rows");
      el.scrollTop = el.scrollHeight;
      return Math.round(el.querySelector("ul").clientHeight / 32);
    });
    await page.waitForTimeout(30);
  }
  await say(`${n} rows paged in, in ${Math.round((Date.now() - t) / 1000)} s`);
}

async function scrollAndJump(page, say) {
  const go = (from, to) =>
    page.evaluate(async ([from, to]) => {
      const el = document.querySelector(".rows");
      for (let i = from; i < to; i++) {
        el.scrollTop = i < 120 ? el.scrollTop - 900 : Math.random() * el.scrollHeight;
        await new Promise(requestAnimationFrame);
      }
    }, [from, to]);
  await go(0, 120);
  await say("scrolled by a page each frame");
  await go(120, 180);
  await say("jumped anywhere each frame");
}

const RUNS = {
  quiet: { flags: ["--rows", String(ROWS), "--still"], steps: [pageIn, scrollAndJump] },
  storm: {
    flags: ["--rows", "5000", "--still", "--storm", "2500"],
    steps: [
      async (page, say) => {
        await page.waitForTimeout(8000);
        await say("followed");
      },
      async (page, say) => {
        await page.locator(".rows").evaluate((el) => el.scrollTo(0, 600));
        await page.waitForTimeout(6000);
        await say("held back");
      },
    ],
  },
  both: {
    flags: ["--rows", String(ROWS), "--still", "--storm", "2500"],
    steps: [
      pageIn,
      scrollAndJump,
      async (page, say) => {
        await page.waitForTimeout(6000);
        await say("held back");
        await page.locator(".rows").evaluate((el) => el.scrollTo(0, 0));
        await page.waitForTimeout(8000);
        await say("followed again");
      },
    ],
  },
};
const TITLES = { quiet: "100,000 rows", storm: "5,000 events/s", both: "100,000 rows and 5,000 events/s" };

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNS)) {
  const { flags, steps } = RUNS[name];
  const port = 18100 + Math.floor(Math.random() * 800);
  const child = await monitor(port, ...flags);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(`http://127.0.0.1:${port}/#key=demo`);
  await page.locator("a.row").first().waitFor();
  await page.evaluate(watchFrames);
  await page.waitForTimeout(500);
  await page.evaluate(() => window.__frames());
  const say = async (what) => console.log(`${TITLES[name]}, ${what}:`, JSON.stringify(await page.evaluate(() => window.__frames())));
  for (const step of steps) await step(page, say);
  await page.close();
  child.kill();
}
await browser.close();
