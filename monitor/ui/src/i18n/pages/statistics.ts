// Words of the statistics. Measures and names are the dashboard's.

import type { Filled } from "../filled";

export const en = {
  title: "Statistics",
  tabsLabel: "Statistics by",
  tabs: { usage: "Usage", model: "Models", provider: "Providers", key: "Keys", client_token: "Client tokens", hours: "Hours" },
  firsts: { usage: "When", model: "Model", provider: "Provider", key: "Provider / key", client_token: "Client token", hours: "When" },
  columns: {
    calls: "Requests", failed: "Failed", success: "Success", input: "Tokens in", cached: "cached", output: "Tokens out", cost: "Cost",
    mean: "Average", p50: "Total p50", p95: "Total p95", firstP50: "First token p50", firstP95: "First token p95",
  },
  sum: "In all",
  csv: "CSV",
  tableTitle: (tab: string) => `${tab}, all figures`,
  rows: (n: string, one: boolean) => `${n} row${one ? "" : "s"}`,
  hidden: (n: string) => `${n} more are in the CSV`,
  heatTitle: (measure: string) => `${measure} by hour of the week`,
  heatNote: "on your clock, by when requests ended",
  weekday: "Weekday",
};

export const zh: Filled<typeof en> = {
  title: "统计",
  tabsLabel: "统计维度",
  tabs: { usage: "用量", model: "模型", provider: "供应商", key: "密钥", client_token: "客户端令牌", hours: "时段" },
  firsts: { usage: "时间", model: "模型", provider: "供应商", key: "供应商 / 密钥", client_token: "客户端令牌", hours: "时间" },
  columns: {
    calls: "请求数", failed: "失败", success: "成功率", input: "输入 token", cached: "缓存命中", output: "输出 token", cost: "费用",
    mean: "平均耗时", p50: "总耗时 p50", p95: "总耗时 p95", firstP50: "首字 p50", firstP95: "首字 p95",
  },
  sum: "合计",
  csv: "下载 CSV",
  tableTitle: (tab) => `${tab}明细`,
  rows: (n) => `${n} 行`,
  hidden: (n) => `另有 ${n} 行见 CSV`,
  heatTitle: (measure) => `一周各时段的${measure}`,
  heatNote: "按本机时间，以请求结束时刻计",
  weekday: "星期",
};
