// Whether somebody is signed in. The session itself is an HttpOnly cookie that no script can read;
// an admin key is held only for as long as it takes to send it.

import { ref } from "vue";
import { api, Failure, got } from "../api/client";

export type Standing = "unknown" | "in" | "out";

export const standing = ref<Standing>("unknown");

/** Why the sign-in page is shown, where it should say so. */
export const reason = ref<"ended" | "bad-link" | Failure | null>(null);

/** Moves when somebody signs out by hand; a session that ends by itself is no reason to let go of what was typed. */
export const left = ref(0);

/** Takes `#key=…` out of the address bar at once and returns the key. */
export function keyFromLink(location: Location, history: History): string | null {
  const match = /^#\/?\??key=([^&]+)/.exec(location.hash);
  if (!match?.[1]) return null;
  history.replaceState(history.state, "", `${location.pathname}${location.search}#/requests`);
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

export async function signIn(key: string): Promise<void> {
  await got(api.POST("/token", { body: { api_key: key } }));
  reason.value = null;
  standing.value = "in";
}

/** What public/before-paint.js asked before there was any script: an answer for the first check alone. */
function early(): { fetch?: () => Promise<Response> } {
  const answer = window.early?.session;
  delete window.early;
  return answer ? { fetch: () => answer } : {};
}

/** Asks the monitor whether the cookie still holds. Throws when it cannot be asked. */
export async function check(): Promise<Standing> {
  try {
    await got(api.GET("/api/session", early()));
    standing.value = "in";
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.status !== 401) throw cause;
    standing.value = "out";
  }
  return standing.value;
}

export async function signOut(): Promise<void> {
  await got(api.DELETE("/api/session")).catch((cause: unknown) => {
    // Already gone is as good as signed out.
    if (!(cause instanceof Failure) || cause.status !== 401) throw cause;
  });
  reason.value = null;
  left.value++;
  standing.value = "out";
}
