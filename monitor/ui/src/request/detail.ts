// One exchange in full: what HTTP says about it, and while it runs the answer as it arrives. The
// live text is only ever a preview; once the exchange ends the stored record replaces it.

import { computed, onScopeDispose, ref, shallowRef, triggerRef } from "vue";
import { api, Failure, got } from "../api/client";
import { utf8 } from "../format/utf8";
import { running, type Exchange, type ExchangeDetail, type SseEvent } from "../api/types";
import { assembler, converse, dialectOf, readAnswer, readRequest, type Turn } from "../dialect";
import { SseSplitter } from "../dialect/sse";
import type { Assembler, Said } from "../dialect/types";
import { DeltaText } from "../live/delta";
import { live } from "../live/store";

interface LiveAnswer {
  text: DeltaText;
  splitter: SseSplitter;
  assembler: Assembler | null;
  frames: SseEvent[];
}

const headerOf = (side: { headers: string[][] } | null | undefined, name: string) =>
  side?.headers.find(([n]) => n?.toLowerCase() === name)?.[1] ?? null;

export function useDetail(id: string) {
  const detail = shallowRef<ExchangeDetail | null>(null);
  const seen = shallowRef<Exchange | null>(live.get(id) ?? null);
  const state = ref<"loading" | "ready" | "missing" | "failed">("loading");
  const failure = shallowRef<Failure | null>(null);
  const answer = shallowRef<LiveAnswer | null>(null);
  const requestText = shallowRef(new DeltaText());
  const loadingFrames = ref(false);
  const abort = new AbortController();
  let unwatch: (() => void) | null = null;
  let again = 0;

  const exchange = computed<Exchange | null>(() => {
    const d = detail.value;
    const s = seen.value;
    return d && (!s || !running(d)) ? d : (s ?? d);
  });
  const runs = computed(() => exchange.value !== null && running(exchange.value));

  async function load(events?: "all") {
    try {
      const d = await got(api.GET("/api/request/{id}", { params: { path: { id }, query: events ? { events } : {} }, signal: abort.signal }));
      detail.value = d;
      const [merged] = live.take([d]);
      if (merged && (running(merged) || !running(d))) seen.value = merged;
      state.value = "ready";
      failure.value = null;
      if (running(d) && !(merged && !running(merged))) watchBody();
      else {
        stopWatching();
        answer.value = null;
        // It ended while this was on its way: what we hold is from before the end.
        if (running(d) && again++ < 20) setTimeout(() => !abort.signal.aborted && void load(), 100 * again);
      }
    } catch (cause) {
      if (abort.signal.aborted) return;
      failure.value = cause instanceof Failure ? cause : new Failure(0, null, null);
      if (!detail.value) state.value = failure.value.status === 404 ? "missing" : "failed";
    }
  }

  function watchBody() {
    if (unwatch) return;
    answer.value = freshAnswer();
    unwatch = live.watch(id, (delta) => {
      if (delta.side === "request") {
        if (requestText.value.take(delta).length) triggerRef(requestText);
        return;
      }
      const a = answer.value;
      if (!a) return;
      for (const piece of a.text.take(delta)) {
        for (const frame of a.splitter.push(piece.text)) {
          a.frames.push({ offset_ms: piece.offset_ms, data: frame.data, event: frame.event, bytes: utf8(frame.data) });
          a.assembler?.push(frame.data, frame.event);
        }
      }
      triggerRef(answer);
      if (a.text.stuck) {
        stopWatching();
        watchBody();
      }
    });
  }

  function freshAnswer(): LiveAnswer {
    const path = exchange.value?.path ?? "";
    return { text: new DeltaText(), splitter: new SseSplitter(), assembler: assembler(dialectOf(path, guessBody())), frames: [] };
  }

  /** Some dialects only show in the body. */
  function guessBody(): unknown {
    const text = detail.value?.request?.body;
    return text && /"messages"\s*:/.test(text.slice(0, 4096)) ? { model: exchange.value?.model ?? "?", messages: [] } : undefined;
  }

  function stopWatching() {
    unwatch?.();
    unwatch = null;
  }

  const leave = live.view({
    shows: () => false,
    // After a reconnect the end may have been missed.
    connected: () => {
      if (runs.value || state.value === "failed") void load();
    },
    changed(exchanges) {
      const x = exchanges.find((e) => e.id === id);
      if (!x) return;
      const d = detail.value;
      seen.value = x;
      // A pin or a note on what has ended: nothing else of it can have changed.
      if (d && !running(d) && !running(x)) detail.value = { ...d, pinned: x.pinned, note: x.note };
      else if (!running(x)) void load();
    },
  });

  void load();
  onScopeDispose(() => {
    abort.abort();
    stopWatching();
    leave();
  });

  // ── the conversation ──

  const requestBody = computed(() => {
    const stored = detail.value?.request;
    const stream = runs.value ? requestText.value.text : "";
    if (stored?.body_encoding === "base64") return stream || null;
    const kept = stored?.body ?? "";
    return stream.length > kept.length ? stream : kept || null;
  });
  const request = computed(() => {
    const path = exchange.value?.path;
    if (path === undefined || detail.value === null) return null;
    const read = readRequest(path, requestBody.value);
    return read && { ...read, turns: converse(read.turns, []) };
  });

  // What came before this page watched carries one time for all of it; HTTP knows each one's.
  const frames = computed<SseEvent[]>(() => {
    const stored = detail.value?.events ?? [];
    return answer.value ? stored.concat(answer.value.frames.slice(stored.length)) : stored;
  });

  const answered = computed<{ turns: Turn[]; error: Said | null }>(() => {
    const d = detail.value;
    const dialect = request.value?.dialect ?? null;
    if (!d || !dialect) return { turns: [], error: null };
    const a = answer.value;
    if (a && a.text.bytes > 0) {
      if (a.frames.length && a.assembler) return { turns: a.assembler.turns(), error: a.assembler.error };
      return readAnswer(dialect, a.text.text);
    }
    const events = d.events ?? [];
    if (events.length) {
      const whole = assembler(dialect);
      if (whole) {
        for (const e of events) whole.push(e.data, e.event ?? null);
        return { turns: whole.turns(), error: whole.error };
      }
    }
    const body = d.response?.body;
    if (!body || d.response?.body_encoding === "base64") return { turns: [], error: null };
    // A stream whose frames were not kept apart.
    if (/event-stream/.test(headerOf(d.response, "content-type") ?? "")) {
      const whole = assembler(dialect);
      if (whole) {
        for (const f of new SseSplitter().push(body.endsWith("\n\n") ? body : `${body}\n\n`)) whole.push(f.data, f.event);
        return { turns: whole.turns(), error: whole.error };
      }
    }
    return readAnswer(dialect, body);
  });

  async function loadAllFrames() {
    loadingFrames.value = true;
    await load("all");
    loadingFrames.value = false;
  }

  /** The response as it has come so far, for the raw tab. */
  const liveText = computed(() => (answer.value?.text.bytes ? answer.value.text.text : null));

  return { detail, exchange, state, failure, runs, request, answered, frames, liveText, load, loadAllFrames, loadingFrames };
}

export type Detail = ReturnType<typeof useDetail>;
export { headerOf };
