// All that is redacted is told, in both languages, not the headers alone.

import { createApp, nextTick } from "vue";
import { expect, test } from "vitest";
import type { Settings } from "../api/types";
import { speak } from "../i18n";
import { settings } from "../shell/instance";
import RedactionPanel from "./RedactionPanel.vue";

test("headers, places in JSON and patterns are shown, and where there are none", async () => {
  const record = { redact_headers: ["x-api-key"], redact_json: ["$.metadata.user_id", "..email"], redact_patterns: ["EMP-\\d{6}\u202e"] };
  settings.value = { instance: { record } } as unknown as Settings;
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp(RedactionPanel);
  app.mount(root);
  const told = () => [...root.querySelectorAll(".redacts > div")].map((rule) => [rule.querySelector("dt")!.textContent, ...[...rule.querySelectorAll("li")].map((li) => li.textContent)]);
  expect(told()).toEqual([
    ["Headers record.redact_headers", "x-api-key"],
    ["Places in JSON record.redact_json", "$.metadata.user_id", "..email"],
    ["Patterns in text record.redact_patterns", "EMP-\\d{6}[RLO]"],
  ]);
  await speak("zh-CN");
  await nextTick();
  expect(told().map(([title]) => title)).toEqual(["标头 record.redact_headers", "JSON 中的位置 record.redact_json", "文本模式 record.redact_patterns"]);
  await speak("en");

  settings.value = { instance: { record: { ...record, redact_json: [] } } } as unknown as Settings;
  await nextTick();
  expect(root.querySelectorAll("dd")[1]!.textContent).toBe("none");
  app.unmount();
});
