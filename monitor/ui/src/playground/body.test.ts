import { expect, test } from "vitest";
import { bodyOf, question, setupOf, Unfit, withWords, wordsOf } from "./body";
import { excerpt } from "./excerpt";
import { admit, MOST_BYTES } from "./pictures";
import { blank, type ChatTurn, type Setup } from "./shapes";
import { callsOf, EXAMPLE, readTools, resultsOf } from "./tools";

const setup = (over: Partial<Setup>): Setup => ({ ...blank(), model: "gpt-4o", ...over });
const HI = [question("hi", [])];
const picture = { name: "a.png", url: "data:image/png;base64,AA", bytes: 10 };

test("what is left empty is not sent", () => {
  expect(bodyOf(setup({}), HI)).toEqual({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "hi" }] });
});

test("numbers, tools and further fields go where the API wants them", () => {
  const body = bodyOf(setup({ system: "be brief", temperature: "0.7", maxTokens: "1,024", topP: "1", seed: "7", effort: "low", tools: EXAMPLE, toolChoice: "auto", more: '{"stop":["x"]}', stream: false }), HI);
  expect(body).toMatchObject({ temperature: 0.7, max_tokens: 1024, top_p: 1, seed: 7, reasoning_effort: "low", tool_choice: "auto", stop: ["x"] });
  expect(body.stream).toBeUndefined();
  expect((body.messages as unknown[])[0]).toEqual({ role: "system", content: "be brief" });
  expect(bodyOf(setup({ model: "o4-mini", maxTokens: "5" }), HI)).toMatchObject({ max_completion_tokens: 5 });
  expect(bodyOf(setup({ toolChoice: "required" }), HI).tool_choice).toBeUndefined();
});

test("what cannot be sent names its field", () => {
  const why = (over: Partial<Setup>) => {
    try {
      bodyOf(setup(over), HI);
    } catch (cause) {
      return cause instanceof Unfit ? [cause.field, cause.why] : cause;
    }
    return null;
  };
  expect(why({ model: "  " })).toEqual(["model", "needed"]);
  expect(why({ temperature: "0,5" })).toEqual(["temperature", "comma"]);
  expect(why({ maxTokens: "1,02" })).toEqual(["maxTokens", "comma"]);
  expect(why({ temperature: "warm" })).toEqual(["temperature", "number"]);
  expect(why({ maxTokens: "1.5" })).toEqual(["maxTokens", "number"]);
  expect(why({ tools: "{" })).toEqual(["tools", "tools"]);
  expect(why({ more: "[1]" })).toEqual(["more", "object"]);
  expect(why({ more: "{" })).toEqual(["more", "object"]);
  expect(why({ more: '{"messages":[]}' })).toEqual(["more", "taken"]);
});

test("a turn's parameters come back into the form, unknown ones too", () => {
  const asked = bodyOf(setup({ system: "s", temperature: "0.5", maxTokens: "9", effort: "high", tools: EXAMPLE, more: '{"stop":["x"],"logit_bias":{"1":2}}' }), HI);
  const { model, messages, ...parameters } = asked;
  const back = setupOf({ model, parameters, provider: null, key_id: 7 } as unknown as ChatTurn, "s");
  expect(back).toMatchObject({ model: "gpt-4o", by: "k:7", system: "s", temperature: "0.5", maxTokens: "9", effort: "high", stream: true });
  expect(bodyOf(back, messages as typeof HI).messages).toHaveLength(3);
  expect({ ...bodyOf(back, HI) }).toEqual(asked);
  expect(setupOf({ model: "m", parameters: null, provider: "p", key_id: null } as unknown as ChatTurn, "").by).toBe("p:p");
});

test("images stay with a question whose words change", () => {
  const asked = question("what is it?", [picture]);
  expect(wordsOf(asked)).toBe("what is it?");
  const changed = withWords(asked, "and now?");
  expect(wordsOf(changed)).toBe("and now?");
  expect((changed.content as unknown[]).length).toBe(2);
  expect(question(" ", [picture]).content).toHaveLength(1);
  expect(withWords(HI[0]!, "x")).toEqual({ role: "user", content: "x" });
});

test("tools are taken in every shape people have them in", () => {
  const name = (text: string) => readTools(text)?.map((t) => (t.function as { name: string } | undefined)?.name ?? t.type);
  expect(name(EXAMPLE)).toEqual(["get_weather"]);
  expect(name('{"name":"a","input_schema":{"type":"object"}}')).toEqual(["a"]);
  expect(readTools('{"name":"a","input_schema":{"type":"object","x":1}}')![0]!.function).toMatchObject({ parameters: { x: 1 } });
  expect(name('[{"type":"web_search"}]')).toEqual(["web_search"]);
  expect([readTools(""), readTools("7"), readTools('[{"x":1}]'), readTools('{"type":"function","function":{}}')]).toEqual([[], null, null, null]);
});

test("calls are answered in their order, the empty ones too", () => {
  const calls = callsOf({ role: "assistant", tool_calls: [{ id: "a", function: { name: "f", arguments: "{}" } }, { id: "b" }, 7] });
  expect(calls).toEqual([{ id: "a", name: "f", args: "{}" }, { id: "b", name: "", args: "" }]);
  expect(resultsOf(calls, { b: "2" })).toEqual([{ role: "tool", tool_call_id: "a", content: "" }, { role: "tool", tool_call_id: "b", content: "2" }]);
  expect(callsOf(null)).toEqual([]);
});

test("images that no model takes, or that are too much, stay outside", () => {
  const file = (name: string, type: string, size: number) => ({ name, type, size });
  const { fit, troubles } = admit([picture], [file("b.svg", "image/svg+xml", 1), file("c.png", "image/png", 5), file("d.png", "image/png", MOST_BYTES)]);
  expect(fit.map((f) => f.name)).toEqual(["c.png"]);
  expect(troubles).toEqual([{ name: "b.svg", why: "kind" }, { name: "d.png", why: "size" }]);
  expect(admit(Array<typeof picture>(16).fill(picture), [file("e.png", "image/png", 1)]).troubles[0]!.why).toBe("many");
});

test("a search shows where its words stand", () => {
  const chat = { question: "short", answer: `${"x".repeat(60)} the 狐狸\n jumps ${"y".repeat(200)}` };
  expect(excerpt(chat, "狐狸 JUMPS")).toMatchObject({ hit: "狐狸 jumps" });
  expect(excerpt(chat, "狐狸")!.before.startsWith("…")).toBe(true);
  expect([excerpt(chat, ""), excerpt(chat, "nothing")]).toEqual([null, null]);
});
