// One question under way: sent, its answer taken in as it comes, stopped by hand. The monitor keeps
// the turn whatever happens here.

import { ref, shallowRef } from "vue";
import { base, Failure, heard } from "../api/client";
import { ChatAssembler, answerTurns } from "../dialect/chat";
import { readJson } from "../dialect/partial";
import { SseSplitter } from "../dialect/sse";
import { language } from "../i18n";
import { errorIn, isObject, type Json, type Part } from "../dialect/types";
import type { Message } from "./shapes";

/** Where it was kept, as the answer's head says. */
export interface Place { chat: number; turn: number; request: string | null }

export class Run {
  /** The answer so far. */
  readonly parts = shallowRef<Part[]>([]);
  readonly place = shallowRef<Place | null>(null);
  /** After how long the first word came, in ms. */
  readonly firstMs = ref<number | null>(null);
  readonly began = Date.now();
  /** What is shown as asked while it runs. */
  readonly asked: Message[];
  readonly model: string;
  private readonly control = new AbortController();
  private readonly assembler = new ChatAssembler();
  private scheduled = false;
  stopped = false;

  constructor(private readonly body: Json, private readonly query: Record<string, string>) {
    this.asked = (body.messages as Message[]).filter((m) => m.role !== "system");
    this.model = String(body.model);
  }

  stop() {
    this.stopped = true;
    this.control.abort();
  }

  /** Resolves when the answer has ended; throws `Failure` where nothing was kept. */
  async go(onPlace: (place: Place) => void): Promise<void> {
    let response: Response;
    try {
      response = await fetch(`${base}/api/chat?${new URLSearchParams(this.query)}`, {
        method: "POST",
        credentials: "same-origin",
        headers: { "content-type": "application/json", "accept-language": language.value },
        body: JSON.stringify(this.body),
        signal: this.control.signal,
      });
    } catch {
      if (this.stopped) return;
      throw new Failure(0, null, null);
    }
    const place = placeOf(response.headers);
    if (!place) {
      // Refused by the monitor itself: no upstream was asked.
      heard(response);
      throw Failure.from(response, readJson(await response.text().catch(() => ""))?.value);
    }
    this.place.value = place;
    onPlace(place);
    try {
      await this.read(response);
    } catch {
      // What came is kept by the monitor, which knows why it ended.
    }
    this.show();
  }

  private async read(response: Response) {
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      const whole = readJson(await response.text())?.value;
      if (isObject(whole) && !errorIn(whole)) this.parts.value = answerTurns(whole)[0]?.parts ?? [];
      return;
    }
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const events = new SseSplitter();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const { data } of events.push(value)) this.assembler.push(data);
      this.later();
    }
  }

  /** Once per frame, never per event. */
  private later() {
    if (this.scheduled) return;
    this.scheduled = true;
    const act = () => {
      this.scheduled = false;
      this.show();
    };
    if (document.hidden) setTimeout(act, 250);
    else requestAnimationFrame(act);
  }

  private show() {
    const parts = this.assembler.turns()[0]?.parts;
    if (!parts?.length) return;
    this.firstMs.value ??= Date.now() - this.began;
    this.parts.value = parts;
  }
}

function placeOf(headers: Headers): Place | null {
  const chat = Number(headers.get("x-glassway-conversation"));
  const turn = Number(headers.get("x-glassway-turn"));
  return chat > 0 && turn > 0 ? { chat, turn, request: headers.get("x-glassway-id") } : null;
}
