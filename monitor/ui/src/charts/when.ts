// How a chart writes times: an axis mark as short as it can be, a slot from when to when.

const formats = new Map<string, Intl.DateTimeFormat>();
function format(language: string, options: Intl.DateTimeFormatOptions) {
  const key = language + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options })));
  return found;
}
const CLOCK = { hour: "2-digit", minute: "2-digit" } as const;
const DAY = { month: "short", day: "numeric" } as const;

/** 14:30, or the day at its beginning. */
export function mark(at: number, widthMinutes: number, language: string): string {
  const date = new Date(at);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  return format(language, widthMinutes >= 720 || midnight ? DAY : CLOCK).format(date);
}

/** Nov 20, 06:00 – 06:30; the day alone where a slot is one. */
export function stretch(from: number, to: number, language: string): string {
  const [a, b] = [new Date(from), new Date(to)];
  const whole = [a, b].every((d) => d.getHours() === 0 && d.getMinutes() === 0);
  if (whole && to - from <= 25 * 3_600_000) return format(language, { ...DAY, weekday: "short" }).format(a);
  if (whole) return `${format(language, DAY).format(a)} – ${format(language, DAY).format(new Date(to - 1))}`;
  const sameDay = a.toDateString() === new Date(to - 1).toDateString();
  return `${format(language, { ...DAY, ...CLOCK }).format(a)} – ${format(language, sameDay ? CLOCK : { ...DAY, ...CLOCK }).format(b)}`;
}
