// Whether a recorded request can be sent again, and if not, what stands in the way. The gateway
// decides; this says it before somebody tries.

import { running, type ExchangeDetail } from "../api/types";

export type Obstacle = "running" | "interrupted" | "socket" | "shed" | "expired" | "truncated" | "binary";

/** What stands in the way of sending it as it was; null: nothing. */
export function obstacle(d: ExchangeDetail): Obstacle | null {
  if (running(d)) return "running";
  if (d.status === 101 || d.messages.length > 0) return "socket";
  if (d.outcome === "interrupted" && d.request.headers.length === 0) return "interrupted";
  if (d.request.shed) return "shed";
  if (d.request.expired) return "expired";
  if (d.request.truncated) return "truncated";
  return null;
}

/** Those that a body of one's own does away with. */
export const mendable = (o: Obstacle | null) => o === "shed" || o === "expired" || o === "truncated";

/** The client's own credential travelled, and was never kept: it needs a key of the pool. */
export const needsKey = (d: ExchangeDetail) => d.mode === "transparent";
