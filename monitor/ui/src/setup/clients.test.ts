import { expect, test } from "vitest";
import { samples } from "../requests/samples";
import { clientBase } from "../shell/instance";
import { CLIENTS, clientOf, credential, GROUPS, isLoopback, PLACEHOLDER } from "./clients";

const TARGET = { base: "http://10.1.2.3:9999", credential: "gw-secret" };
const codeOf = (id: string, target = TARGET) => clientOf(id).blocks(target).map((b) => b.code).join("\n");

test.each(["http://10.1.2.3:9999", "https://10.1.2.3:9999"])("every client is sent to this instance at %s with this credential", (base) => {
  for (const client of CLIENTS) {
    const code = codeOf(client.id, { ...TARGET, base });
    expect(code, client.id).toContain(base);
    expect(code, client.id).toContain("gw-secret");
    expect(code.replaceAll(base, "").replace("https://opencode.ai/config.json", ""), `${client.id} names no other address`).not.toMatch(/https?:\/\/|127\.0\.0\.1|localhost/);
  }
});

test("OpenAI clients get /v1 and Anthropic's do not, which add it themselves", () => {
  for (const id of ["anthropic-python", "anthropic-node", "claude-code"]) expect(codeOf(id), id).not.toContain("9999/v1");
  for (const id of ["openai-python", "openai-node", "langchain", "llamaindex", "ai-sdk", "codex", "cursor", "continue", "aider"]) expect(codeOf(id), id).toContain("http://10.1.2.3:9999/v1");
});

test("JSON that is to be pasted is JSON", () => {
  for (const client of CLIENTS) for (const block of client.blocks(TARGET)) if (block.file?.endsWith(".json")) expect(() => void JSON.parse(block.code), client.id).not.toThrow();
});

test("without a token the proxy's own placeholder stands in, and names are unique", () => {
  expect([credential("open", "gw-x"), credential("token", " gw-x "), credential("token", "")]).toEqual([PLACEHOLDER, "gw-x", "gw-…"]);
  expect(new Set(CLIENTS.map((c) => c.id)).size).toBe(CLIENTS.length);
  for (const group of GROUPS) expect(CLIENTS.some((c) => c.group === group), group).toBe(true);
  expect(clientOf("nothing").id).toBe("curl");
  expect(["http://127.0.0.1:8080", "https://localhost:1", "http://[::1]:80", "http://10.0.0.1:80", "https://gate.local:80"].map(isLoopback)).toEqual([true, true, true, false, false]);
});

test("a proxy that speaks TLS is reached by https, also in the samples", () => {
  const base = clientBase({ proxy_listen: "0.0.0.0:8443", proxy_tls: true }, "gate.lan");
  expect(base).toBe("https://gate.lan:8443");
  expect(clientBase({ proxy_listen: "0.0.0.0:8080", proxy_tls: false }, "gate.lan")).toBe("http://gate.lan:8080");
  expect(clientBase(null, "gate.lan")).toBe("http://127.0.0.1:8080");
  for (const { name, code } of samples(base)) {
    expect(code, name).toContain("https://gate.lan:8443/v1");
    expect(code, name).not.toContain("http://");
  }
});
