// What the managed gateway consists of: keys, providers, models, routes, client tokens. Loaded by
// the page that shows it; keys and providers follow the feed.

import { computed, onScopeDispose, ref, watch } from "vue";
import { keysApi, modelsApi, pricesApi, providersApi, routesApi, tokensApi, type Key, type KeyStatus } from "../api/managed";
import { api, got } from "../api/client";
import { standing as keyStanding, troubled } from "../keys/standing";
import { live } from "../live/store";
import { left, standing } from "../session/session";
import { useSecondClock } from "../live/clock";
import { forgetDrafts } from "./form";
import { listing, type Listing } from "./listing";

export const keys = listing(keysApi.all, (k) => k.id);
export const providers = listing(providersApi.all, (p) => p.id);
export const models = listing(() => modelsApi.all(), (m) => m.model_name);
export const prices = listing(pricesApi.all, (p) => p.model);
export const routes = listing(routesApi.all, (r) => r.id);
export const tokens = listing(tokensApi.all, (t) => t.id);

/** The database's count, for as long as nobody has loaded the keys. */
const counted = ref<Partial<Record<KeyStatus, number>>>({});

/** A rest ends without a word from anywhere: what depends on the time is looked at again. */
const beat = ref(Date.now());
setInterval(() => {
  if (!document.hidden) beat.value = Date.now();
}, 5_000);

/** Keys that are out of the pool against anyone's wish. */
export const troubles = computed(() =>
  keys.items.value
    ? keys.items.value.filter((k) => troubled(keyStanding(k, live.gatewayTime(beat.value)))).length
    : (Object.entries(counted.value) as [KeyStatus, number][]).reduce((n, [status, of]) => n + (troubled(status) ? of : 0), 0),
);

async function recount() {
  const stats = await got(api.GET("/api/stats")).catch(() => null);
  if (stats) counted.value = stats.keys;
}

let recounting: ReturnType<typeof setTimeout> | null = null;
function recountSoon() {
  if (keys.items.value) return;
  recounting ??= setTimeout(() => {
    recounting = null;
    void recount();
  }, 1000);
}

export const providerName = (id: number) => providers.items.value?.find((p) => p.id === id)?.name ?? `#${id}`;

live.listen((event) => {
  switch (event.type) {
    case "hello":
      // What changed while nobody listened.
      if (keys.items.value) void keys.load();
      else void recount();
      if (providers.items.value) void providers.load();
      break;
    case "key.changed": {
      const known = keys.items.value?.find((k) => k.id === event.key.id);
      if (known) keys.put({ ...known, ...event.key });
      else if (keys.items.value) void keys.load();
      recountSoon();
      break;
    }
    case "provider.changed": {
      const { id, ...health } = event.provider;
      const known = providers.items.value?.find((p) => p.id === id);
      if (known) providers.put({ ...known, health });
      break;
    }
    case "validation.progress":
      break;
  }
});

watch(standing, (now) => {
  if (now !== "out") return;
  for (const list of [keys, providers, models, prices, routes, tokens]) list.clear();
  counted.value = {};
});
watch(left, forgetDrafts);

/** How often spending and uses are asked for again while somebody looks. */
const REFRESH_MS = 20_000;

/** Loads these lists for as long as the caller lives, and keeps them fresh. */
export function useLists(...lists: { load(): Promise<void> }[]) {
  const load = () => lists.forEach((list) => void list.load());
  load();
  const timer = setInterval(() => {
    if (!document.hidden) load();
  }, REFRESH_MS);
  onScopeDispose(() => clearInterval(timer));
}

/** The gateway's time, every second. */
export function useNow() {
  const clock = useSecondClock();
  return computed(() => live.gatewayTime(clock.value));
}

export type { Key, Listing };
