// The playground's state: which conversation is open, which branch of it is shown, what is typed,
// and what is running. It outlives the page, so that an answer goes on while one looks elsewhere.

import { computed, ref, shallowReactive, shallowRef, watch } from "vue";
import { Failure } from "../api/client";
import { live } from "../live/store";
import { bodyOf, question, setupOf, Unfit } from "./body";
import type { Json } from "../dialect/types";
import { pair } from "./beside";
import { chatsApi } from "./chats";
import { browserStorage, Drafts } from "./drafts";
import { Run } from "./run";
import { draftOf, type Chat, type Draft, type Message } from "./shapes";
import { answered, line, newest, said, systemOf, without, type Entry } from "./thread";
import { callsOf, resultsOf } from "./tools";

const NEW = "new";
/** When the figures of a turn that has just ended are looked for. */
const SETTLE_MS = [150, 500, 1200, 3000, 6000];
/** And again, for as long as it cannot be read. */
const AGAIN_MS = 10_000;

const drafts = new Drafts(browserStorage());
const id = ref<number | null>(null);
const chat = shallowRef<Chat | null>(null);
const failure = shallowRef<Failure | null>(null);
const leaf = ref<number | null>(null);
const runs = shallowReactive(new Map<string, Run>());
/** Answers of the second model, while they come. */
const besides = shallowReactive(new Map<string, Run>());
const refused = shallowRef<Unfit | Failure | null>(null);
/** Turns and conversations that are about to be deleted: not shown any more, and still there. */
const going = { turns: shallowReactive(new Set<number>()), chats: shallowReactive(new Set<number>()) };
/** Moves when the list of conversations should be asked for again. */
const changed = ref(0);
const key = computed(() => (id.value === null ? NEW : String(id.value)));
const draft = ref<Draft>(drafts.of(NEW) ?? draftOf(drafts.last()));
let arrived: (chat: number) => void = () => {};

let timer: ReturnType<typeof setTimeout> | null = null;
function keepNow() {
  if (timer) clearTimeout(timer);
  timer = null;
  drafts.keep(key.value, draft.value);
}
watch(draft, () => (timer ??= setTimeout(keepNow, 250)), { deep: true });
addEventListener("pagehide", () => timer && keepNow());

const turn = computed(() => chat.value?.history.find((t) => t.id === leaf.value) ?? null);
const run = computed(() => runs.get(key.value) ?? null);
const beside = computed(() => besides.get(key.value) ?? null);
const entries = computed(() => (chat.value && turn.value ? line(chat.value, turn.value) : []));
/** The line; while a question runs, what it was asked with. */
const shown = computed((): Entry[] => {
  const asked = run.value?.asked;
  if (!asked) return entries.value;
  return asked.map((message, at) => {
    const known = entries.value[at];
    return known && JSON.stringify(known.message) === JSON.stringify(message) ? known : { key: `asked${at}`, message, turn: null, branches: [], branch: -1 };
  });
});

/** Calls of the last answer, whose results have to come before anything else is said. */
const waiting = computed(() => {
  const last = entries.value.at(-1);
  return run.value || !last?.turn ? [] : callsOf(last.message);
});

/** Opens a conversation, or a new one. */
async function open(next: number | null) {
  if (next === id.value && (next === null || chat.value?.id === next)) return;
  if (timer) keepNow();
  id.value = next;
  chat.value = null;
  leaf.value = null;
  refused.value = null;
  failure.value = null;
  draft.value = drafts.of(key.value) ?? draftOf(drafts.last());
  if (next !== null) await load(next);
}

async function load(which: number) {
  try {
    const read = await chatsApi.one(which);
    if (id.value !== which) return;
    const found = { ...read, history: read.history.filter((t) => !going.turns.has(t.id)) };
    chat.value = found;
    failure.value = null;
    if (!found.history.some((t) => t.id === leaf.value)) {
      const last = newest(found);
      leaf.value = last?.id ?? null;
      if (last && !drafts.of(key.value)) draft.value.setup = setupOf(last, systemOf(found, last));
    }
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    if (id.value === which) failure.value = cause;
  }
}

/** Looks for the figures of a turn that is shown. */
async function look(turnId: number) {
  const found = await chatsApi.turn(turnId).catch(() => null);
  if (!found || !chat.value) return;
  chat.value = { ...chat.value, history: chat.value.history.map((t) => (t.id === turnId ? { ...t, ...found } : t)) };
}

/** Asks the second model the same, in the conversation that the first one has. */
async function askBeside(body: Json, query: Record<string, string>, at: string) {
  const second = new Run(body, query);
  besides.set(at, second);
  try {
    await second.go(() => changed.value++);
    // Its turn is there once it has ended.
    for (const wait of SETTLE_MS) {
      await pause(wait);
      const turnId = second.place.value?.turn;
      if (at !== key.value || turnId === undefined) break;
      await load(Number(at));
      const kept = chat.value?.history.find((t) => t.id === turnId);
      if (kept && kept.state !== "running" && kept.exchange) break;
    }
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    if (at === key.value) refused.value = cause;
  } finally {
    besides.delete(at);
  }
}

