// Splits server-sent events out of text that arrives in pieces. Fields as in the WHATWG standard:
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

export interface SseFrame { event: string | null; data: string }

export class SseSplitter {
  private rest = "";
  private event: string | null = null;
  private data: string[] = [];
  private first = true;

  push(text: string): SseFrame[] {
    const out: SseFrame[] = [];
    if (this.first && text) {
      this.first = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    this.rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!end) return out;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      if (line === "") {
        if (this.data.length) out.push({ event: this.event, data: this.data.join("\n") });
        this.event = null;
        this.data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
      if (name === "data") this.data.push(value);
      else if (name === "event") this.event = value;
    }
  }
}
