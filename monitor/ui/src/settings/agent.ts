// What a user agent says of itself, in the few words a person looks for.

const BROWSERS: [RegExp, string][] = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/\b(HeadlessChrome|Chrome|CriOS)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/\b(iPhone|iPad)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

export function agent(text: string): string {
  const browser = BROWSERS.find(([is]) => is.test(text))?.[1];
  const system = SYSTEMS.find(([is]) => is.test(text))?.[1];
  if (browser) return system ? `${browser}, ${system}` : browser;
  return text.split(" ")[0] ?? "";
}
