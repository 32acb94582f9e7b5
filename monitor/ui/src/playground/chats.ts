// What the playground asks of the API beside chatting: conversations, listed, read, renamed, deleted.

import { api, got } from "../api/client";
import type { Chat, ChatLine } from "./shapes";

const of = (id: number) => ({ params: { path: { id } } });

export const chatsApi = {
  list: (q: string, cursor: string | null): Promise<{ items: ChatLine[]; next?: string | null; total: number }> =>
    got(api.GET("/api/chat/conversations", { params: { query: { limit: 30, ...(q ? { q } : {}), ...(cursor ? { cursor } : {}) } } })),
  one: (id: number): Promise<Chat> => got(api.GET("/api/chat/conversations/{id}", of(id))),
  /** A turn without what was said in it, if it is among the last. */
  async turn(id: number) {
    const { items } = await got(api.GET("/api/chat/history", { params: { query: { limit: 20 } } }));
    return items.find((t) => t.id === id) ?? null;
  },
  rename: (id: number, title: string): Promise<Chat> => got(api.PUT("/api/chat/conversations/{id}", { ...of(id), body: { title } })),
  /** Both go on while the page is being closed. */
  remove: (id: number) => got(api.DELETE("/api/chat/conversations/{id}", { ...of(id), keepalive: true })),
  removeTurn: (id: number) => got(api.DELETE("/api/chat/history/{id}", { ...of(id), keepalive: true })),
  removeAll: () => got(api.DELETE("/api/chat/history")),
};
