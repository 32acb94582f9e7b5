// The words of the command palette.

import type { Filled } from "../filled";

export const en = {
  title: "Commands",
  placeholder: "Go to a page, find a key or a model, do something…",
  results: "Results",
  none: "Nothing matches",
  groups: { pages: "Pages", actions: "Actions", saved: "Saved filters", requests: "Requests", keys: "Keys", providers: "Providers", models: "Models", routes: "Routes", tokens: "Client tokens" },
  search: (text: string) => `Search requests for “${text}”`,
  openId: (id: string) => `Open request ${id}`,
  newKey: "New key",
  newKeys: "Add many keys",
  newProvider: "New provider",
  newRoute: "New route",
  newToken: "New client token",
  newChat: "New conversation",
  light: "Use the light theme",
  dark: "Use the dark theme",
  system: "Use the system's theme",
  help: "Show keyboard shortcuts",
  signOut: "Sign out",
  failedOnly: "Show failed requests",
  runningOnly: "Show running requests",
};

export const zh: Filled<typeof en> = {
  title: "命令",
  placeholder: "前往页面、查找密钥或模型、执行操作…",
  results: "结果",
  none: "没有匹配项",
  groups: { pages: "页面", actions: "操作", saved: "已保存的筛选", requests: "请求", keys: "密钥", providers: "供应商", models: "模型", routes: "路由", tokens: "客户端令牌" },
  search: (text) => `在请求中搜索“${text}”`,
  openId: (id) => `打开请求 ${id}`,
  newKey: "新建密钥",
  newKeys: "批量添加密钥",
  newProvider: "新建供应商",
  newRoute: "新建路由",
  newToken: "新建客户端令牌",
  newChat: "新建对话",
  light: "使用浅色主题",
  dark: "使用深色主题",
  system: "跟随系统主题",
  help: "显示键盘快捷键",
  signOut: "退出登录",
  failedOnly: "显示失败的请求",
  runningOnly: "显示进行中的请求",
};
