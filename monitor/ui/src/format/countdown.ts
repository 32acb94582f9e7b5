// Time until something happens by itself, ticking: 0:42, 23:10, 1:02:10, 2 d 3 h.

export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 86_400) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  const hours = Math.round(s / 3600);
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** How much of the ring is left: a square-root scale of an hour, as bars have one of a minute. */
export function ringShare(ms: number): number {
  return Math.min(1, Math.sqrt(Math.max(0, ms) / 3_600_000));
}
