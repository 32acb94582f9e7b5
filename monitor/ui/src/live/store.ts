// The one store of exchanges, fed by HTTP and by the feed. Both may arrive in any order; merge.ts
// decides. Events queue up and are applied once per animation frame, never one by one.

import { reactive, readonly, ref } from "vue";
import { api, base, Failure, got } from "../api/client";
import { running, type Exchange, type Lost } from "../api/types";
import { check } from "../session/session";
import { Doubts } from "./doubts";
import { Ended } from "./ended";
import { Feed, type BodyDelta, type FeedEvent, type FeedState, type PoolEvent } from "./feed";
import { listed, merge } from "./merge";
import { BOX, Shelf } from "./shelf";

/** A view of the store. Gets each frame's changes and says which finished exchanges it still shows. */
export interface Viewer {
  changed(exchanges: Exchange[]): void;
  /** It ran, and has left no record. */
  gone?(id: string): void;
  /** The feed is live, again or for the first time: look at the newest page once more. */
  connected(): void;
  shows(id: string): boolean;
}

/** What runs, and what has moved lately; the rest of what is shown lies on the shelf. */
const exchanges = new Map<string, Exchange>();
const shelf = new Shelf();
/** So many ended ones stay objects before a boxful of the eldest is put away. */
const LATELY = 4 * BOX;
const inFlight = new Set<string>();
const ended = new Ended();
const viewers = new Set<Viewer>();
const poolListeners = new Set<(event: PoolEvent | { type: "hello" }) => void>();
const deltaListeners = new Map<string, Set<(delta: BodyDelta) => void>>();

const feedState = ref<FeedState>("connecting");
const counters = reactive({ inFlight: 0, lost: { bodies_shed: 0, records_lost: 0 } as Lost, proxyConnected: true });

/** How far this machine's clock is ahead of the gateway's, in ms; small differences count as none. */
let skew: number | null = null;

let queue: FeedEvent[] = [];
/** More changes than a screen holds in one frame are a blur: take a breath before the next. */
const BLUR = 40;
const BREATH_MS = 120;
const HIDDEN_MS = 500;
let rushed = false;
/** What changed since it was all applied last. */
let moved = 0;
let scheduled = false;
/** What was said last of exchanges that have ended, by when: a page that was asked for before is older. */
const said = new Map<string, number>();
const SAID = 1_000;
/** So many events wait at most for a frame that a hidden tab may not get for a minute. */
const QUEUED = 5_000;
/** So many events are applied in one frame; the next one takes the rest. */
const ONE_GO = 250;

export const live = {
  state: readonly(feedState),
  counters: readonly(counters),
  get: (id: string) => exchanges.get(id) ?? shelf.get(id),
  running: () => [...inFlight].map((id) => exchanges.get(id)!),
  /** The gateway's time, from this machine's. */
  gatewayTime: (now: number) => now - (skew !== null && Math.abs(skew) > 1500 ? skew : 0),

  start: () => feed.start(),
  stop() {
    feed.stop();
    queue = [];
    exchanges.clear();
    clearTimeout(sweeping);
    shelf.clear();
    ended.clear();
    inFlight.clear();
    doubts.forgetAll();
    said.clear();
    counters.inFlight = 0;
  },

  /** What HTTP said of some, which whoever shows them is told. */
  take(items: Exchange[]): Exchange[] {
    const changed: Exchange[] = [];
    const merged = items.map((x) => {
      const before = live.get(x.id);
      const after = keep(x);
      if (after !== before) changed.push(after);
      return after;
    });
    announce(changed);
    return merged;
  },

  /**
   * A page of a list that was asked for at `asked` (`performance.now`): what has ended and is not known
   * yet goes to the shelf. Its ids, in order.
   */
  takePage(items: Exchange[], asked: number): string[] {
    const away: Exchange[] = [];
    for (const x of items) {
      const known = exchanges.has(x.id) || shelf.has(x.id) || ended.get(x.id) !== undefined;
      if (!known && !running(x)) away.push(x);
      else if ((said.get(x.id) ?? -Infinity) < asked) {
        keep(x);
        // The feed names all that run: this one may have ended while the page was on its way.
        if (!known && running(x)) doubts.add(x.id);
      }
    }
    shelf.put(away);
    counters.inFlight = inFlight.size;
    return items.map((x) => x.id);
  },

  view(viewer: Viewer) {
    viewers.add(viewer);
    return () => viewers.delete(viewer);
  },

  /** What happens in the pool, and each time the feed (re)connects. */
  listen(listener: (event: PoolEvent | { type: "hello" }) => void) {
    poolListeners.add(listener);
    return () => poolListeners.delete(listener);
  },

  /** Lets go of rows that left a list. */
  forget() {
    for (const [id, x] of exchanges) {
      if (!running(x) && !shown(id)) letGo(x);
    }
    sweep(shelf.ids());
  },

  /** Asks for the body of one running exchange as it arrives. */
  watch(id: string, onDelta: (delta: BodyDelta) => void) {
    let listeners = deltaListeners.get(id);
    if (!listeners) deltaListeners.set(id, (listeners = new Set()));
    listeners.add(onDelta);
    feed.watch(id);
    return () => {
      listeners.delete(onDelta);
      if (listeners.size) return;
      deltaListeners.delete(id);
      feed.unwatch(id);
    };
  },
};

const feed = new Feed({
  url: `${base.replace(/^http/, "ws")}/api/feed`,
  open: (url) => new WebSocket(url),
  onEvent(event) {
    queue.push(event);
    if (document.hidden && queue.length >= QUEUED) apply();
    else schedule();
  },
  onState: (state) => (feedState.value = state),
  // A refused WebSocket does not say why; the session does.
  mayRetry: () => check().then((standing) => standing === "in", () => true),
  later(act, ms) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
});

