// A trace's findings in the reader's words: pure, from the API's kinds and figures.

import type { Observation, Trace } from "../api/managed";
import { duration } from "../format/duration";
import { count } from "../format/numbers";
import type { en } from "../i18n/pages/traces";
import type { Filled } from "../i18n/filled";

type Words = Filled<typeof en>;

export interface Finding {
  kind: Observation["kind"];
  title: string;
  says: string;
  /** What must not be concluded. */
  cannot: string;
  weight: Observation["weight"];
}

const list = (names: unknown[], comma: string) => {
  const all = [...new Set(names.map(String).filter(Boolean))];
  return all.length > 4 ? `${all.slice(0, 4).join(comma)}${comma}…` : all.join(comma);
};

/** One observation in words; null where this page is older than what the gateway says. */
export function inWords(of: Observation, w: Words, comma: string): Finding | null {
  const v = of.values as Record<string, unknown>;
  type Named = { name: string; role?: string; by?: string };
  const named = (field: string, which: (one: Named) => boolean = () => true) => list(((v[field] as Named[] | undefined) ?? []).filter(which).map((one) => one.name), comma);
  const texts: Record<string, () => string> = {
    "code.read": () => w.found.code.read(list(v.addresses as unknown[], comma)),
    "code.nearly": () => w.found.code.nearly(String(v.letters), String(v.letters_of)),
    "code.read_beyond": () => w.found.code.read_beyond,
    "code.not_read": () => w.found.code.not_read,
    "code.never_fetched": () => w.found.code.never_fetched,
    "fetches.none": () => w.found.fetches.none,
    "fetches.one": () => w.found.fetches.one(list(v.addresses as unknown[], comma)),
    "fetches.several": () => w.found.fetches.several(String(v.fetchers), list(v.addresses as unknown[], comma)),
    "fetches.late": () => w.found.fetches.late(list(v.addresses as unknown[], comma)),
    "fetchers.vendor_network": () => w.found.fetchers.vendor_network(named("known", (one) => one.role === "vendor" && one.by === "network")),
    "fetchers.vendor_name": () => w.found.fetchers.vendor_name(named("known", (one) => one.role === "vendor")),
    "fetchers.software": () => w.found.fetchers.software(named("known")),
    "fetchers.unknown": () => w.found.fetchers.unknown,
    "model.same": () => w.found.model.same(String(v.served)),
    "model.snapshot": () => w.found.model.snapshot(String(v.served)),
    "model.other": () => w.found.model.other(String(v.served), String(v.asked)),
    "model.unsaid": () => w.found.model.unsaid,
    "id.known": () => w.found.id.known(String(v.id), String(v.name)),
    "id.unknown": () => w.found.id.unknown(String(v.id)),
    "id.unsaid": () => w.found.id.unsaid,
    "fingerprint.openai": () => w.found.fingerprint.openai(String(v.fingerprint)),
    "fingerprint.other": () => w.found.fingerprint.other(String(v.fingerprint)),
    "fingerprint.absent": () => w.found.fingerprint.absent,
    "headers.gateway": () => w.found.headers.gateway(named("named")),
    "headers.vendor": () => w.found.headers.vendor(named("named")),
    "headers.gateway_and_vendor": () => w.found.headers.gateway_and_vendor(named("named")),
    "headers.cdn": () => w.found.headers.cdn(named("named")),
    "headers.none": () => w.found.headers.none,
    "tokens.fits": () => w.found.tokens.fits(count(Number(v.counted))),
    "tokens.text_only": () => w.found.tokens.text_only(count(Number(v.counted)), count(Number(v.least))),
    "tokens.much_more": () => w.found.tokens.much_more(count(Number(v.counted)), count(Number(v.most))),
    "tokens.unsaid": () => w.found.tokens.unsaid,
    "latency.measured": () =>
      v.first_fetch_ms == null ? w.found.latency.unfetched(duration(Number(v.answer_ms))) : w.found.latency.measured(duration(Number(v.answer_ms)), duration(Number(v.first_fetch_ms))),
  };
  const says = texts[`${of.kind}.${of.finding}`];
  const cannot = (w.cannot[of.kind] as Record<string, string>)[of.finding];
  return says && cannot !== undefined ? { kind: of.kind, title: w.verdict[of.kind], says: says(), cannot, weight: of.weight } : null;
}

export type Seen = "yes" | "fetched" | "none" | "no" | "open";

/** What became of the image, in one word. */
export function seenOf(t: Pick<Trace, "saw_image" | "hit_count" | "status">): Seen {
  if (t.saw_image === true) return "yes";
  if (t.status === "pending" || t.status === "running") return "open";
  if (t.hit_count === 0) return "none";
  return t.saw_image === false ? "fetched" : "no";
}

/** Distinct addresses, in the order of arrival. */
export const fetchersOf = (t: Pick<Trace, "hits">) => [...new Set(t.hits.map((h) => h.ip))];

/** The finding that stands above the others. */
export function headline(t: Trace, w: Words, comma: string): string {
  if (t.status === "pending") return w.headline.waiting;
  if (t.status === "running") return w.headline.running;
  if (t.status === "failed") return w.headline.failed;
  if (t.saw_image && !t.hits.some((h) => h.read)) return w.headline.seenBeyond;
  if (t.saw_image) return w.headline.seen(list(t.hits.filter((h) => h.read).map((h) => h.ip), comma));
  return t.hit_count ? w.headline.fetched : w.headline.silent;
}
