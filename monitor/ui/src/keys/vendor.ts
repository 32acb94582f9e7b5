// Whose keys a provider takes, as far as its address tells.

import type { Provider } from "../api/managed";

const HOSTS: Record<string, string> = {
  "api.openai.com": "openai", "api.anthropic.com": "anthropic", "openrouter.ai": "openrouter", "api.groq.com": "groq", "generativelanguage.googleapis.com": "gemini",
};

/** The vendor behind an address; null for a relay station, which may take anybody's. */
export function vendorBehind(provider: Pick<Provider, "origin" | "kind">): string | null {
  let host: string;
  try {
    host = new URL(provider.origin).hostname;
  } catch {
    return null;
  }
  return HOSTS[host] ?? (host.endsWith(".openai.azure.com") ? "azure" : null);
}

/** A provider that stands between us and the vendors. */
export const isRelay = (provider: Pick<Provider, "built_in" | "preset" | "origin" | "kind">) => !provider.built_in && !provider.preset && provider.kind !== "azure" && vendorBehind(provider) === null;
