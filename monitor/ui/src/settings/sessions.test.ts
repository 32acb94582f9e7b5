// A client that says nothing of itself still has a name where its session is ended.

import { createApp, nextTick } from "vue";
import { expect, test, vi } from "vitest";
import SessionsPanel from "./SessionsPanel.vue";

const session = { id: 7, address: "1.2.3.4", user_agent: "", current: false, created_at: "2026-01-01T00:00:00Z", expires_at: "2026-02-01T00:00:00Z" };
vi.mock("./settings", () => ({ accessApi: { sessions: async () => [session] } }));

test("a session without a user agent is named where it is ended", async () => {
  HTMLDialogElement.prototype.showModal = () => {};
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp(SessionsPanel);
  app.mount(root);
  const button = () => root.querySelector<HTMLButtonElement>(".sessions button");
  await vi.waitFor(() => expect(button()).not.toBeNull());
  expect(button()!.getAttribute("aria-label")).toBe("End the session of an unknown program at 1.2.3.4");
  button()!.click();
  await nextTick();
  expect(document.querySelector("dialog h2")?.textContent).toBe("End the session of an unknown program at 1.2.3.4");
  app.unmount();
});
