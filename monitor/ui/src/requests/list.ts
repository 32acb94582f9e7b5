// One filtered list over the store: the first page, older pages as one scrolls, and live rows. It
// owns which ids are shown; what they look like stays in the store.

import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { Failure } from "../api/client";
import { running, type Exchange } from "../api/types";
import { afterwards, matches, parse, query } from "../filters/filters";
import { Rows } from "../live/rows";
import { live } from "../live/store";
import { ask, Reader } from "./pages";
import { endedAt } from "./state";

const FIRST_PAGE = 100;
const PAGE = 250;
/** Left open for days, a list that is followed keeps this many rows. */
const KEPT_WHILE_FOLLOWING = 20_000;
/** Bodies become searchable within 2 s of the end (contract). */
const SEARCHABLE_MS = 2_200;

/** What ended longer ago is in the total already: somebody pinned it, or wrote a note. */
const NEWS_MS = 10_000;

export function useList(text: Ref<string>) {
  const filters = computed(() => parse(text.value));
  let rows = new Rows();
  /** What is shown while the newest page is asked for anew. */
  let shownMeanwhile: Rows | null = null;
  /** Changes whenever the rows or one of their exchanges do. */
  const version = shallowRef(0);
  const state = ref<"loading" | "ready" | "failed">("loading");
  const failure = shallowRef<Failure | null>(null);
  const total = ref<number | null>(null);
  const more = ref<"none" | "idle" | "loading" | "failed">("none");
  const atTop = ref(true);
  const paused = ref(false);

  /** Where the list has been read to; null after old rows were let go. */
  let reader: Reader | null = null;
  let abort = new AbortController();
  /** A hello came while the first page was on its way: what started in between may be in neither. */
  let lookAgain = false;
  let researchTimer: ReturnType<typeof setTimeout> | null = null;

  const following = computed(() => atTop.value && !paused.value);

  const read = (extra: Record<string, string> = {}) => new Reader({ ...query(filters.value, Date.now()), ...extra }, ask);

  async function load() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    rows = new Rows();
    shownMeanwhile = null;
    reader = read();
    const first = reader;
    more.value = "none";
    total.value = null;
    state.value = "loading";
    failure.value = null;
    version.value++;
    try {
      await begin(first, signal);
      state.value = "ready";
      version.value++;
      if (lookAgain) void refresh();
    } catch (cause) {
      if (signal.aborted) return;
      failure.value = cause instanceof Failure ? cause : new Failure(0, null, null);
      state.value = "failed";
    }
  }

  async function fill(from: Reader, n: number, signal: AbortSignal) {
    const asked = performance.now();
    const page = await from.next(n, signal);
    rows.append(live.takePage(page, asked));
    more.value = from.more ? "idle" : "none";
  }

  /** The first page, in the place of what was shown before. */
  async function begin(first: Reader, signal: AbortSignal) {
    await fill(first, FIRST_PAGE, signal);
    shownMeanwhile = null;
    total.value = first.total;
    live.forget();
  }

  /** The newest page again, where more came than was held back; until it is here, all stays as it was. */
  async function renew() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const before = rows;
    shownMeanwhile = before;
    rows = new Rows();
    const first = read();
    try {
      await begin(first, signal);
      reader = first;
      if (lookAgain) void refresh();
    } catch {
      if (signal.aborted) return;
      // Still held back, with what came meanwhile: it can be asked for again.
      for (const id of rows.ids) before.hold(id);
      rows = before;
      shownMeanwhile = null;
    }
    version.value++;
  }

  async function loadMore() {
    if (more.value === "loading" || more.value === "none" || shownMeanwhile) return;
    more.value = "loading";
    const { signal } = abort;
    const oldest = rows.ids.at(-1);
    const at = oldest ? live.get(oldest)?.started_at : undefined;
    try {
      // After a trim the reader is far below: begin again at the oldest row's time. Repeats are
      // merged by id.
      reader ??= read(at ? { until: new Date(Date.parse(at) + 1).toISOString() } : {});
      const from = reader;
      await fill(from, PAGE, signal);
      version.value++;
    } catch (cause) {
      if (signal.aborted) return;
      more.value = "failed";
      if (!(cause instanceof Failure)) throw cause;
    }
  }

  /** Looks at the newest page again and merges it: after a reconnect, or for text the database knows. */
  async function refresh() {
    if (state.value === "failed") return load();
    lookAgain = state.value === "loading" || shownMeanwhile !== null;
    if (lookAgain) return;
    const { signal } = abort;
    try {
      const newest = read();
      const asked = performance.now();
      const page = await newest.next(FIRST_PAGE, signal);
      if (signal.aborted) return;
      admit(live.takePage(page, asked));
      total.value = newest.total ?? total.value;
      version.value++;
    } catch {
      // The next reconnect or event tries again; nothing on screen is wrong meanwhile.
    }
  }

  /** Shows exchanges, or holds them back while the list is being read. */
  function admit(fresh: string[]) {
    const unknown = fresh.filter((id) => !rows.has(id));
    if (!unknown.length) return;
    const oldest = rows.ids.at(-1);
    // Older than what has been paged in: it comes with its page.
    const near = more.value === "none" || oldest === undefined ? unknown : unknown.filter((id) => id > oldest);
    // With more held back than is kept, showing the newest would leave a gap below them.
    if ((following.value && rows.beyond.size === 0) || rows.ids.length === 0) {
      rows.insert(...near);
      // With some slack, so that letting go is rare.
      if (rows.ids.length > KEPT_WHILE_FOLLOWING * 1.25 && rows.trim(KEPT_WHILE_FOLLOWING)) {
        reader = null;
        more.value = "idle";
        live.forget();
      }
    } else near.forEach((id) => rows.hold(id));
  }

  const leave = live.view({
    shows: (id) => rows.shows(id) || rows.held.has(id) || (shownMeanwhile?.shows(id) ?? false),
    gone(id) {
      if (rows.has(id) && total.value !== null) total.value--;
      rows.remove(id);
      version.value++;
    },
    connected: () => void refresh(),
    changed(exchanges) {
      const now = live.gatewayTime(Date.now());
      const f = filters.value;
      const still = afterwards(f);
      const fresh: Exchange[] = [];
      for (const x of exchanges) {
        if (rows.has(x.id)) {
          if (!matches(x, still, now)) {
            rows.remove(x.id);
            if (total.value !== null) total.value--;
          }
        } else if (matches(x, f, now)) {
          fresh.push(x);
        } else if (f.q && !running(x)) researchSoon();
      }
      if (fresh.length) {
        if (state.value === "ready" && total.value !== null) total.value += f.by.pinned ? fresh.length : fresh.filter((x) => endedAt(x) > now - NEWS_MS).length;
        admit(fresh.map((x) => x.id));
      }
      version.value++;
    },
  });

  function researchSoon() {
    researchTimer ??= setTimeout(() => {
      researchTimer = null;
      void refresh();
    }, SEARCHABLE_MS);
  }

  function release() {
    if (shownMeanwhile) return;
    if (rows.beyond.size > 0) return void renew();
    rows.release();
    version.value++;
  }

  /** The reader is, or is not, at the top of the list. */
  function scrolled(top: boolean) {
    atTop.value = top;
  }

  /** Holds new rows back, or shows them again as they come. */
  function pause(on: boolean) {
    paused.value = on;
  }

  watch(following, (on) => {
    if (on) release();
  });
  watch(text, load, { immediate: true });
  onScopeDispose(() => {
    leave();
    live.forget();
    abort.abort();
    if (researchTimer) clearTimeout(researchTimer);
  });

  return {
    filters, version, state, failure, total, more, paused, following, load, loadMore, release, scrolled, pause,
    ids: () => (shownMeanwhile ?? rows).ids,
    held: () => rows.held.size + rows.beyond.size,
    get: live.get,
  };
}

export type List = ReturnType<typeof useList>;
