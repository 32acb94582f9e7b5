// What can be done to client tokens. Deleting one cannot be taken back: only its hash is known.

import { tokensApi, type ClientToken } from "../api/managed";
import { backOf, type Deed } from "../roster/deed";
import { tokens } from "../roster/roster";

export const nameOf = (t: ClientToken) => t.name;

const turn = (enabled: boolean) => async (t: ClientToken) => tokens.put(await tokensApi.change(t.id, { enabled }));

export const on: Deed<ClientToken> = { name: "on", fits: (t) => !t.enabled, act: turn(true), back: backOf(nameOf, turn(false)) };
export const off: Deed<ClientToken> = { name: "off", fits: (t) => t.enabled, act: turn(false), back: backOf(nameOf, turn(true)) };
export const remove: Deed<ClientToken> = {
  name: "remove",
  async act(t) {
    await tokensApi.remove(t.id);
    tokens.drop(t);
  },
};

export const deeds = [on, off, remove];
