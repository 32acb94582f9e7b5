// A browser before a running Glassway, and what every page must satisfy.

import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { ADMIN_KEY } from "../clients/node/glassway.mjs";

const shots = fileURLToPath(new URL("../../test-results/", import.meta.url));
mkdirSync(shots, { recursive: true });

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** Opens the page of a Glassway signed in by link; problems gather in `page.problems`. */
export async function signedIn(browser, glassway, { locale = "en-US", ...more } = {}) {
  const page = await visit(browser, { locale, ...more });
  await page.goto(`${glassway.monitor.url}/#key=${ADMIN_KEY}`);
  await page.getByRole("navigation").first().waitFor();
  // The frame stands before the first page is arrived at: who reloads now would be thrown back to it.
  await page.waitForURL(/#\/\w/);
  return page;
}

/** A page without a session. */
export async function visit(browser, { locale = "en-US", viewport = { width: 1280, height: 800 }, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ locale, viewport, colorScheme });
  const page = await context.newPage();
  page.problems = [];
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => page.problems.push(`${error}`));
  page.on("console", (line) => {
    // The browser itself logs failed requests; a test that stops Glassway makes them.
    if (line.type() === "error" && !/Failed to load resource|WebSocket connection/.test(line.text())) page.problems.push(line.text());
  });
  return page;
}

/** Takes a screenshot and asks axe; nothing serious may be wrong, nothing thrown. */
export async function inspect(page, name) {
  await page.screenshot({ path: `${shots}${name}.png` });
  // What is wider than the screen is cut off or pushes the page sideways.
  const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("main, .rmain, .pg-main, .pg-side")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.localName));
  assert.deepEqual(wide, [], `too wide on ${name}`);
  const found = await new AxeBuilder({ page }).analyze();
  const grave = found.violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join("; ")}`);
  assert.deepEqual(grave, [], `axe on ${name}`);
  assert.deepEqual(page.problems, [], `errors on ${name}`);
}
