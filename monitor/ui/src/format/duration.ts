// How long something took, in the words of the language: 812 ms · 3.4 s · 2 m 10 s, 812 毫秒 ·
// 3.4 秒 · 2 分 10 秒. The only place that writes durations.

import { language } from "../i18n";
import { NONE } from "./numbers";
import { two } from "./time";

/** After a number, the space between them included. */
const UNITS = {
  en: { ms: " ms", s: " s", m: " m", m0: " m", h: " h", d: " d" },
  // A minute that no seconds follow is 分钟.
  "zh-CN": { ms: " 毫秒", s: " 秒", m: " 分", m0: " 分钟", h: " 小时", d: " 天" },
} as const;

/** 812 ms · 3.4 s · 2 m 10 s · 1 h 5 m. `fine` keeps a second digit below ten seconds (1.64 s). */
export function duration(ms: number | null | undefined, fine = false): string {
  if (ms == null || !Number.isFinite(ms)) return NONE;
  if (ms < 0) return duration(0);
  const u = UNITS[language.value];
  if (ms < 10 && fine && ms > 0) return `${ms.toFixed(1)}${u.ms}`;
  if (ms > 0 && ms < 0.5) return `<1${u.ms}`;
  if (ms < 999.5) return `${Math.round(ms)}${u.ms}`;
  const s = ms / 1000;
  if (s < 59.95) return `${s.toFixed(fine && s < 9.995 ? 2 : 1)}${u.s}`;
  const whole = Math.round(s);
  if (whole < 3600) return whole % 60 ? `${Math.floor(whole / 60)}${u.m} ${whole % 60}${u.s}` : `${whole / 60}${u.m0}`;
  const minutes = Math.round(s / 60);
  if (minutes < 48 * 60) return minutes % 60 ? `${Math.floor(minutes / 60)}${u.h} ${minutes % 60}${u.m}` : `${minutes / 60}${u.h}`;
  return `${Math.round(minutes / 1440)}${u.d}`;
}

/** A mark on an axis: 2 s, not 2.0 s. */
export const mark = (ms: number) => (ms === 0 ? "0" : duration(ms).replace(/\.0(?= )/, ""));

/** Time until something happens by itself, ticking: 0:42, 23:10, 1:02:10, 2 d 3 h. */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  if (s < 86_400) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  const u = UNITS[language.value];
  const hours = Math.round(s / 3600);
  return hours % 24 ? `${Math.floor(hours / 24)}${u.d} ${hours % 24}${u.h}` : `${hours / 24}${u.d}`;
}

/** How much of the ring is left: a square-root scale of an hour, as bars have one of a minute. */
export function ringShare(ms: number): number {
  return Math.min(1, Math.sqrt(Math.max(0, ms) / 3_600_000));
}
