// The traces that are listed, and the one that is open, kept current by the feed. The list is the
// newest that match, as many as were asked for; the server searches, since hits are searched with it.

import { onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { tracesApi, type Trace } from "../api/managed";
import { Failure } from "../api/client";
import { live } from "../live/store";
import { listing } from "../roster/listing";

/** So many more are listed each time. */
const STEP = 200;
/** Events that come together are one question. */
const SOON_MS = 250;

/** How many match in all. */
export const matching = ref(0);
let searched = "";
let most = STEP;
export const traces = listing<Trace>(async () => {
  const page = await tracesApi.list(searched, most);
  matching.value = page.total;
  return page.items;
}, (t) => t.id);

/** How far each trace has come, as text: a sum would hide hits that come with the end. */
export const stampOf = (of: readonly Pick<Trace, "id" | "status" | "hit_count">[]) => of.map((t) => `${t.id} ${t.status} ${t.hit_count}`).join("\n");

function soon(act: () => void) {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const later = () => {
    timer ??= setTimeout(() => {
      timer = null;
      act();
    }, SOON_MS);
  };
  onScopeDispose(() => {
    if (timer) clearTimeout(timer);
  });
  return later;
}

/** Lists older ones too. */
export function showMore() {
  most += STEP;
  return traces.load();
}

/** Lists what matches for as long as the caller lives. */
export function useTraces(q: Ref<string>) {
  watch(q, (text) => {
    searched = text.trim();
    most = STEP;
    void traces.load();
  }, { immediate: true });
  const again = soon(() => void traces.load());
  const leave = live.listen((event) => {
    if (event.type === "trace.hit" || event.type === "trace.changed" || event.type === "hello") again();
  });
  onScopeDispose(leave);
}

/** One trace whole, again whenever something happens to it; and why it could not be read. */
export function useTrace(id: Ref<number | null>) {
  const trace = shallowRef<Trace | null>(null);
  const failure = shallowRef<Failure | null>(null);
  let turn = 0;
  async function load() {
    const mine = ++turn;
    const wanted = id.value;
    if (wanted === null) {
      trace.value = null;
      return;
    }
    try {
      const found = await tracesApi.one(wanted);
      if (mine === turn) {
        trace.value = found;
        failure.value = null;
      }
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      if (mine === turn) failure.value = cause;
    }
  }
  watch(id, () => {
    failure.value = null;
    // What the list knows of it is there at once.
    trace.value = traces.items.value?.find((t) => t.id === id.value) ?? null;
    void load();
  }, { immediate: true });
  const again = soon(() => void load());
  const leave = live.listen((event) => {
    if (event.type === "hello" || ((event.type === "trace.hit" || event.type === "trace.changed") && event.trace === id.value)) again();
  });
  onScopeDispose(leave);
  return { trace, failure, load };
}
