// The words of handling many rows at once: keys, providers, models, routes, client tokens.

import type { Filled } from "../filled";

const s = (n: number) => (n === 1 ? "" : "s");

/** What is said of any kind of row. */
const kindEn = (one: string, removeText: string, none: string) => ({
  label: `Selected ${one}s`,
  chosen: (n: number) => `${n} ${one}${s(n)} selected`,
  removed: (n: number) => `${n} ${one}${s(n)} deleted.`,
  failed: (n: number) => (n === 1 ? `One ${one} stayed as it was.` : `${n} ${one}s stayed as they were.`),
  removeTitle: (n: number) => `Delete ${n === 1 ? `this ${one}` : `these ${n} ${one}s`}?`,
  removeDo: (n: number) => `Delete ${n} ${one}${s(n)}`,
  removeText,
  none,
});

/** What is said of a kind that can be switched on and off. */
const turnedEn = (one: string, on: string, off: string, isOn: string, isOff: string) => ({
  on: { label: on, none: `None of them is ${isOff}`, done: (n: number) => `${n} ${one}${s(n)} ${isOn}.` },
  off: { label: off, none: `All of them are ${isOff}`, done: (n: number) => `${n} ${one}${s(n)} ${isOff}.` },
});

export const en = {
  all: "Select all that are listed",
  one: (name: string) => `Select ${name}`,
  clear: "Clear the selection",
  doing: (done: string, all: string) => `${done} of ${all}`,
  test: "Test",
  kinds: {
    keys: {
      ...kindEn("key", "Glassway forgets them. Requests they have served stay recorded. This cannot be undone, since nobody can read the keys again: to use them again, paste them again. Deactivating can be undone.", "There is nothing to delete"),
      ...turnedEn("key", "Activate", "Deactivate", "activated", "deactivated"),
    },
    providers: {
      ...kindEn("provider", "Only those that no key and no route uses are deleted. Requests they have served stay recorded.", "The built-in provider cannot be deleted"),
      ...turnedEn("provider", "Enable", "Disable", "enabled", "disabled"),
    },
    models: kindEn("model", "Their descriptions and prices go. What a provider offers comes back with the next refresh.", "There is nothing to delete"),
    routes: kindEn("route", "From then on their models go to every provider with a key that lists them, or lists none.", "There is nothing to delete"),
    tokens: {
      ...kindEn("client token", "Whoever uses one of them is refused from now on. Requests made with them stay recorded. This cannot be undone, since Glassway keeps only their hashes. Disabling can be undone.", "There is nothing to delete"),
      ...turnedEn("client token", "Enable", "Disable", "enabled", "disabled"),
    },
  },
};

export type Kind = keyof (typeof en)["kinds"];

const kindZh = (of: string, removeText: string, none: string) => ({
  label: `选中的${of.slice(1)}`,
  chosen: (n: number) => `已选 ${n} ${of}`,
  removed: (n: number) => `已删除 ${n} ${of}。`,
  failed: (n: number) => `有 ${n} ${of}保持原样。`,
  removeTitle: (n: number) => `删除这 ${n} ${of}？`,
  removeDo: (n: number) => `删除 ${n} ${of}`,
  removeText,
  none,
});
const turnedZh = (of: string) => ({
  on: { label: "启用", none: `其中没有已停用的${of.slice(1)}`, done: (n: number) => `已启用 ${n} ${of}。` },
  off: { label: "停用", none: `其中的${of.slice(1)}都已停用`, done: (n: number) => `已停用 ${n} ${of}。` },
});

export const zh: Filled<typeof en> = {
  all: "选中列表中的全部",
  one: (name) => `选中 ${name}`,
  clear: "取消选择",
  doing: (done, all) => `第 ${done} 个，共 ${all} 个`,
  test: "检测",
  kinds: {
    keys: { ...kindZh("个密钥", "Glassway 将不再保存它们，已记录的请求会保留。密钥无法再次读出，因此删除不能撤销；若要再次使用，需要重新粘贴。停用则可以撤销。", "没有可删除的密钥"), ...turnedZh("个密钥") },
    providers: { ...kindZh("个供应商", "只会删除没有密钥和路由使用的供应商，已记录的请求会保留。", "内置供应商不能删除"), ...turnedZh("个供应商") },
    models: kindZh("个模型", "它们的说明和价格会一并删除。供应商提供的模型会在下次刷新时重新出现。", "没有可删除的模型"),
    routes: kindZh("条路由", "此后这些模型会转到所有列出它们或未列出任何模型的密钥所属的供应商。", "没有可删除的路由"),
    tokens: { ...kindZh("个客户端令牌", "使用它们的客户端从此会被拒绝，已记录的请求会保留。Glassway 只保存令牌的哈希，因此删除不能撤销；停用则可以撤销。", "没有可删除的令牌"), ...turnedZh("个客户端令牌") },
  },
};
