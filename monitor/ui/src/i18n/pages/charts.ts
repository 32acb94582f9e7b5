// Words of charts and of the choice of a range, wherever they stand.

import type { Filled } from "../filled";

export const en = {
  range: "Range",
  short: { "1h": "1 h", "6h": "6 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d" },
  presets: { "1h": "Last hour", "6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days" },
  custom: "Custom",
  from: "From",
  to: "To",
  order: "The end must lie after the beginning.",
  show: "Show",
  reset: "Back to the usual range",
  time: "Time",
  asTable: (title: string) => `${title}: as a table`,
  tableOf: (title: string) => `${title}, table`,
  summary: (title: string, span: string, sums: string, most: string, when: string) => `${title}, ${span}. In all: ${sums}. Most: ${most} at ${when}.`,
  summaryLines: (title: string, span: string, lines: string) => `${title}, ${span}: ${lines}.`,
  sum: "In all",
  others: (n: string, one: boolean) => `${n} other${one ? "" : "s"}`,
  per: { 1: "per minute", 2: "per 2 minutes", 5: "per 5 minutes", 10: "per 10 minutes", 15: "per 15 minutes", 30: "per 30 minutes", 60: "per hour", 120: "per 2 hours", 180: "per 3 hours", 360: "per 6 hours", 720: "per 12 hours", 1440: "per day" } as Record<number, string>,
};

export const zh: Filled<typeof en> = {
  range: "时间范围",
  short: { "1h": "1 小时", "6h": "6 小时", "24h": "24 小时", "7d": "7 天", "30d": "30 天", "90d": "90 天" },
  presets: { "1h": "最近 1 小时", "6h": "最近 6 小时", "24h": "最近 24 小时", "7d": "最近 7 天", "30d": "最近 30 天", "90d": "最近 90 天" },
  custom: "自定义",
  from: "从",
  to: "到",
  order: "结束时间必须晚于开始时间。",
  show: "查看",
  reset: "恢复默认范围",
  time: "时间",
  asTable: (title) => `${title}：以表格显示`,
  tableOf: (title) => `${title}，表格`,
  summary: (title, span, sums, most, when) => `${title}，${span}。合计：${sums}。最高：${when}，${most}。`,
  summaryLines: (title, span, lines) => `${title}，${span}，包含：${lines}。`,
  sum: "合计",
  others: (n) => `其他 ${n} 个`,
  per: { 1: "每分钟", 2: "每 2 分钟", 5: "每 5 分钟", 10: "每 10 分钟", 15: "每 15 分钟", 30: "每 30 分钟", 60: "每小时", 120: "每 2 小时", 180: "每 3 小时", 360: "每 6 小时", 720: "每 12 小时", 1440: "每天" },
};
