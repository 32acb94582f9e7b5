import { describe, expect, it } from "vitest";
import type { Try } from "../api/types";
import { pretty, sides, telling, title } from "./attempts";

const attempt = (more: Partial<Try>): Try =>
  ({ n: 1, provider: "openai", key: "main", reason: "strategy", url: "", status: 200, error: null, start_ms: 0, connect_ms: null, reused: false, ttfb_ms: null, duration_ms: null, request: null, response: null, ...more }) as Try;
const side = { headers: [], trailers: [], body: null, body_encoding: "utf8", content_encoding: null, truncated: false, shed: false, body_bytes: 0 } as unknown as NonNullable<Try["request"]>;

describe("attempts", () => {
  it("are worth a tab where the client saw something else", () => {
    expect(telling([attempt({})])).toBe(false);
    expect(telling([attempt({}), attempt({ n: 2 })])).toBe(true);
    expect(telling([attempt({ request: side })])).toBe(true);
    expect(telling([])).toBe(false);
  });

  it("are named by who served and what came", () => {
    expect(title(attempt({ status: 429, error: { code: "rate_limit_exceeded", message: "" } }))).toBe("1 openai/main 429 rate_limit_exceeded");
    expect(title(attempt({ status: null, key: null, error: { code: "upstream_timeout", message: "" } }))).toBe("1 openai upstream_timeout");
    expect(sides(attempt({ request: side })).map(({ side: s }) => s !== null)).toEqual([true, false]);
  });

  it("show JSON in lines and leave the rest alone", () => {
    expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(pretty('{"cut":"of')).toBe('{"cut":"of');
    expect(pretty("plain")).toBe("plain");
  });
});
