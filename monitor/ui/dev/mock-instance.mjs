// The stand-in's word about itself: disk, versions, sessions, and a conversation to look at.

const iso = (agoMs) => new Date(Date.now() - agoMs).toISOString();
const MB = 1 << 20;

const sessions = [
  { id: 1, current: true, created_at: iso(7_200_000), expires_at: iso(-29 * 86_400_000), address: "127.0.0.1", user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15" },
  { id: 2, current: false, created_at: iso(3 * 86_400_000), expires_at: iso(-27 * 86_400_000), address: "192.168.1.23", user_agent: "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile Safari/537.36" },
];
const line = { id: 1, title: "Chart review", created_at: iso(600_000), updated_at: iso(400_000), turns: 1, model: "gpt-4.1", question: "What changed in the second half?", answer: "Throughput doubles and flattens. 吞吐量翻倍后趋于平稳。" };
const chat = {
  ...line,
  messages: [{ id: 1, message: { role: "user", content: line.question } }, { id: 2, message: { role: "assistant", content: line.answer } }],
  history: [{ id: 1, conversation_id: 1, created_at: line.created_at, state: "done", model: "gpt-4.1", provider: null, key_id: null, question: line.question, answer: line.answer, reasoning: "Compare shapes only.", finish_reason: "stop", status: 200, error: null, request_id: null, exchange: null, parameters: { stream: true }, message_ids: [1], message_id: 2 }],
};

/** Answers what is about the instance; false for everything else. */
export function instance(req, path, json) {
  const page = (items) => ({ items, next: null, total: items.length });
  const answers = {
    "/api/storage": { database_bytes: 412 * MB, log_bytes: 4 * MB, free_bytes: 12 * MB, parts: { bodies: 280 * MB, exchanges: 31 * MB, search: 62 * MB, totals: 9 * MB, chats: 2 * MB, other: MB }, exchanges: 118_204, oldest_at: iso(29 * 86_400_000) },
    "/api/about": { version: "0.1.0", proxy_version: "0.1.0", license: "MIT", admin_key_configured: false },
    "/api/sessions": page(sessions),
    "/api/chat/conversations": page([line]),
    "/api/chat/conversations/1": chat,
    "/api/chat/history": page(chat.history),
  };
  if (req.method !== "GET" || !answers[path]) return false;
  json(200, answers[path]);
  return true;
}
