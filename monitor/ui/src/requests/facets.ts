// The quick filters above the list and how many requests each would show. Counted by the database
// for the filter as it stands, then kept current from the feed, and counted again now and then.

import { computed, onScopeDispose, reactive, watch, type Ref } from "vue";
import { running, type Exchange } from "../api/types";
import { DROPPED, matches, parse, query, set, type Filters } from "../filters/filters";
import { live } from "../live/store";
import { enqueue } from "../shell/drawing";
import { ask } from "./pages";
import { endedAt } from "./state";

export const FACETS = ["all", "running", "2xx", "4xx", "5xx", "dropped"] as const;
export type Facet = (typeof FACETS)[number];

const RECOUNT_MS = 30_000;
/** An end is in the database within this time. */
const SETTLED_MS = 2_000;
const droppedValue = DROPPED.join(",");

/** The text with this facet chosen. */
export function choose(text: string, facet: Facet): string {
  const bare = set(set(text, "status", null), "outcome", null);
  switch (facet) {
    case "all": return bare;
    case "running": return set(bare, "outcome", "in_flight");
    case "dropped": return set(bare, "outcome", droppedValue);
    default: return set(bare, "status", facet);
  }
}

/** Which facet the text has chosen; null for a finer filter. */
export function chosen(filters: Filters): Facet | null {
  const { status, outcome } = filters.by;
  if (status === undefined && outcome === undefined) return "all";
  if (outcome === "in_flight" && status === undefined) return "running";
  if (outcome === droppedValue && status === undefined) return "dropped";
  if (outcome === undefined && (status === "2xx" || status === "4xx" || status === "5xx")) return status;
  return null;
}

export function useFacets(text: Ref<string>) {
  const counts = reactive<Record<Facet, number | null>>({ all: null, running: null, "2xx": null, "4xx": null, "5xx": null, dropped: null });
  const base = computed(() => choose(text.value, "all"));
  let abort = new AbortController();
  /** What was counted: everything that had started, and every end, by this moment. */
  let countedAt = Infinity;
  let ended = new Set<string>();
  let begun = new Set<string>();
  let dirty = false;

  async function recount() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    dirty = false;
    const asked = FACETS.filter((f) => f !== "running");
    const totals = await Promise.all(
      asked.map((facet) => ask({ ...query(parse(choose(base.value, facet)), Date.now()), limit: "1" }, signal).then((p) => p.total, () => null)),
    );
    if (signal.aborted) return;
    asked.forEach((facet, i) => (counts[facet] = totals[i] ?? null));
    countedAt = live.gatewayTime(Date.now());
    ended = new Set();
    begun = new Set();
    counts.running = runningNow();
  }

  /** The store knows every running exchange, so nobody needs to count them. */
  function runningNow() {
    const filters = parse(base.value);
    const now = live.gatewayTime(Date.now());
    return live.running().filter((x) => matches(x, filters, now)).length;
  }

  function bump(facet: Facet) {
    if (counts[facet] !== null) counts[facet]++;
  }

  function add(x: Exchange) {
    if (Date.parse(x.started_at) > countedAt && !begun.has(x.id)) {
      begun.add(x.id);
      bump("all");
    }
    // One that had ended well before was counted: somebody pinned it, or wrote a note.
    if (running(x) || ended.has(x.id) || endedAt(x) < countedAt - SETTLED_MS) return;
    ended.add(x.id);
    const cls = x.status == null ? null : `${String(x.status)[0]}xx`;
    if (cls === "2xx" || cls === "4xx" || cls === "5xx") bump(cls);
    if (DROPPED.includes(x.outcome)) bump("dropped");
  }

  const leave = live.view({
    shows: () => false,
    connected: () => void recount(),
    changed(exchanges) {
      dirty = true;
      const filters = parse(base.value);
      const now = live.gatewayTime(Date.now());
      for (const x of exchanges) if (matches(x, filters, now)) add(x);
      counts.running = runningNow();
    },
  });
  const timer = setInterval(() => {
    if (dirty && !document.hidden) void recount();
  }, RECOUNT_MS);

  watch(base, recount);
  // The list is there before its counts.
  const callOff = enqueue(() => void recount());
  onScopeDispose(() => {
    callOff();
    leave();
    clearInterval(timer);
    abort.abort();
  });
  return counts;
}
