// What this instance says about itself, asked for once: the address clients connect to and the
// version.

import { ref } from "vue";
import { api, got } from "../api/client";
import type { Settings } from "../api/types";

export const settings = ref<Settings | null>(null);

/** Whether it could be read; where not, what was known before stays. */
export async function learnInstance(): Promise<boolean> {
  const found = await got(api.GET("/api/settings")).catch(() => null);
  if (found) settings.value = found;
  return found !== null;
}

/**
 * How a client on this reader's machine writes the proxy's address. A listener on all interfaces is
 * reached under the name this page was reached by.
 */
export function clientAddress(listen: string, pageHost: string): string {
  const match = /^(.*):(\d+)$/.exec(listen);
  if (!match) return listen;
  const [, host, port] = match;
  const open = host === "0.0.0.0" || host === "[::]" || host === "*" || host === "";
  return `${open ? pageHost : host}:${port}`;
}

/**
 * The base URL of a client on this reader's machine, without a path; of an instance that has not
 * said anything yet, the default one.
 */
export function clientBase(instance: Pick<Settings["instance"], "proxy_listen" | "proxy_tls"> | null, pageHost: string): string {
  if (!instance) return "http://127.0.0.1:8080";
  return `${instance.proxy_tls ? "https" : "http"}://${clientAddress(instance.proxy_listen, pageHost)}`;
}
