// A long list while it is scrolled: elements are filled anew, and nobody who reads it may notice.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Glassway, Upstream, json } from "../clients/node/glassway.mjs";
import { launch, signedIn } from "./page.mjs";

const REQUESTS = 400;

describe("a long list", () => {
  let browser, upstream, glassway;

  before(async () => {
    browser = await launch();
    upstream = await Upstream.start((request, response) => {
      const message = { role: "assistant", content: "yes" };
      json(response, { object: "chat.completion", model: request.body?.model, choices: [{ index: 0, message, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 4 } });
    });
    glassway = await Glassway.start(upstream);
    for (let n = 0; n < REQUESTS; n++) {
      await fetch(`${glassway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer sk-browser-0123456789" },
        body: JSON.stringify({ model: `model-${n}`, messages: [{ role: "user", content: `${n}` }] }),
      }).then((response) => response.text());
    }
  });
  after(async () => {
    await browser.close();
    await glassway.stop();
    upstream.stop();
  });

  /** The rows in view, from top to bottom as they are seen, and as they stand in the document. */
  const rows = (page) =>
    page.evaluate(() => {
      const list = document.querySelector(".rows");
      const { top, bottom } = list.getBoundingClientRect();
      const all = [...list.querySelectorAll("li[data-id]")].map((li) => ({ y: li.getBoundingClientRect().top, id: li.dataset.id, model: li.querySelector(".c-model").textContent.trim(), at: Number(li.getAttribute("aria-posinset")) }));
      const standing = all.map(({ id }) => id);
      const seen = all.filter(({ y }) => y >= top && y < bottom).sort((a, b) => a.y - b.y);
      return { seen, standing, sorted: all.toSorted((a, b) => a.y - b.y).map(({ id }) => id) };
    });
  const scroll = (page, to) => page.locator(".rows").evaluate((el, to) => el.scrollTo(0, to < 0 ? el.scrollHeight : to), to);
  const models = (page) => rows(page).then(({ seen }) => seen.map(({ model }) => model));

  it("shows each row where it belongs, however one gets there", async () => {
    const page = await signedIn(browser, glassway, { locale: "en-US" });
    await page.locator("a.row").first().waitFor();
    for (const to of [0, 500, 64, 1900, 320, 3000, 0, -1, 40]) {
      await scroll(page, to);
      await page.waitForFunction(() => !document.querySelector(".rows .bones"), null, { timeout: 5000 }).catch(() => {});
      await page.waitForTimeout(100);
      const { seen } = await rows(page);
      assert.ok(seen.length > 5, `${seen.length} rows at ${to}`);
      // Newest first, none missing: each says by its place which it is.
      for (const { model, at } of seen) assert.equal(model, `model-${REQUESTS - at}`, `at ${to}`);
    }
    assert.deepEqual(page.problems, []);
  });

  it("stands in the order it is read once it is still", async () => {
    const page = await signedIn(browser, glassway, { locale: "en-US" });
    await page.locator("a.row").first().waitFor();
    for (const to of [300, 700, 400, 1500]) {
      await scroll(page, to);
      await page.waitForTimeout(40);
    }
    await page.waitForTimeout(600);
    const { standing, sorted } = await rows(page);
    assert.deepEqual(standing, sorted);
  });

  it("never gives the focus to another row", async () => {
    const page = await signedIn(browser, glassway, { locale: "en-US" });
    await page.locator("a.row").first().waitFor();
    const third = (await rows(page)).seen[2].id;
    await page.locator(`[data-id="${third}"] > a.row`).focus();
    const focus = () => page.evaluate(() => document.activeElement?.closest("[data-id]")?.dataset.id ?? null);
    await scroll(page, 200);
    await page.waitForTimeout(300);
    assert.equal(await focus(), third, "a few rows on it is drawn yet");
    await scroll(page, 6000);
    await page.waitForTimeout(300);
    assert.equal(await focus(), null);
    // And the keys go on from where the eye is.
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement?.closest("[data-id]"));
  });

  it("keeps the focus on the row one has come to by holding a key", async () => {
    const page = await signedIn(browser, glassway, { locale: "en-US" });
    await page.locator("a.row").first().waitFor();
    const focus = () => page.evaluate(() => document.activeElement?.closest("[data-id]")?.getAttribute("aria-posinset") ?? null);
    for (let n = 0; n < 45; n++) {
      await page.keyboard.press("j");
      await page.waitForTimeout(15);
    }
    await page.waitForTimeout(500);
    const at = Number(await focus());
    assert.ok(at > 25, `the focus is at row ${at}`);
    await page.keyboard.press("k");
    await page.waitForTimeout(300);
    assert.equal(Number(await focus()), at - 1);
    const { standing, sorted } = await rows(page);
    assert.deepEqual(standing, sorted);
  });

  it("keeps still while new ones come, and counts them", async () => {
    const page = await signedIn(browser, glassway, { locale: "en-US" });
    await page.locator("a.row").first().waitFor();
    await scroll(page, 2000);
    await page.waitForTimeout(300);
    const was = await models(page);
    await fetch(`${glassway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-browser-0123456789" },
      body: JSON.stringify({ model: "late", messages: [{ role: "user", content: "late" }] }),
    }).then((response) => response.text());
    await page.getByRole("button", { name: "1 new" }).waitFor();
    assert.deepEqual(await models(page), was);
    await page.getByRole("button", { name: "1 new" }).click();
    await page.locator("a.row", { hasText: "late" }).waitFor();
    assert.equal((await models(page))[0], "late");
  });
});
