// The words of the price list as a whole: where it comes from, importing one, going back.

import type { Filled } from "../filled";

export const en = {
  builtIn: (models: string, date: string, one: boolean) => `${models} model${one ? " is" : "s are"} priced by the built-in list, as of ${date}.`,
  imported: (models: string, date: string, one: boolean, when: string) => `${models} model${one ? " is" : "s are"} priced by a list as of ${date}, imported ${when}.`,
  unit: "Dollars per million tokens. A price you set counts instead, for requests from then on.",
  import: "Import a list…",
  importHint: "litellm's model_prices_and_context_window.json, up to 16 MB",
  back: "Back to the built-in list",
  title: "Import this price list?",
  text: "It counts in place of the list there is now, for requests from then on. Prices set here go on counting before it, and costs that were recorded stay as they are.",
  do: "Import",
  date: "As of",
  tooLarge: (name: string, size: string) => `${name} has ${size}; a list may have 16 MB.`,
  done: (models: string, date: string, one: boolean) => `${models} model${one ? " is" : "s are"} priced, as of ${date}`,
  backTitle: "Go back to the built-in price list?",
  backText: "The imported list is forgotten: to use it again, import it again. Prices set here stay, and so do costs that were recorded.",
};

export const zh: Filled<typeof en> = {
  builtIn: (models, date) => `内置价目表为 ${models} 个模型定价，截至 ${date}。`,
  imported: (models, date, _one, when) => `价目表为 ${models} 个模型定价，截至 ${date}，${when}导入。`,
  unit: "单位为美元每百万 token。自行设定的价格优先，对此后的请求生效。",
  import: "导入价目表…",
  importHint: "litellm 的 model_prices_and_context_window.json，不超过 16 MB",
  back: "恢复内置价目表",
  title: "导入此价目表？",
  text: "它将取代当前的价目表，对此后的请求生效。自行设定的价格仍然优先，已记录的费用不变。",
  do: "导入",
  date: "截至日期",
  tooLarge: (name, size) => `${name} 有 ${size}，价目表不能超过 16 MB。`,
  done: (models, date) => `已为 ${models} 个模型定价，截至 ${date}`,
  backTitle: "恢复内置价目表？",
  backText: "导入的价目表将被移除，若要再次使用需重新导入。自行设定的价格和已记录的费用都会保留。",
};
