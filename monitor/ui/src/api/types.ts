// The API's shapes under the names the UI uses. Where the generated schema renames one, this is
// the only file that follows.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Exchange = Schemas["Exchange"];
export type ExchangeDetail = Schemas["ExchangeDetail"];
export type Side = Schemas["Side"];
export type Try = Schemas["Try"];
export type SseEvent = Schemas["SseEvent"];
export type WsMessage = Schemas["WsMessage"];
export type Stats = Schemas["Stats"];
export type Settings = Schemas["Settings"];
export type Lost = Schemas["Lost"];

export const running = (x: { outcome: string }) => x.outcome === "in_flight";
