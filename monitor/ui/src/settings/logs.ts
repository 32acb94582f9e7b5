// Log filters: a level, and others for single modules, in one line of text.

export const LEVELS = ["off", "error", "warn", "info", "debug", "trace"] as const;
export type Level = (typeof LEVELS)[number];

/** The filter with this level for this module, or for all that have none of their own. */
export function withLevel(filter: string, module: string, level: Level): string {
  const parts = filter.split(",").map((part) => part.trim()).filter(Boolean);
  const own = module === "" ? level : `${module}=${level}`;
  const at = parts.findIndex((part) => (module === "" ? !part.includes("=") : part.split("=")[0]!.trim() === module));
  if (at >= 0) parts[at] = own;
  else if (module === "") parts.unshift(own);
  else parts.push(own);
  return parts.join(",");
}
