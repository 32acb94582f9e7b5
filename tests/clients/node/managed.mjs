// Glassway with a key for each kind of provider, all of them the fake vendor, which
// refuses what the vendors' documents forbid.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Glassway, eventually } from "./glassway.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binaries = process.env.GLASSWAY_BIN_DIR ?? path.join(root, "target/debug");

/** Which provider answers is told by the model. */
export const CLAUDE = ["claude-sonnet-4-5", "claude-opus-4-8"];
export const AZURE = ["azure-older", "azure-newer"];
export const OPENAI = ["gpt-4o", "gpt-5.2", "deepseek-reasoner", "text-embedding-3-small"];

/** The fake vendor's program. */
class Vendor {
  static async start() {
    const vendor = new Vendor();
    vendor.child = spawn(path.join(binaries, "fake-vendor"), { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = await once(vendor.child.stdout, "data");
    vendor.url = /http:\S+/.exec(line)[0];
    return vendor;
  }

  async stop() {
    const ended = once(this.child, "exit");
    this.child.stdin.end();
    await ended;
  }
}

/** Both, and what tests ask of them. */
export class Managed {
  static async start() {
    const managed = new Managed();
    managed.vendor = await Vendor.start();
    const base_url = managed.vendor.url;
    const env = { GLASSWAY_UPSTREAM__ALLOW: new URL(base_url).host };
    managed.glassway = await Glassway.start(managed.vendor, { env });
    managed.url = managed.glassway.url;
    const provider = async (body) => (await managed.glassway.api("/api/providers", { base_url, ...body })).id;
    const key = (provider_id, models) =>
      managed.glassway.api("/api/keys", { provider_id, name: `key${provider_id}`, key_value: `sk-vendor-012345-${provider_id}`, models });
    await key(1, [...OPENAI, "gpt-4o-cut"]);
    await key(await provider({ name: "claude", kind: "anthropic" }), [...CLAUDE, "claude-sonnet-4-5-cut"]);
    const older = { name: "older", kind: "azure", api_version: "2024-10-21", deployments: { "azure-older": "prod-older" } };
    await key(await provider(older), ["azure-older"]);
    await key(await provider({ name: "newer", kind: "azure", deployments: { "azure-newer": "prod-newer" } }), ["azure-newer"]);
    managed.token = (await managed.glassway.api("/api/client-tokens", { name: "app" })).token;
    return managed;
  }

  async stop() {
    await this.glassway.stop();
    await this.vendor.stop();
  }

  /** The exchange that an answer's headers name, in full, once it has ended. */
  async exchange(headers) {
    const id = headers instanceof Headers ? headers.get("x-glassway-id") : headers["x-glassway-id"];
    return eventually(`the record of ${id}`, async () => {
      const exchange = await this.glassway.api(`/api/request/${id}`).catch(() => null);
      return exchange?.outcome && exchange.outcome !== "in_flight" && exchange;
    });
  }
}
