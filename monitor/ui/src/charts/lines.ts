// Answers of the API as lines of charts: how exchanges ended in four classes, failures on the
// baseline; names in the order of their weight. Pure.

import type { components } from "../api/schema";
import type { Name } from "../filters/filters";
import type { Line } from "./stack";

type Schemas = components["schemas"];
export type Series = Schemas["SeriesReport"];
export type SeriesLine = Schemas["Line"];
export type Total = Schemas["Total"];

/** How exchanges end, from the baseline up, each with the outcomes it counts. */
export const ENDS = [
  { name: "upstream", outcomes: ["upstream_error", "upstream_closed", "timeout", "interrupted"], ink: "--err-fill", state: "upstream_error" },
  { name: "client", outcomes: ["client_error", "rejected"], ink: "--warn-fill", state: "client_error" },
  { name: "closed", outcomes: ["client_closed"], ink: "--off-fill", state: "closed" },
  { name: "ok", outcomes: ["ok"], ink: "--ok-fill", state: "ok" },
] as const;
export type End = (typeof ENDS)[number]["name"];
/** The filter value of everything that failed, those who left aside. */
export const FAILED = [...ENDS[0].outcomes, ...ENDS[1].outcomes].join(",");

export const MEASURES = ["calls", "cost", "tokens", "failed"] as const;
export type Measure = (typeof MEASURES)[number];
export const BYS = ["model", "provider", "key", "client_token"] as const;
export type By = (typeof BYS)[number];

const sum = (lines: readonly (readonly number[])[], count: number) => Array.from({ length: count }, (_, i) => lines.reduce((n, line) => n + (line[i] ?? 0), 0));

/** The four classes of a series by outcome. */
export function endLines(report: Series, label: (end: End) => string): Line[] {
  return ENDS.map(({ name, outcomes, ink }) => {
    const of = report.items.filter((l) => l.name != null && (outcomes as readonly string[]).includes(l.name));
    return { label: label(name), ink, quiet: name === "ok", values: sum(of.map((l) => l.calls), report.span.count) };
  });
}

export function measured(line: SeriesLine, measure: Measure): number[] {
  switch (measure) {
    case "cost": return line.cost_usd;
    case "tokens": return line.prompt_tokens.map((n, i) => n + (line.completion_tokens[i] ?? 0));
    default: return line[measure];
  }
}

export function weigh(total: Total, measure: Measure): number {
  switch (measure) {
    case "cost": return total.cost_usd;
    case "tokens": return total.prompt_tokens + total.completion_tokens;
    default: return total[measure];
  }
}

export const NAMED = 6;

/** One line per name, the heaviest on the baseline; the others last. */
export function nameLines(report: Series, measure: Measure, label: (line: SeriesLine) => string): Line[] {
  return report.items.map((line, i) => ({ label: label(line), ink: line.name == null ? "--cat-other" : `--cat-${(i % NAMED) + 1}`, values: measured(line, measure) }));
}

/** Tokens in, of them from a cache, and out; the three do not overlap. */
export function tokenLines(report: Series, words: { fresh: string; cached: string; out: string }): Line[] {
  const of = (figure: (l: SeriesLine) => number[]) => sum(report.items.map(figure), report.span.count);
  const cached = of((l) => l.cached_tokens);
  return [
    { label: words.out, ink: "--cat-1", values: of((l) => l.completion_tokens) },
    { label: words.fresh, ink: "--cat-3", values: of((l) => l.prompt_tokens).map((n, i) => Math.max(0, n - cached[i]!)) },
    { label: words.cached, ink: "--cat-6", values: cached },
  ];
}

/** What a name is called: none at all, and those past the 200 models that a quarter of an hour tells apart, have words of their own. */
export function called(by: By, name: string, words: { noName: Record<By, string>; furtherNames: string }): string {
  if (name === "") return words.noName[by];
  return by === "model" && name === "*" ? words.furtherNames : name;
}

/** What the list must be narrowed to for one name; null where no filter can say it. */
export function termsOf(by: By, name: string | null | undefined, provider?: string | null): Partial<Record<Name, string>> | null {
  // "" is no name at all, and a quote cannot be written in a filter.
  if (name == null || name === "" || /["*]/.test(name)) return null;
  return by === "key" && provider ? { key: name, provider } : { [by]: name };
}
