// What the settings page asks of the API beside the settings themselves.

import { api, got } from "../api/client";
import type { components } from "../api/schema";

type Schemas = components["schemas"];

export type Storage = Schemas["Storage"];
export type About = Schemas["About"];
export type SignedIn = Schemas["SignedIn"];
export type LogLevels = Schemas["LogLevels"];

export const instanceApi = {
  storage: (): Promise<Storage> => got(api.GET("/api/storage")),
  about: (): Promise<About> => got(api.GET("/api/about")),
  /** How many requests began before this moment. */
  async before(at: Date): Promise<number | null> {
    const page = await got(api.GET("/api/requests", { params: { query: { until: at.toISOString(), limit: 1 } } }));
    return page.total ?? null;
  },
};

export const accessApi = {
  sessions: async (): Promise<SignedIn[]> => (await got(api.GET("/api/sessions", { params: { query: { limit: 1000 } } }))).items,
  end: (id: number) => got(api.DELETE("/api/sessions/{id}", { params: { path: { id } } })),
  endOthers: () => got(api.DELETE("/api/sessions")),
  changeKey: (current_key: string, new_key: string) => got(api.PUT("/api/admin-key", { body: { current_key, new_key } })),
};

export const logsApi = {
  levels: (): Promise<LogLevels> => got(api.GET("/api/log-levels")),
  /** null: as configured. */
  change: (filter: string | null): Promise<LogLevels> => got(api.PUT("/api/log-levels", { body: { filter } })),
};
