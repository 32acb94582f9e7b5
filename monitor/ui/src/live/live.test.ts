import { describe, expect, test, vi } from "vitest";
import type { Exchange } from "../api/types";
import { Ended } from "./ended";
import { Feed, type FeedEvent, type FeedState } from "./feed";
import { merge } from "./merge";
import { HELD, Rows } from "./rows";

const x = (over: Partial<Exchange> = {}): Exchange => ({
  id: "a", started_at: "2026-11-20T12:00:00Z", method: "POST", path: "/v1/chat/completions", origin: "client", mode: "transparent", outcome: "in_flight",
  client_ip: "127.0.0.1", client_token: null, provider: "openai", key: null, model: "gpt-4o", upstream_model: null, status: null, error: null, stream: true,
  duration_ms: null, ttfb_ms: null, first_token_ms: null, request_bytes: 10, response_bytes: 0, cost_usd: null, attempts: 1, warnings: [], pinned: false, note: null,
  usage: { prompt_tokens: null, completion_tokens: null, cached_tokens: null, reasoning_tokens: null, source: "absent" }, ...over,
});
const said = (tokens: number) => ({ tokens, text_tail: "", tokens_per_s: null, last_token_ms: null });

describe("merging", () => {
  const started = x();
  const answering = x({ status: 200, response_bytes: 100, live: said(5) });
  const further = x({ status: 200, response_bytes: 900, live: said(50) });
  const done = x({ status: 200, outcome: "ok", response_bytes: 1000 });

  test("ends the same in any order", () => {
    const all = [started, answering, further, done];
    const orders = permutations(all);
    expect(orders).toHaveLength(24);
    for (const order of orders) expect(order.reduce<Exchange | undefined>(merge, undefined)).toEqual(done);
    for (const order of permutations([started, answering, further])) {
      expect(order.reduce<Exchange | undefined>(merge, undefined)).toEqual(further);
    }
  });
  test("is idempotent and keeps identity when nothing is new", () => {
    expect(merge(done, { ...done })).toBe(done);
    expect(merge(further, { ...further })).toBe(further);
  });
  test("never runs again after finishing", () => expect(merge(done, further)).toBe(done));
  test("an update without live keeps the last words", () => {
    expect(merge(answering, x({ status: 200, response_bytes: 500 })).live).toEqual(said(5));
  });
  test("a running one takes notes and keeps them", () => {
    const noted = merge(further, { ...further, pinned: true, note: "slow" });
    expect([noted.pinned, noted.note, noted.live]).toEqual([true, "slow", further.live]);
    expect(merge(noted, answering)).toBe(noted);
    expect(merge(noted, { ...noted })).toBe(noted);
  });
  test("what has ended and was let go is not set running by a late page", () => {
    const ended = new Ended(2);
    for (const id of ["b", "a", "c"]) ended.add({ ...done, id });
    expect(merge(ended.get("a"), started)).toEqual(done);
    expect([ended.get("b"), ended.get("c")?.id]).toEqual([undefined, "c"]);
  });
  test("a finished one takes later notes", () => expect(merge(done, { ...done, pinned: true }).pinned).toBe(true));
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

describe("rows", () => {
  test("stay newest first without repeats, however they come", () => {
    const rows = new Rows();
    rows.append(["5", "4", "3"]);
    rows.insert("6");
    rows.insert("6", "4");
    rows.append(["3", "2", "1"]);
    rows.insert("35");
    expect(rows.ids).toEqual(["6", "5", "4", "35", "3", "2", "1"]);
  });
  test("many at once among others", () => {
    const rows = new Rows();
    rows.append(["90", "50", "10"]);
    rows.insert(..."11 22 33 44 55 66 77 88 99".split(" "));
    expect(rows.ids).toEqual("99 90 88 77 66 55 50 44 33 22 11 10".split(" "));
  });
  test("held ones wait and are released in place", () => {
    const rows = new Rows();
    rows.append(["5", "3"]);
    rows.hold("7");
    rows.hold("4");
    rows.hold("5");
    expect([rows.ids.length, rows.held.size]).toEqual([2, 2]);
    rows.release();
    expect(rows.ids).toEqual(["7", "5", "4", "3"]);
  });
  test("more than can be held are counted once each", () => {
    const rows = new Rows();
    const id = (n: number) => String(n).padStart(8, "0");
    rows.append([id(0)]);
    for (let n = 1; n <= HELD + 10; n++) {
      rows.hold(id(n));
      rows.hold(id(n));
    }
    expect([rows.held.size, rows.beyond.size]).toEqual([HELD, 10]);
    expect([rows.has(id(HELD + 10)), rows.has(id(HELD + 11))]).toEqual([true, false]);
  });
  test("trim drops the oldest and lets them come back", () => {
    const rows = new Rows();
    rows.append(["5", "4", "3"]);
    expect(rows.trim(2)).toBe(true);
    expect(rows.has("3")).toBe(false);
    rows.append(["3"]);
    expect(rows.ids).toEqual(["5", "4", "3"]);
    rows.remove("4");
    expect(rows.ids).toEqual(["5", "3"]);
  });
  test("a hundred thousand take no time", () => {
    const rows = new Rows();
    const id = (n: number) => String(n).padStart(8, "0");
    rows.append(Array.from({ length: 100_000 }, (_, i) => id(100_000 - i)));
    const t = performance.now();
    for (let i = 0; i < 200; i++) rows.insert(id(200_000 + i));
    expect(performance.now() - t).toBeLessThan(1000);
    expect(rows.ids[0]).toBe(id(200_199));
  });
});

describe("the feed", () => {
  function rig() {
    const sockets: { sent: unknown[]; onmessage?: (m: { data: string }) => void; onclose?: () => void; readyState: number; close(): void; send(s: string): void }[] = [];
    const events: FeedEvent[] = [];
    const states: FeedState[] = [];
    const timers: { act: () => void; ms: number; off: boolean }[] = [];
    const feed = new Feed({
      url: "ws://x",
      open: () => {
        const socket = { sent: [] as unknown[], readyState: 1, close: vi.fn(), send(s: string) { this.sent.push(JSON.parse(s)); } };
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      onEvent: (e) => events.push(e),
      onState: (s) => states.push(s),
      mayRetry: () => Promise.resolve(true),
      later(act, ms) {
        const timer = { act, ms, off: false };
        timers.push(timer);
        return () => { timer.off = true; };
      },
    });
    const say = (m: unknown) => sockets.at(-1)!.onmessage!({ data: JSON.stringify(m) });
    const reconnect = async () => {
      sockets.at(-1)!.onclose!();
      await Promise.resolve(); await Promise.resolve();
      timers.filter((t) => !t.off && t.ms < 15_000).at(-1)!.act();
    };
    return { feed, sockets, events, states, say, reconnect };
  }

  test("resumes after the last finished one and watches again", async () => {
    const { feed, sockets, states, say, reconnect } = rig();
    feed.start();
    say({ type: "hello", cursor: 7, in_flight: [] });
    feed.watch("a");
    say([{ type: "request.finished", seq: 1, cursor: 9, request: x({ outcome: "ok" }) }]);
    await reconnect();
    say({ type: "hello", cursor: 30, in_flight: [] });
    expect(sockets[1]!.sent).toEqual([{ resume_after: 9 }, { watch: "a" }]);
    expect(states).toEqual(["connecting", "live", "resuming", "resuming", "live"]);
  });
  test("catches up when it was too slow", () => {
    const { feed, sockets, say } = rig();
    feed.start();
    say({ type: "hello", cursor: 7, in_flight: [] });
    say({ type: "resync", cursor: 99 });
    expect(sockets[0]!.sent).toEqual([{ resume_after: 7 }]);
  });
  test("survives a message that is not JSON", () => {
    const { feed, sockets, events, say } = rig();
    feed.start();
    sockets[0]!.onmessage!({ data: "<html>" });
    say({ type: "hello", cursor: 1, in_flight: [] });
    expect(events).toHaveLength(1);
  });
});
