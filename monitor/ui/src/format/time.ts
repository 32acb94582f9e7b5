// Times in the reader's zone: a clock time in the list, a relative one in the detail, the absolute
// one on hover. Written by hand in both languages: the first use of `Intl` of any kind keeps a
// browser busy for 15 to 40 ms, on a phone four times that, before a page can be drawn.

/** What two languages write differently. */
interface Forms {
  days: readonly string[];
  day(at: Date): string;
  year(at: Date): string;
  /** Between a day and a time. */
  gap: string;
  /** With the day of the week. */
  weekday(day: string, name: string): string;
  ago(n: number, unit: Unit): string;
  hence(n: number, unit: Unit): string;
}
type Unit = "second" | "minute" | "hour" | "day";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const SHORT: Record<Unit, string> = { second: "sec.", minute: "min.", hour: "hr.", day: "day" };
const amount = (n: number, unit: Unit) => `${n} ${SHORT[unit]}${unit === "day" && n !== 1 ? "s" : ""}`;
const ENGLISH: Forms = {
  days: ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
  gap: ", ",
  day: (at) => `${MONTHS[at.getMonth()]} ${at.getDate()}`,
  year: (at) => `${ENGLISH.day(at)}, ${at.getFullYear()}`,
  weekday: (day, name) => `${name}, ${day}`,
  ago: (n, unit) => `${amount(n, unit)} ago`,
  hence: (n, unit) => `in ${amount(n, unit)}`,
};
const UNITS: Record<Unit, string> = { second: "秒", minute: "分钟", hour: "小时", day: "天" };
const CHINESE: Forms = {
  days: ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
  gap: " ",
  day: (at) => `${at.getMonth() + 1}月${at.getDate()}日`,
  year: (at) => `${at.getFullYear()}年${CHINESE.day(at)}`,
  weekday: (day, name) => `${day}${name}`,
  ago: (n, unit) => `${n}${UNITS[unit]}前`,
  hence: (n, unit) => `${n}${UNITS[unit]}后`,
};
const forms = (language: string) => (language === "zh-CN" ? CHINESE : ENGLISH);

/** 07 */
export const two = (n: number) => String(n).padStart(2, "0");

/** 14:32 */
export const hourMinute = (at: Date): string => `${two(at.getHours())}:${two(at.getMinutes())}`;

/** 2026-11-20T14:05, as an input of type `datetime-local` wants it. */
export const forInput = (at: Date): string => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${hourMinute(at)}`;

/** 14:32:07, whatever the day. */
export const wallClock = (at: Date): string => `${hourMinute(at)}:${two(at.getSeconds())}`;

/** Nov 20, 11月20日 */
export const monthDay = (at: Date, language: string): string => forms(language).day(at);

/** Fri, Nov 20 · 11月20日周五 */
export const weekdayDay = (at: Date, language: string): string => forms(language).weekday(monthDay(at, language), weekday(at.getDay(), language));

/** Nov 20, 2026 · 2026年11月20日 */
export const yearDay = (at: Date, language: string): string => forms(language).year(at);

/** Fri, 周五; 0 is Sunday. */
export const weekday = (n: number, language: string): string => forms(language).days[n % 7]!;

/** Nov 20, 06:00 · 11月20日 06:00 */
export const dayHourMinute = (at: Date, language: string): string => `${monthDay(at, language)}${forms(language).gap}${hourMinute(at)}`;

/** 14:32:07 today, otherwise the day, with hour and minute left to the hover. */
export function clock(at: Date, now: Date, language: string): string {
  return at.toDateString() === now.toDateString() ? wallClock(at) : monthDay(at, language);
}

/** UTC, GMT+8, GMT+5:30: the zone that the reader's clock has at that moment. */
function zone(at: Date): string {
  const ahead = -at.getTimezoneOffset();
  if (ahead === 0) return "UTC";
  const minutes = Math.abs(ahead) % 60;
  return `GMT${ahead < 0 ? "-" : "+"}${Math.trunc(Math.abs(ahead) / 60)}${minutes ? `:${two(minutes)}` : ""}`;
}

/** Nov 20, 2026, 14:32:07.123 GMT+8 · 2026年11月20日 14:32:07.123 GMT+8 */
export function absolute(at: Date, language: string): string {
  if (Number.isNaN(at.getTime())) return "";
  return `${yearDay(at, language)}${forms(language).gap}${wallClock(at)}.${String(at.getMilliseconds()).padStart(3, "0")} ${zone(at)}`;
}

/** "3 min. ago", "3分钟前"; `justNow` for less than five seconds. */
export function relative(at: Date, now: Date, language: string, justNow: string): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const abs = Math.abs(seconds);
  if (!(abs >= 5)) return justNow;
  const [n, unit]: [number, Unit] = abs < 60 ? [abs, "second"] : abs < 3600 ? [Math.trunc(abs / 60), "minute"] : abs < 86_400 ? [Math.trunc(abs / 3600), "hour"] : [Math.trunc(abs / 86_400), "day"];
  return seconds < 0 ? forms(language).ago(n, unit) : forms(language).hence(n, unit);
}
