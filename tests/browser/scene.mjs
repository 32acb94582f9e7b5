// What the documentation's pictures show beside the work of clients: a request sent again to another
// model, two turns of one conversation, and a trace whose image was fetched.

import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** The API of a running Glassway, by its admin key. */
export function apiOf(address, key) {
  return async (path, body) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(address + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
}

async function until(what, condition) {
  for (let n = 0; n < 600; n++) {
    const value = await condition();
    if (value) return value;
    await sleep(100);
  }
  throw new Error(`waited in vain: ${what}`);
}

const ended = (api, id) => until(`the end of ${id}`, async () => (await api(`/api/request/${id}`)).outcome !== "in_flight");

/** Gives the original's id and those of its replays. */
export async function replayed(api) {
  const { items } = await api("/api/requests?model=gpt-4o&outcome=ok&limit=20");
  const original = items.find((one) => one.mode === "managed") ?? items[0];
  const { ids } = await api(`/api/request/${original.id}/replay`, { targets: [{ model: "gpt-4o-mini" }] });
  for (const id of ids) await ended(api, id);
  return { original: original.id, replays: ids };
}

/** Two turns of the newest conversation that has several: the first and the last. */
export async function talked(api) {
  const long = await until("a conversation of several turns", async () => (await api("/api/conversations?limit=50")).items.find((one) => one.turns > 1));
  return [long.first, long.newest.id];
}

/** As the relays of this world do: one looks first, then one fetches, then another. */
const FETCHERS = [
  ["127.0.0.2", "Go-http-client/2.0", 300],
  ["127.0.0.3", "python-httpx/0.28.1", 500],
  ["127.0.0.4", "Mozilla/5.0 (compatible; ImageFetcher/1.0)", 400],
];

/** Gives the trace's id. */
export async function traced(api, provider_id) {
  const { id, image_url } = await api("/api/traces", { provider_id, model: "gpt-4o" });
  for (const [localAddress, agent, pause] of FETCHERS) {
    await sleep(pause);
    await new Promise((resolve, reject) => {
      http.get(image_url, { localAddress, headers: { "user-agent": agent } }, (answer) => answer.resume().on("end", resolve)).on("error", reject);
    });
  }
  await until("the trace's end", async () => ["done", "failed"].includes((await api(`/api/traces/${id}`)).status));
  return id;
}
