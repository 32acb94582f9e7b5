// The API's shapes under the names the UI uses. Where the generated schema renames one, this is
// the only file that follows.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Exchange = Schemas["Exchange"];
export type ExchangeDetail = Schemas["Detail"];
export type Side = Schemas["Message"];
export type Try = Schemas["Try"];
export type SseEvent = Schemas["Event"];
export type WsMessage = Schemas["WebSocketMessage"];
export type Stats = Schemas["Stats"];
export type Settings = Schemas["Settings"];
export type Lost = Schemas["Losses"];

export const running = (x: { outcome: string }) => x.outcome === "in_flight";
