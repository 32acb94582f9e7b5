// The chart of times stays, and the focus on its handle with it, until the one of a narrower time has
// come; and says why there is none.

import { createApp, h, nextTick, ref } from "vue";
import { afterEach, expect, test, vi } from "vitest";
import TimeBrush from "./TimeBrush.vue";

const report = { span: { since: "2026-11-20T00:00:00Z", until: "2026-11-20T04:00:00Z", width_minutes: 60, count: 4 }, total: {}, items: [{ name: "ok", calls: [1, 0, 2, 0] }] };
const answers: ((status: number) => void)[] = [];

vi.mock("../api/client", async (original) => ({
  ...(await original<object>()),
  api: { GET: () => new Promise((go) => answers.push((status) => go(status === 200 ? { data: report, response: new Response("{}") } : { error: { detail: "The database is away." }, response: new Response("{}", { status }) }))) },
}));
vi.mock("../live/store", () => ({ live: { view: () => () => {} } }));

const text = ref("");
const root = document.body.appendChild(document.createElement("div"));
const app = createApp({ render: () => h(TimeBrush, { text: text.value, onRange: () => (text.value = "since:2026-11-20T00:00:00Z until:2026-11-20T02:00:00Z") }) });
app.mount(root);
afterEach(() => app.unmount());

async function answered(status: number) {
  // It asks after it has been drawn.
  await vi.waitFor(() => expect(answers).not.toHaveLength(0));
  answers.pop()!(status);
  await new Promise((go) => setTimeout(go));
  await nextTick();
}

test("narrowing keeps the focus, a failure is said and tried again", async () => {
  await answered(200);
  const end = root.querySelectorAll<HTMLElement>("[role=slider]")[1]!;
  end.focus();
  for (const key of ["ArrowLeft", "Enter"]) end.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  await nextTick();
  expect(text.value).toContain("until");
  expect(document.activeElement).toBe(end);
  expect(root.querySelectorAll("rect")).toHaveLength(2);
  await answered(200);
  expect(document.activeElement).toBe(end);

  text.value = "since:1h";
  await nextTick();
  await answered(503);
  const alert = root.querySelector("[role=alert]")!;
  expect(alert.textContent).toContain("The database is away.");
  expect(root.querySelectorAll("rect")).toHaveLength(0);
  alert.nextElementSibling!.dispatchEvent(new MouseEvent("click"));
  await answered(200);
  expect(root.querySelector("[role=alert]")).toBeNull();
  expect(root.querySelectorAll("rect")).toHaveLength(2);
});
