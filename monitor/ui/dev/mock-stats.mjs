// The stand-in's sums over its traffic: how it goes now, series, tops, latency, failures. Added up on
// every question, for a few minutes at a time kept: the history is short and nobody waits for it.

const MINUTE = 60_000;
const WIDTHS = [1, 5, 10, 15, 60, 180, 1440];
/** At most this many are added up; a storm of events would make every answer slow. */
const MOST = 20_000;

const sum = (list, of) => list.reduce((n, x) => n + (of(x) ?? 0), 0);
const part = (sorted, p) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] : null);
const failed = (x) => x.outcome !== "ok" && x.outcome !== "in_flight";
const spread = (list, of) => {
  const sorted = list.map(of).filter((n) => n != null).sort((a, b) => a - b);
  return { calls: sorted.length, p50: part(sorted, 0.5), p95: part(sorted, 0.95), p99: part(sorted, 0.99) };
};
const total = (list) => ({
  calls: list.length, ok: list.filter((x) => x.outcome === "ok").length, failed: list.filter(failed).length,
  client_error: list.filter((x) => x.outcome === "client_error").length, upstream_error: list.filter((x) => x.outcome === "upstream_error").length, client_closed: list.filter((x) => x.outcome === "client_closed").length,
  prompt_tokens: sum(list, (x) => x.usage?.prompt_tokens), completion_tokens: sum(list, (x) => x.usage?.completion_tokens), cached_tokens: sum(list, (x) => x.usage?.cached_tokens), reasoning_tokens: sum(list, (x) => x.usage?.reasoning_tokens),
  cost_usd: sum(list, (x) => x.cost_usd), success_rate: list.length ? list.filter((x) => x.outcome === "ok").length / list.length : null,
  avg_duration_ms: list.length ? sum(list, (x) => x.duration_ms) / list.length : null, avg_ttfb_ms: list.length ? sum(list, (x) => x.ttfb_ms) / list.length : null,
});

