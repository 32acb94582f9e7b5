// Where a provider stands: what people decided, then what the proxy has seen.

import type { Provider } from "../api/managed";
import { endsIn } from "../keys/standing";
import type { PoolState } from "../roster/StateMark.vue";

export type Standing = "ok" | "cooling" | "open" | "off" | "unused";

export function standingOf(p: Provider, now: number): Standing {
  if (!p.enabled) return "off";
  const ends = endsIn(p.health, now);
  if (p.health.status !== "ok" && (ends === null || ends > 0)) return p.health.status;
  return Object.values(p.keys).some((n) => n > 0) ? "ok" : "unused";
}

export const MARK: Record<Standing, PoolState> = { ok: "active", cooling: "cooling", open: "open", off: "inactive", unused: "inactive" };
export const INK: Record<Standing, string> = { ok: "", cooling: "warn", open: "err", off: "dim", unused: "dim" };

/** `model = deployment`, one per line. The number of the line that is not one, or the map. */
export function readDeployments(text: string): Record<string, string> | number {
  const map: Record<string, string> = {};
  const lines = text.split("\n");
  for (const [i, line] of lines.entries()) {
    if (!line.trim()) continue;
    const [model, deployment, ...rest] = line.split("=").map((s) => s.trim());
    if (!model || !deployment || rest.length) return i + 1;
    map[model] = deployment;
  }
  return map;
}

export const writeDeployments = (map: Record<string, string>) => Object.entries(map).map(([m, d]) => `${m} = ${d}`).join("\n");
