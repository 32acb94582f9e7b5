// Takes the documentation's pictures of a running Glassway: every page, in both languages.
//
//   GLASSWAY_PAGE=http://127.0.0.1:8081 GLASSWAY_KEY=… node pictures.mjs FOLDER

import { mkdirSync } from "node:fs";
import path from "node:path";
import { launch, visit } from "./page.mjs";

const [folder] = process.argv.slice(2);
const { GLASSWAY_PAGE: address, GLASSWAY_KEY: key } = process.env;
mkdirSync(folder, { recursive: true });

const SIZE = { width: 1440, height: 900 };
const LANGUAGES = [
  { locale: "en-US", tag: "en" },
  { locale: "zh-CN", tag: "zh" },
];

/** The page's address after the hash, and what to do there first. */
const PICTURES = [
  ["dashboard", "/dashboard?range=1h"],
  ["requests", "/requests"],
  ["request", "/requests?q=model:gpt-5.2", (page) => openFirst(page)],
  ["conversations", "/requests?group="],
  ["keys", "/keys"],
  ["providers", "/providers"],
  ["models", "/models"],
  ["prices", "/prices"],
  ["routes", "/routes"],
  ["client-tokens", "/client-tokens"],
  ["playground", "/playground"],
  ["statistics", "/statistics?range=1h"],
  ["traces", "/traces"],
  ["settings", "/settings"],
  ["setup", "/setup"],
];

async function openFirst(page) {
  const row = page.locator("a.row").nth(1);
  await row.waitFor();
  await row.click();
  await page.locator(".detail").waitFor();
}

const browser = await launch();
for (const { locale, tag } of LANGUAGES) {
  for (const theme of ["light", "dark"]) {
    const page = await visit(browser, { locale, viewport: SIZE, colorScheme: theme });
    await page.goto(`${address}/#key=${key}`);
    await page.getByRole("navigation").first().waitFor();
    // The dark ones are few: what a reader meets first.
    for (const [name, to, act] of theme === "light" ? PICTURES : PICTURES.slice(0, 3)) {
      await page.goto(`${address}/#${to}`);
      await page.waitForTimeout(1200);
      await act?.(page);
      await page.waitForTimeout(600);
      await page.screenshot({ path: path.join(folder, `${name}-${tag}${theme === "dark" ? "-dark" : ""}.png`) });
    }
    await page.context().close();
  }
}
await browser.close();
