// The connection to /api/feed: opens, resumes after a loss without gap or repeat, and hands every
// event on. It knows nothing of rows; it only counts the cursor so that it can ask for the rest.

import type { Health, KeyStatus, TraceStatus } from "../api/managed";
import type { Exchange, Lost } from "../api/types";

export type FeedEvent =
  | { type: "hello"; cursor: number; in_flight: Exchange[]; proxy?: { connected: boolean } }
  | { type: "request.started" | "request.updated"; seq: number; request: Exchange }
  | { type: "request.finished"; seq: number; cursor: number; request: Exchange }
  | BodyDelta
  | { type: "proxy"; seq: number; connected: boolean }
  | { type: "stats"; seq: number; in_flight?: number; queue_bytes?: number; lost?: Lost }
  | { type: "resync"; cursor: number }
  | PoolEvent;

/** What happens in the pool: rows of the managed pages, never exchanges. */
export type PoolEvent =
  | { type: "key.changed"; seq: number; key: { id: number; status: KeyStatus; status_reason: string | null; status_until: string | null } }
  | { type: "provider.changed"; seq: number; provider: { id: number; status: Health; status_reason: string | null; status_until: string | null } }
  | { type: "validation.progress"; seq: number; done: number; total: number }
  | TraceEvent;

/** What happens to traces. */
export type TraceEvent =
  | { type: "trace.hit"; seq: number; trace: number; hit: { id: number; ip: string; user_agent: string | null } }
  | { type: "trace.changed"; seq: number; trace: number; series: number; status: TraceStatus };

export interface BodyDelta {
  type: "body.delta";
  seq: number;
  id: string;
  side: "request" | "response";
  offset_ms: number;
  from: number;
  data: string;
}

/** `connecting` has never been connected; `resuming` was and is not. */
export type FeedState = "connecting" | "live" | "resuming";

export interface FeedPorts {
  url: string;
  open(url: string): WebSocket;
  onEvent(event: FeedEvent): void;
  onState(state: FeedState): void;
  /** The socket closed or never opened; `false` stops trying (signed out). */
  mayRetry(): Promise<boolean>;
  later(act: () => void, ms: number): () => void;
}

const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 10_000;
/** The server sends stats every 2 s: silence for this long is a dead connection. */
const SILENCE_MS = 15_000;

export class Feed {
  private socket: WebSocket | null = null;
  private cursor: number | null = null;
  private delay = FIRST_RETRY_MS;
  private stopped = true;
  private cancel: () => void = () => {};
  private cancelSilence: () => void = () => {};
  private readonly watched = new Set<string>();

  constructor(private readonly ports: FeedPorts) {}

  start() {
    if (!this.stopped) return;
    this.stopped = false;
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.cancel();
    this.cancelSilence();
    this.socket?.close();
    this.socket = null;
    this.cursor = null;
  }

  /** Tries at once, for instance when the network or the tab comes back. */
  nudge() {
    if (this.stopped || this.socket) return;
    this.cancel();
    this.connect();
  }

  watch(id: string) {
    this.watched.add(id);
    this.send({ watch: id });
  }

  unwatch(id: string) {
    if (this.watched.delete(id)) this.send({ unwatch: id });
  }

  private send(message: object) {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private connect() {
    this.ports.onState(this.cursor === null ? "connecting" : "resuming");
    const socket = this.ports.open(this.ports.url);
    this.socket = socket;
    this.heard(socket);
    socket.onmessage = (message) => {
      if (this.socket !== socket) return;
      this.heard(socket);
      this.receive(message.data as string);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.cancelSilence();
      if (!this.stopped) void this.retry();
    };
  }

  /** Restarts the clock that tells a dead connection from a quiet one. */
  private heard(socket: WebSocket) {
    this.cancelSilence();
    this.cancelSilence = this.ports.later(() => {
      if (this.socket !== socket) return;
      this.socket = null;
      socket.close();
      void this.retry();
    }, SILENCE_MS);
  }

  private async retry() {
    this.ports.onState(this.cursor === null ? "connecting" : "resuming");
    if (!(await this.ports.mayRetry())) {
      this.stopped = true;
      return;
    }
    if (this.stopped || this.socket) return;
    // A little chance, so that many tabs do not come back in step.
    this.cancel = this.ports.later(() => this.connect(), this.delay * (0.75 + Math.random() / 2));
    this.delay = Math.min(this.delay * 2, LAST_RETRY_MS);
  }

  private receive(text: string) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      return; // Not ours; the next message is unharmed.
    }
    for (const event of Array.isArray(parsed) ? (parsed as FeedEvent[]) : [parsed as FeedEvent]) this.take(event);
  }

  private take(event: FeedEvent) {
    switch (event.type) {
      case "hello":
        this.delay = FIRST_RETRY_MS;
        if (this.cursor !== null) this.send({ resume_after: this.cursor });
        else this.cursor = event.cursor;
        for (const id of this.watched) this.send({ watch: id });
        this.ports.onState("live");
        break;
      case "request.finished":
        if (this.cursor === null || event.cursor > this.cursor) this.cursor = event.cursor;
        break;
      case "resync":
        // Too slow for a while: everything after what we have, from the database.
        if (this.cursor !== null) this.send({ resume_after: this.cursor });
        else this.cursor = event.cursor;
        break;
      default:
    }
    this.ports.onEvent(event);
  }
}
