// Why a body is not shown, or not whole: what was configured never to be seen.

import type { Filled } from "../filled";

export const en = {
  metadata_only: "Only figures are recorded of this client: no body, header or query.",
  bodies_withheld: "Bodies show here once the request has ended and what is configured to be redacted was taken out.",
  redacted: (n: string, one: boolean) => `${n} passage${one ? "" : "s"} redacted before this was saved.`,
  record: "Record",
  all: "Everything, as configured",
  metadata: "Figures only",
  recordHint: "Figures only: no body, header or query of its requests is stored or shown.",
};

export const zh: Filled<typeof en> = {
  metadata_only: "此客户端只记录统计数据：不保存正文、标头和查询参数。",
  bodies_withheld: "请求结束并完成脱敏后，才会在这里显示正文。",
  redacted: (n) => `保存前已脱敏 ${n} 处。`,
  record: "记录内容",
  all: "按配置记录全部",
  metadata: "仅统计数据",
  recordHint: "仅统计数据：既不保存也不显示其请求的正文、标头和查询参数。",
};
