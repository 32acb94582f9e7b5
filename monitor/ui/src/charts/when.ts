// How a chart writes times: an axis mark as short as it can be, a slot from when to when.

import { dayHourMinute, hourMinute, monthDay, weekdayDay } from "../format/time";

const midnight = (date: Date) => date.getHours() === 0 && date.getMinutes() === 0;

/** 14:30, or the day at its beginning. */
export function mark(at: number, widthMinutes: number, language: string): string {
  const date = new Date(at);
  return widthMinutes >= 720 || midnight(date) ? monthDay(date, language) : hourMinute(date);
}

/** Nov 20, 06:00 – 06:30; the day alone where a slot is one. */
export function stretch(from: number, to: number, language: string): string {
  const [a, b, last] = [new Date(from), new Date(to), new Date(to - 1)];
  const whole = midnight(a) && midnight(b);
  if (whole && to - from <= 25 * 3_600_000) return weekdayDay(a, language);
  if (whole) return `${monthDay(a, language)} – ${monthDay(last, language)}`;
  const sameDay = a.toDateString() === last.toDateString();
  return `${dayHourMinute(a, language)} – ${sameDay ? hourMinute(b) : dayHourMinute(b, language)}`;
}