/** Asks with these messages; what was typed is let go only once the question is kept. */
async function ask(messages: Message[], sent: () => void) {
  if (run.value || beside.value) return;
  refused.value = null;
  const setup = draft.value.setup;
  let body;
  try {
    body = bodyOf(setup, messages);
  } catch (cause) {
    if (!(cause instanceof Unfit)) throw cause;
    refused.value = cause;
    return;
  }
  const query: Record<string, string> = {};
  if (id.value !== null) query.conversation = String(id.value);
  if (setup.by.startsWith("p:")) query.provider = setup.by.slice(2);
  if (setup.by.startsWith("k:")) query.key = setup.by.slice(2);
  const mine = new Run(body, query);
  let at = key.value;
  runs.set(at, mine);
  try {
    await mine.go((place) => {
      const now = String(place.chat);
      if (at === key.value) {
        sent();
        keepNow();
      }
      changed.value++;
      const second = setup.beside.trim();
      if (second && second !== setup.model.trim()) void askBeside({ ...body, model: second }, { ...query, conversation: now }, now);
      if (at === now) return;
      runs.delete(at);
      runs.set(now, mine);
      drafts.move(at, now);
      if (at === key.value) {
        id.value = place.chat;
        arrived(place.chat);
      }
      at = now;
    });
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    if (at === key.value) refused.value = cause;
  }
  await finish(mine, at);
}

/** Waits, but no longer than until the monitor is there again. */
const pause = (ms: number) => new Promise<void>((go) => {
  const done = () => {
    clearTimeout(over);
    deaf();
    go();
  };
  const over = setTimeout(done, ms);
  const deaf = live.listen((event) => event.type === "hello" && done());
});

/** Shows the turn as it was kept in the place of what was seen of it, which stands until then. */
async function finish(mine: Run, at: string) {
  const place = mine.place.value;
  const keptOf = (turnId: number) => chat.value?.history.find((t) => t.id === turnId);
  const letGo = () => runs.get(at) === mine && runs.delete(at);
  let led = false;
  for (let n = 0; place; n++) {
    if (n >= SETTLE_MS.length && led) break;
    await pause(SETTLE_MS[n] ?? AGAIN_MS);
    if (at !== key.value) break;
    // The whole once, images and all; then only what is still to come.
    const known = keptOf(place.turn);
    await (known && known.state !== "running" ? look(place.turn) : load(place.chat));
    if (at !== key.value || failure.value?.status === 404) break;
    const kept = keptOf(place.turn);
    if (!kept) continue;
    if (!led) leaf.value = place.turn;
    led = true;
    if (kept.state !== "running") letGo();
    if (kept.exchange || (kept.state !== "running" && kept.request_id === null)) break;
  }
  letGo();
  changed.value++;
}

export const play = {
  id, chat, failure, draft, run, beside, entries, shown, turn, waiting, refused, changed, key,
  open, load,
  /** Looks again at what is open. */
  refresh: () => (id.value !== null && chat.value && !run.value ? load(id.value) : Promise.resolve()),
  /** Called with the id a new conversation has got. */
  whenArrived: (act: typeof arrived) => (arrived = act),
  choose: (turnId: number) => (leaf.value = turnId),
  send() {
    const { text, pictures } = draft.value;
    if ((!text.trim() && !pictures.length) || waiting.value.length) return;
    void ask([...answered(entries.value), question(text, pictures)], () => {
      if (draft.value.text === text) draft.value.text = "";
      draft.value.pictures = [];
      draft.value.results = {};
    });
  },
  /** What would be sent now. */
  next() {
    const { text, pictures, results } = draft.value;
    if (waiting.value.length) return [...said(entries.value, entries.value.length), ...resultsOf(waiting.value, results)];
    const asked = text.trim() || pictures.length ? [question(text, pictures)] : [];
    return asked.length ? [...answered(entries.value), ...asked] : said(entries.value, entries.value.length);
  },
  /** Whether the last question shown got no answer, so that the next takes its place. */
  unanswered: computed(() => run.value === null && entries.value.length > 0 && answered(entries.value).length < said(entries.value, entries.value.length).length),
  going,
  /** Takes a turn out of what is shown; what it returns puts it back. */
  hide(turnId: number): () => void {
    const [was, at] = [chat.value, leaf.value];
    going.turns.add(turnId);
    const gone = was?.history.find((t) => t.id === turnId);
    if (was && gone) {
      leaf.value = without(was, gone)?.id ?? null;
      chat.value = { ...was, history: was.history.filter((t) => t.id !== turnId) };
    }
    return () => {
      going.turns.delete(turnId);
      if (!was || id.value !== was.id) return;
      leaf.value = at;
      void load(was.id);
    };
  },
  /** Goes on after tools have answered. */
  results: (messages: Message[]) => void ask([...said(entries.value, entries.value.length), ...messages], () => (draft.value.results = {})),
  /** Asks once more for the answer at this place. */
  again: (at: number) => void ask(said(entries.value, at), () => {}),
  /** Asks otherwise at this place. */
  changeAt: (at: number, message: Message) => void ask([...said(entries.value, at), message], () => (draft.value.edit = null)),
  stop() {
    run.value?.stop();
    beside.value?.stop();
  },
  /** Both answers of the last question, where two models were asked. */
  pair: computed(() => (chat.value && turn.value && !run.value && !beside.value ? pair(chat.value, turn.value, draft.value.setup.beside.trim()) : null)),
  forget(which: number) {
    runs.get(String(which))?.stop();
    drafts.drop(String(which));
  },
};
