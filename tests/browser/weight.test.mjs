// What the first page costs over the wire: as many bytes of scripts as were promised, and no more.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Glassway, Upstream, json } from "../clients/node/glassway.mjs";
import { launch, signedIn } from "./page.mjs";

/** Bytes, compressed as they are sent. */
const PROMISED = 170 * 1024;

describe("the first page", () => {
  let browser, upstream, glassway;
  before(async () => {
    browser = await launch();
    upstream = await Upstream.start((_, response) => json(response, {}));
    glassway = await Glassway.start(upstream);
  });
  after(async () => {
    await browser.close();
    await glassway.stop();
    upstream.stop();
  });

  for (const [name, hash, sign] of [["dashboard", "#/dashboard", "main h1, main h2"], ["requests", "#/requests", ".facets"]]) {
    it(`loads few scripts: ${name}`, async () => {
      const page = await signedIn(browser, glassway, { locale: "en-US" });
      // As somebody comes who is signed in already, with an empty cache.
      const cdp = await page.context().newCDPSession(page);
      await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
      await page.goto("about:blank");
      await page.goto(`${glassway.monitor.url}/${hash}`);
      await page.locator(sign).first().waitFor();
      await page.waitForLoadState("networkidle").catch(() => {});
      const scripts = await page.evaluate(() =>
        performance.getEntriesByType("resource").filter(({ name }) => new URL(name).pathname.endsWith(".js")).map(({ name, encodedBodySize, decodedBodySize }) => ({ name, encodedBodySize, decodedBodySize })),
      );
      const bytes = scripts.reduce((sum, script) => sum + script.encodedBodySize, 0);
      assert.ok(scripts.length > 3 && scripts.every((script) => script.encodedBodySize > 0), "sizes are known");
      assert.ok(scripts.reduce((sum, script) => sum + script.decodedBodySize, 0) > 2 * bytes, "they come compressed");
      console.log(`${name}: ${scripts.length} scripts, ${Math.round(bytes / 1024)} KB`);
      assert.ok(bytes <= PROMISED, `${Math.round(bytes / 1024)} KB of scripts: ${scripts.map((s) => `${s.name.split("/").pop()} ${s.encodedBodySize}`).join(", ")}`);
    });
  }
});