const doubts = new Doubts({
  ask: (id) =>
    got(api.GET("/api/request/{id}", { params: { path: { id } } })).catch((cause: unknown) => (cause instanceof Failure && cause.status === 404 ? "gone" : null)),
  settle(id, found) {
    if (found !== "gone") return void live.take([found]);
    exchanges.delete(id);
    inFlight.delete(id);
    counters.inFlight = inFlight.size;
    for (const viewer of viewers) viewer.gone?.(id);
  },
  later: setTimeout,
});

addEventListener("online", () => feed.nudge());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) feed.nudge();
  // The frame that was asked for does not come while the tab is hidden.
  else if (scheduled) setTimeout(apply, HIDDEN_MS);
});

function schedule() {
  if (scheduled) return;
  scheduled = true;
  // A hidden tab gets no frames, but its queue must not grow for hours.
  if (document.hidden) setTimeout(apply, HIDDEN_MS);
  else if (rushed) setTimeout(() => requestAnimationFrame(apply), BREATH_MS);
  else requestAnimationFrame(apply);
}

function shown(id: string): boolean {
  for (const viewer of viewers) if (viewer.shows(id)) return true;
  return false;
}

/** So many ids of the shelf are looked at in one go. */
const SWEPT = 3_000;
let sweeping: ReturnType<typeof setTimeout> | undefined;

/** Takes from the shelf what is not shown, some thousands in a go: of a hundred thousand, all at once is felt. */
function sweep(ids: Iterator<string>) {
  clearTimeout(sweeping);
  for (let n = 0; n < SWEPT; n++) {
    const { value: id, done } = ids.next();
    if (done) return;
    if (!shown(id)) shelf.drop(id);
  }
  sweeping = setTimeout(() => sweep(ids), 0);
}

function keep(x: Exchange): Exchange {
  const shelved = shelf.get(x.id);
  const merged = merge(exchanges.get(x.id) ?? shelved ?? ended.get(x.id), listed(x));
  if (shelved) {
    if (merged === shelved) return shelved;
    shelf.drop(x.id);
  }
  exchanges.set(x.id, merged);
  if (running(merged)) inFlight.add(x.id);
  else {
    inFlight.delete(x.id);
    doubts.clear(x.id);
  }
  return merged;
}

/** Puts the eldest of what has ended on the shelf, boxes full. */
function putAway() {
  const tooMany = exchanges.size - inFlight.size - LATELY;
  if (tooMany < BOX) return;
  const eldest: Exchange[] = [];
  for (const x of exchanges.values()) {
    if (running(x)) continue;
    eldest.push(x);
    if (eldest.length === tooMany) break;
  }
  for (const x of eldest) exchanges.delete(x.id);
  shelf.put(eldest);
}

/** Tells the views; what none of them shows, and has ended, is let go. */
function announce(list: Exchange[]) {
  counters.inFlight = inFlight.size;
  if (!list.length) return;
  const now = performance.now();
  for (const x of list) {
    if (!running(x)) remember(x.id, now);
  }
  for (const viewer of viewers) viewer.changed(list);
  for (const x of list) {
    if (!running(x) && !shown(x.id)) letGo(x);
  }
  putAway();
}

function remember(id: string, now: number) {
  said.delete(id);
  said.set(id, now);
  if (said.size > SAID) said.delete(said.keys().next().value!);
}

function letGo(x: Exchange) {
  exchanges.delete(x.id);
  ended.add(x);
}

function apply() {
  scheduled = false;
  const events = queue.splice(0, document.hidden || queue.length > QUEUED ? queue.length : ONE_GO);
  const changed = new Map<string, Exchange>();
  const take = (x: Exchange) => {
    const before = live.get(x.id);
    const after = keep(x);
    if (after !== before) changed.set(x.id, after);
  };
  let connected = false;
  for (const event of events) {
    switch (event.type) {
      case "hello": {
        connected = true;
        const alive = new Set(event.in_flight.map((x) => x.id));
        for (const id of inFlight) if (!alive.has(id)) doubts.add(id);
        for (const id of alive) doubts.clear(id);
        event.in_flight.forEach(take);
        counters.proxyConnected = event.proxy?.connected ?? true;
        break;
      }
      case "request.started":
        noteSkew(event.request);
        take(event.request);
        break;
      case "request.updated":
      case "request.finished":
        take(event.request);
        break;
      case "body.delta":
        deltaListeners.get(event.id)?.forEach((listener) => listener(event));
        break;
      case "stats":
        if (event.lost) counters.lost = event.lost;
        break;
      case "proxy":
        counters.proxyConnected = event.connected;
        break;
      case "key.changed":
      case "provider.changed":
      case "validation.progress":
      case "trace.hit":
      case "trace.changed":
        for (const listener of poolListeners) listener(event);
        break;
      default:
    }
  }
  moved += changed.size;
  announce([...changed.values()]);
  if (queue.length > 0) {
    scheduled = true;
    requestAnimationFrame(apply);
  } else {
    rushed = moved > BLUR;
    moved = 0;
  }
  if (!connected) return;
  for (const viewer of viewers) viewer.connected();
  for (const listener of poolListeners) listener({ type: "hello" });
}

function noteSkew(x: Exchange) {
  const ahead = Date.now() - Date.parse(x.started_at);
  if (skew === null || ahead < skew) skew = ahead;
}
