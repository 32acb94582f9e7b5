// Times in the reader's zone: a clock time in the list, a relative one in the detail, the absolute
// one on hover.

const clocks = new Map<string, Intl.DateTimeFormat>();

function format(key: string, make: () => Intl.DateTimeFormat) {
  let found = clocks.get(key);
  if (!found) clocks.set(key, (found = make()));
  return found;
}

/** 14:32:07 today, otherwise "Nov 20" with the hour and minute left to the hover. */
export function clock(at: Date, now: Date, language: string): string {
  const sameDay = at.toDateString() === now.toDateString();
  return sameDay
    ? format("clock", () => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })).format(at)
    : format(`day${language}`, () => new Intl.DateTimeFormat(language, { month: "short", day: "numeric" })).format(at);
}

/** 14:32:07, whatever the day. */
export function wallClock(at: Date): string {
  return format("clock", () => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })).format(at);
}

/** 20 Nov 2026, 14:32:07.123 GMT+8 */
export function absolute(at: Date, language: string): string {
  return format(
    `abs${language}`,
    () =>
      new Intl.DateTimeFormat(language, {
        year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
        fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short",
      }),
  ).format(at);
}

/** "3 min. ago", "3分钟前"; `justNow` for less than five seconds. */
export function relative(at: Date, now: Date, language: string, justNow: string): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const abs = Math.abs(seconds);
  if (abs < 5) return justNow;
  const f = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "always" });
  if (abs < 60) return f.format(seconds, "second");
  if (abs < 3600) return f.format(Math.trunc(seconds / 60), "minute");
  if (abs < 86_400) return f.format(Math.trunc(seconds / 3600), "hour");
  return f.format(Math.trunc(seconds / 86_400), "day");
}