/** `all`: every exchange, newest first. */
export function stats(all) {
  const ended = () => all().filter((x) => x.outcome !== "in_flight");
  const within = (from, to, q) => {
    const out = [];
    for (const x of ended().slice(0, MOST)) {
      const at = Date.parse(x.started_at);
      if (at < from) break;
      if (at < to && ["model", "provider", "key", "client_token"].every((f) => !q.get(f) || x[f] === q.get(f))) out.push(x);
    }
    return out;
  };
  function span(q) {
    const until = Date.parse(q.get("until") ?? "") || Date.now();
    const since = Date.parse(q.get("since") ?? "") || until - 24 * 60 * MINUTE;
    const asked = { minute: 1, quarter: 15, hour: 60, day: 1440 }[q.get("width")] ?? Number(q.get("width"));
    const width = asked || WIDTHS.find((w) => (until - since) / (w * MINUTE) <= 120) || 1440;
    const from = Math.floor(since / (width * MINUTE)) * width * MINUTE;
    const count = Math.max(1, Math.ceil((until - from) / (width * MINUTE)));
    return { from, to: from + count * width * MINUTE, width: width * MINUTE, count, said: { since: new Date(from).toISOString(), until: new Date(from + count * width * MINUTE).toISOString(), width_minutes: width, count } };
  }
  const slots = (s, list, fold) => {
    const cut = Array.from({ length: s.count }, () => []);
    for (const x of list) cut[Math.floor((Date.parse(x.started_at) - s.from) / s.width)]?.push(x);
    return cut.map(fold);
  };
  const groups = (list, by) => {
    const found = new Map();
    for (const x of list) {
      const name = x[by] ?? "";
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(x);
    }
    return [...found];
  };
  const measure = { cost: (t) => t.cost_usd, tokens: (t) => t.prompt_tokens + t.completion_tokens, failed: (t) => t.failed, calls: (t) => t.calls };
  const ordered = (list, by, order) => groups(list, by).map(([name, of]) => ({ name, of, total: total(of) })).sort((a, b) => (measure[order] ?? measure.calls)(b.total) - (measure[order] ?? measure.calls)(a.total));
  const sums = (of) => total(of);
  const line = (s, of, name, names, by) => {
    const each = slots(s, of, sums);
    const column = (key) => each.map((t) => t[key]);
    return { name, names, provider: by === "key" ? (of[0]?.provider ?? null) : null, calls: column("calls"), failed: column("failed"), prompt_tokens: column("prompt_tokens"), completion_tokens: column("completion_tokens"), cached_tokens: column("cached_tokens"), cost_usd: column("cost_usd"), total: total(of) };
  };

  const answers = {
    now() {
      const now = Date.now();
      const hour = within(now - 60 * MINUTE, now, new URLSearchParams());
      const recent = hour.filter((x) => Date.parse(x.started_at) > now - 5 * MINUTE);
      const minute = hour.filter((x) => Date.parse(x.started_at) > now - MINUTE);
      const s = { from: now - 60 * MINUTE, width: MINUTE, count: 60 };
      const iso = (ms) => new Date(ms).toISOString();
      return {
        at: iso(now), in_flight: all().slice(0, 200).filter((x) => x.outcome === "in_flight").length, rates_since: iso(now - MINUTE), recent_since: iso(now - 5 * MINUTE), recent: total(recent),
        requests_per_second: minute.length / 60, tokens_per_second: sum(minute, (x) => x.usage?.completion_tokens) / 60, usd_per_hour: sum(hour, (x) => x.cost_usd), error_rate: recent.length ? recent.filter(failed).length / recent.length : null,
        first_token_ms: spread(recent, (x) => x.first_token_ms), duration_ms: spread(recent, (x) => x.duration_ms),
        hour: { since: iso(s.from), calls: slots(s, hour, (l) => l.length), failed: slots(s, hour, (l) => l.filter(failed).length), tokens: slots(s, hour, (l) => sum(l, (x) => x.usage?.completion_tokens)), cost_usd: slots(s, hour, (l) => sum(l, (x) => x.cost_usd)), duration_p95_ms: slots(s, hour, (l) => spread(l, (x) => x.duration_ms).p95), first_token_p95_ms: slots(s, hour, (l) => spread(l, (x) => x.first_token_ms).p95) },
      };
    },
    series(q) {
      const s = span(q);
      const list = within(s.from, s.to, q);
      const by = q.get("by") ?? "model";
      const found = ordered(list, by, q.get("order"));
      const top = Number(q.get("top") ?? 5);
      const rest = found.slice(top);
      const items = found.slice(0, top).map((g) => line(s, g.of, g.name, 1, by));
      if (rest.length) items.push(line(s, rest.flatMap((g) => g.of), null, rest.length, by));
      return { span: s.said, items, total: total(list) };
    },
    top(q) {
      const s = span(q);
      const list = within(s.from, s.to, q);
      const found = ordered(list, q.get("by") ?? "model", q.get("order"));
      const most = Number(q.get("limit") ?? 10);
      const items = found.slice(0, most).map(({ name, of, total }) => {
        const [whole, first] = [spread(of, (x) => x.duration_ms), spread(of, (x) => x.first_token_ms)];
        return { name, key_id: null, provider: q.get("by") === "key" ? (of[0]?.provider ?? null) : null, total, p50_ms: whole.p50, p95_ms: whole.p95, first_token_p50_ms: first.p50, first_token_p95_ms: first.p95 };
      });
      const rest = found.slice(most);
      return { span: s.said, items, others: rest.length, rest: total(rest.flatMap((g) => g.of)), total: total(list) };
    },
    latency(q) {
      const s = span(q);
      const list = within(s.from, s.to, q);
      const of = (pick) => {
        const each = slots(s, list, (l) => spread(l, pick));
        return { calls: each.map((e) => e.calls), p50: each.map((e) => e.p50), p95: each.map((e) => e.p95), p99: each.map((e) => e.p99), whole: spread(list, pick) };
      };
      return { span: s.said, first_token_ms: of((x) => x.first_token_ms), ttfb_ms: of((x) => x.ttfb_ms), duration_ms: of((x) => x.duration_ms) };
    },
    errors(q) {
      const s = span(q);
      const bad = within(s.from, s.to, q).filter(failed);
      const found = new Map();
      for (const x of bad) {
        const code = x.error?.code ?? "";
        const at = `${code}|${x.status}|${x.outcome}`;
        const known = found.get(at);
        if (known) known.calls++;
        else found.set(at, { calls: 1, code, status: x.status, outcome: x.outcome, newest: { id: x.id, model: x.model, provider: x.provider, key: x.key, client_token: x.client_token, message: x.error?.message ?? null, started_at: x.started_at } });
      }
      return { span: s.said, calls: bad.length, items: [...found.values()].sort((a, b) => b.calls - a.calls) };
    },
    losses(q) {
      const s = span(q);
      const none = Array.from({ length: s.count }, () => 0);
      return { span: s.said, bodies_shed: none, records_lost: none, total: { bodies_shed: 0, records_lost: 0 } };
    },
  };

  /** The answer to `GET /api/stats/NAME`; undefined for what it does not know. */
  return (path, query) => {
    const name = /^\/api\/stats\/(\w+)$/.exec(path)?.[1];
    return name && Object.hasOwn(answers, name) ? answers[name](query) : undefined;
  };
}
