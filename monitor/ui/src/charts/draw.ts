// The uPlot side of a chart: options and data out of lines. Colours are read from the theme's tokens
// each time something is drawn, so that a change of theme is a redraw.

import uPlot from "uplot";
import { extent, stacked, type Line } from "./stack";
import { amounts, decades, moments } from "./ticks";
import type { Slots } from "./span";
import { startOf } from "./span";
import { mark } from "./when";

export interface Drawing {
  slots: Slots;
  lines: readonly Line[];
  /** Bars on top of each other, the first line on the baseline; otherwise lines of their own. */
  stack: boolean;
  /** A logarithmic scale upwards. */
  log: boolean;
  /** Counts: no marks between whole numbers. */
  whole: boolean;
  format: (n: number) => string;
  language: string;
}

export interface Hooks {
  hover(slot: number | null, left: number): void;
  brush(from: number, to: number): void;
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = () => `${token("--fs-xs") || "11px"} ${token("--font") || "sans-serif"}`;

/** $0.1000 is $0.1 on an axis, and 50.0 s is 50 s. */
const short = (text: string) => text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "");

/** What is drawn last lies on top: the highest edge of a stack comes first. */
export function data(of: Drawing): uPlot.AlignedData {
  const xs = Array.from({ length: of.slots.count }, (_, slot) => slot);
  const values = of.lines.map((line) => line.values);
  // What adds nothing has no bar: an edge of no height would still be a line.
  const edges = () => stacked(values).map((line, i) => line.map((edge, slot) => (values[i]![slot] ? edge : null))).reverse();
  return [xs, ...(of.stack ? edges() : values)] as uPlot.AlignedData;
}

/** The marks of the upward axis. */
function levels(of: Drawing): number[] {
  const values = of.lines.map((line) => line.values);
  if (of.log) {
    const found = extent(values);
    return found ? decades(found[0], found[1]) : [100, 1000];
  }
  return amounts(extent(of.stack ? stacked(values) : values)?.[1] ?? 0, of.whole);
}

function bars(of: Drawing): uPlot.Series[] {
  const paths = uPlot.paths.bars!({ size: [0.88, 64], align: 1, gap: 0 });
  return [...of.lines].reverse().map((line) => ({
    paths, points: { show: false }, width: 1 / devicePixelRatio,
    stroke: () => token(line.ink),
    fill: () => (line.quiet ? `color-mix(in srgb, ${token(line.ink)} 38%, ${token("--surface")})` : token(line.ink)),
  }));
}

function strokes(of: Drawing): uPlot.Series[] {
  return of.lines.map((line) => ({
    stroke: () => token(line.ink), width: 1.5, dash: line.dashed ? [4, 3] : undefined, spanGaps: true,
    // A few values far apart would be invisible as a line.
    points: { show: line.values.filter((n) => n !== null).length <= 24, size: 4, fill: () => token(line.ink), stroke: () => token(line.ink) },
  }));
}

/** Between two slots the pointer belongs to the one it is in: bars stand right of their moment. */
const slotAt = (u: uPlot, left: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(u.posToVal(left, "x"))));

export function options(of: () => Drawing, hooks: Hooks, width: number, height: number): uPlot.Options {
  const { log, stack } = of();
  const axis = (): Partial<uPlot.Axis> => ({ stroke: () => token("--text-3"), font: font(), ticks: { show: false }, grid: { stroke: () => token("--line"), width: 1 } });
  return {
    width, height, padding: [8, 8, 0, 0], legend: { show: false }, ms: 1,
    scales: { x: { time: false, range: () => [0, of().slots.count] }, y: { distr: log ? 3 : 1, range: () => [log ? levels(of())[0]! : 0, levels(of()).at(-1)!] } },
    series: [{}, ...(stack ? bars(of()) : strokes(of()))],
    axes: [
      { ...axis(), grid: { show: false }, size: 24, gap: 4, splits: (u) => moments(startOf(of().slots, 0), of().slots.width_minutes, of().slots.count, Math.max(2, u.width / 90)), values: (_, splits) => splits.map((slot) => mark(startOf(of().slots, slot), of().slots.width_minutes, of().language)) },
      { ...axis(), size: 52, gap: 6, splits: () => levels(of()), values: (_, splits) => splits.map((n) => short(of().format(n))), filter: (_, splits) => splits },
    ],
    cursor: {
      x: false, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    hooks: {
      setCursor: [(u) => {
        const left = u.cursor.left ?? -1;
        hooks.hover(left < 0 ? null : slotAt(u, left, of().slots.count), left + u.bbox.left / devicePixelRatio);
      }],
      setSelect: [(u) => {
        const { left, width: wide } = u.select;
        if (wide < 4) return;
        hooks.brush(slotAt(u, left, of().slots.count), slotAt(u, left + wide - 1, of().slots.count));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
}

export { uPlot };
