// Measures frames in a real browser: 100,000 rows paged in and scrolled through, then thousands of
// events per second. Prints one line each; a frame over 50 ms is counted.
//
//   node dev/perf.mjs

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

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
    const out = { frames: frames.length, p50: Math.round(sorted[frames.length >> 1]), p99: Math.round(sorted[Math.floor(frames.length * 0.99)]), over50: frames.filter((f) => f > 50).length, worst: Math.round(sorted.at(-1)), longTasks: long.length, longestTask: Math.max(0, ...long) };
    frames.length = 0;
    long.length = 0;
    return out;
  };
};

for (const [name, flags] of [["100,000 rows, quiet", ["--rows", "100000", "--still"]], ["5,000 events/s", ["--rows", "5000", "--still", "--storm", "2500"]]]) {
  const port = 18100 + Math.floor(Math.random() * 800);
  const child = await monitor(port, ...flags);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(`http://127.0.0.1:${port}/#key=demo`);
  await page.locator("a.row").first().waitFor();
  await page.evaluate(watchFrames);
  await page.waitForTimeout(500);
  await page.evaluate(() => window.__frames());
  if (name.startsWith("100")) {
    const t = Date.now();
    for (;;) {
      const n = await page.evaluate(() => {
        const el = document.querySelector(".rows");
        el.scrollTop = el.scrollHeight;
        return Math.round(el.querySelector("ul").clientHeight / 32);
      });
      if (n >= 100_000 || Date.now() - t > 120_000) {
        console.log(`paged in ${n} rows in ${Math.round((Date.now() - t) / 1000)} s`, JSON.stringify(await page.evaluate(() => window.__frames())));
        break;
      }
      await page.waitForTimeout(30);
    }
    await page.evaluate(async () => {
      const el = document.querySelector(".rows");
      for (let i = 0; i < 180; i++) {
        el.scrollTop = i < 120 ? el.scrollTop - 900 : Math.random() * el.scrollHeight;
        await new Promise(requestAnimationFrame);
      }
    });
    console.log("scrolling and jumping in it", JSON.stringify(await page.evaluate(() => window.__frames())));
  } else {
    await page.waitForTimeout(8000);
    console.log(`${name}, followed`, JSON.stringify(await page.evaluate(() => window.__frames())));
    await page.locator(".rows").evaluate((el) => el.scrollTo(0, 600));
    await page.waitForTimeout(6000);
    console.log(`${name}, held back`, JSON.stringify(await page.evaluate(() => window.__frames())));
  }
  await page.close();
  child.kill();
}
await browser.close();
