// Takes the documentation's pictures of a running Glassway: every page, in both languages.
//
//   GLASSWAY_PAGE=http://127.0.0.1:8081 GLASSWAY_KEY=… node pictures.mjs FOLDER [PICTURE…]

import { mkdirSync } from "node:fs";
import path from "node:path";
import { launch, visit } from "./page.mjs";
import { apiOf, replayed, talked, traced } from "./scene.mjs";

const [folder, ...chosen] = process.argv.slice(2);
const { GLASSWAY_PAGE: address, GLASSWAY_KEY: key } = process.env;
mkdirSync(folder, { recursive: true });

const SIZE = { width: 1440, height: 900 };
const LANGUAGES = [
  { locale: "en-US", tag: "en", field: "Question", question: "Explain in three sentences what a transparent gateway is for." },
  { locale: "zh-CN", tag: "zh", field: "问题", question: "用三句话说明透明网关的用途。" },
];

const api = apiOf(address, key);
const { original, replays } = await replayed(api);
await api("/api/models?refresh=true");
const [earlier, later] = await talked(api);
const providers = await api("/api/providers?limit=1000");
const trace = await traced(api, (providers.items ?? providers).at(-1).id);

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
  ["playground", "/playground", chat],
  ["statistics", "/statistics?range=1h"],
  ["traces", `/traces/${trace}`],
  ["replay", `/replay/${original}?runs=${replays.join(",")}`],
  ["compare", `/compare/${earlier}/${later}`, (page) => page.getByRole("heading", { name: /^(Parameters|参数)$/ }).evaluate((heading) => heading.scrollIntoView())],
  ["settings", "/settings"],
  ["setup", "/setup"],
];

async function openFirst(page) {
  const row = page.locator("a.row").nth(1);
  await row.waitFor();
  await row.click();
  await page.locator(".detail").waitFor();
}

/** Asks a model and waits for the answer, its figures and its request. */
async function chat(page, { field: name, question }) {
  await page.locator(".pg-setup input[list=pg-models]").first().fill("gpt-4o");
  const field = page.getByRole("textbox", { name, exact: true });
  await field.fill(question);
  await field.press("Control+Enter");
  await page.locator(".pg-facts").getByText("$").first().waitFor();
}

const browser = await launch();
const wanted = ([name]) => !chosen.length || chosen.includes(name);
for (const language of LANGUAGES) {
  const { locale, tag } = language;
  if (wanted(["sign-in"])) {
    const page = await visit(browser, { locale, viewport: SIZE });
    await page.goto(address);
    await page.locator("#admin-key").waitFor();
    await page.screenshot({ path: path.join(folder, `sign-in-${tag}.png`) });
    await page.context().close();
  }
  for (const theme of ["light", "dark"]) {
    const page = await visit(browser, { locale, viewport: SIZE, colorScheme: theme });
    await page.goto(`${address}/#key=${key}`);
    await page.getByRole("navigation").first().waitFor();
    // The dark ones are few: what a reader meets first.
    for (const [name, to, act] of (theme === "light" ? PICTURES : PICTURES.slice(0, 3)).filter(wanted)) {
      await page.goto(`${address}/#${to}`);
      await page.waitForTimeout(1200);
      await act?.(page, language);
      await page.waitForTimeout(600);
      await page.screenshot({ path: path.join(folder, `${name}-${tag}${theme === "dark" ? "-dark" : ""}.png`) });
    }
    await page.context().close();
  }
}
await browser.close();
