// Differences name what changed and nothing that moves by itself.
import { expect, test } from "vitest";
import { differences } from "./audit";

test("changed, added and taken away", () => {
  expect(differences({ name: "a", rpm: 5, models: ["x"], total_requests: 1 }, { name: "a", models: ["x", "y"], tpm: 3, total_requests: 2 })).toEqual([
    { field: "rpm", before: "5", after: null },
    { field: "models", before: '["x"]', after: '["x","y"]' },
    { field: "tpm", before: null, after: "3" },
  ]);
});

test("what was made or deleted shows whole", () => {
  expect(differences(null, { name: "a", spent_usd: 0 })).toEqual([{ field: "name", before: null, after: "a" }, { field: "spent_usd", before: null, after: "0" }]);
  expect(differences({ name: "a" }, null)).toEqual([{ field: "name", before: "a", after: null }]);
  expect(differences(null, null)).toEqual([]);
});
