// Numbers as people read them in a dense table: tokens, money, bytes. The same in both languages,
// which share digits, the decimal point and these units. Missing is a dash.

export const NONE = "—";

type Maybe = number | null | undefined;

/** 1,234 of 1234.4; not by `Intl`, whose first use keeps a browser busy for 15 to 40 ms. */
const grouped = (n: number) => n.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");

/** 1,234 */
export function count(n: Maybe): string {
  return n == null || !Number.isFinite(n) ? NONE : grouped(n);
}

/** 1,234 · 12.3k · 1.2M: exact below ten thousand, then three digits. */
export function tokens(n: Maybe): string {
  if (n == null || !Number.isFinite(n)) return NONE;
  const abs = Math.abs(n);
  if (abs < 9_999.5) return grouped(n);
  for (const [unit, size] of [["k", 1e3], ["M", 1e6], ["G", 1e9]] as const) {
    const scaled = n / size;
    if (Math.abs(scaled) < 999.5 || unit === "G") return `${scaled.toFixed(Math.abs(scaled) < 99.95 ? 1 : 0)}${unit}`;
  }
  return NONE;
}

/** $0.0012 with as many digits as matter: cents from a dollar up, two significant digits below a cent. */
export function money(usd: Maybe): string {
  if (usd == null || !Number.isFinite(usd)) return NONE;
  if (usd === 0) return "$0";
  const sign = usd < 0 ? "-" : "";
  const abs = Math.abs(usd);
  if (abs >= 1000) return `${sign}$${grouped(abs)}`;
  if (abs >= 1) return `${sign}$${abs.toFixed(2)}`;
  if (abs < 0.000001) return `${sign}<$0.000001`;
  const digits = Math.min(7, Math.max(4, 1 - Math.floor(Math.log10(abs))));
  // Four decimals line up in a column; what follows them must say something.
  return `${sign}$${abs.toFixed(digits).replace(/(\.\d{4}\d*?)0+$/, "$1")}`;
}

/** $0.15 · $1,234.50 · $0.005: all the digits of a price, up to six decimals, two at least. */
export function price(usd: Maybe): string {
  if (usd == null || !Number.isFinite(usd)) return NONE;
  const [whole, decimals] = usd.toFixed(6).split(".") as [string, string];
  return `$${grouped(Number(whole))}.${decimals.replace(/0{1,4}$/, "")}`;
}

/** $0.92 · $31.75: what has been spent of something, in cents as soon as there are any. */
export function cents(usd: Maybe): string {
  if (usd == null || !Number.isFinite(usd)) return NONE;
  return Math.abs(usd) >= 0.005 && Math.abs(usd) < 1 ? `${usd < 0 ? "-" : ""}$${Math.abs(usd).toFixed(2)}` : money(usd);
}

/** 50 · 7.50: what it is spent of, beside a sum that has the sign. */
export function limit(usd: number): string {
  return cents(usd).replace("$", "").replace(/\.00$/, "");
}

/** 512 B · 1.3 KB · 8.0 MB (1 KB = 1024 B) */
export function bytes(n: Maybe): string {
  if (n == null || !Number.isFinite(n)) return NONE;
  if (n < 1024) return `${grouped(n)} B`;
  let scaled = n;
  for (const unit of ["KB", "MB", "GB", "TB"]) {
    scaled /= 1024;
    if (scaled < 999.5 || unit === "TB") return `${scaled.toFixed(scaled < 99.95 ? 1 : 0)} ${unit}`;
  }
  return NONE;
}

/** 98.4 % of a ratio in 0…1; never rounds a failure away to 100 %. */
export function percent(ratio: Maybe): string {
  if (ratio == null || !Number.isFinite(ratio)) return NONE;
  if (ratio >= 1) return "100%";
  const p = ratio * 100;
  if (p > 99.9) return ">99.9%";
  return `${p.toFixed(p < 9.95 || p >= 90 ? 1 : 0)}%`;
}

/** 60.9 · 184: tokens per second. */
export function rate(n: Maybe): string {
  if (n == null || !Number.isFinite(n)) return NONE;
  return n < 99.95 ? n.toFixed(1).replace(/\.0$/, "") : grouped(n);
}

/** Share of the list's bar, 0…1, on a square-root scale of a minute. */
export function barShare(ms: Maybe, full = 60_000): number {
  return ms == null || !(ms > 0) ? 0 : Math.min(1, Math.sqrt(ms / full));
}
