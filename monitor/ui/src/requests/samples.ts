// The lines that point a client here. Ready to paste; the credential stays the reader's own, or is a
// client token where one is given.

export interface Sample { name: string; code: string }

export function samples(base: string, token?: string): Sample[] {
  return [
    {
      name: "curl",
      code: `curl ${base}/v1/chat/completions \\
  -H "Authorization: Bearer ${token ?? "$OPENAI_API_KEY"}" -H "Content-Type: application/json" \\
  -d '{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
    },
    {
      name: "Python",
      code: `from openai import OpenAI
client = OpenAI(base_url="${base}/v1"${token ? `, api_key="${token}"` : ""})
print(client.models.list())`,
    },
    {
      name: "Node",
      code: `import OpenAI from "openai";
const client = new OpenAI({ baseURL: "${base}/v1"${token ? `, apiKey: "${token}"` : ""} });
console.log(await client.models.list());`,
    },
  ];
}
