// A form over one entry: what is typed is kept until it is saved or discarded, even when the page is
// left; what the server refuses stands beside its field. Drafts live in memory only: some hold keys.

import { computed, reactive, ref, shallowRef, watch, type ComputedRef, type Ref } from "vue";
import { Failure } from "../api/client";
import { typed } from "../format/typed";
import { words } from "../i18n";

const drafts = reactive(new Map<string, object>());

/** For signing out by hand. */
export function forgetDrafts() {
  drafts.clear();
}

/** Something typed that is no form's, such as a paste; null when it is gone. */
export function keepDraft(id: string, what: object | null) {
  if (what) drafts.set(id, what);
  else drafts.delete(id);
}

export const keptDraft = (id: string) => drafts.get(id);

addEventListener("beforeunload", (event) => {
  if (drafts.size) event.preventDefault();
});

/** Thrown by a form's own reading of what was typed. */
export class Refused extends Error {
  constructor(readonly field: string, message: string) {
    super(message);
  }
}

export interface Form<D extends object> {
  draft: Ref<D>;
  dirty: ComputedRef<boolean>;
  saving: Ref<boolean>;
  /** By field, in the names of the API. */
  errors: ComputedRef<Record<string, string>>;
  /** What is wrong and belongs to no field that is shown. */
  trouble: ComputedRef<string | null>;
  submit(): Promise<boolean>;
  discard(): void;
}

export interface FormOf<D extends object> {
  /** Tells one draft from another, such as `keys/7`. */
  id: () => string;
  /** What the form shows before anything is typed. */
  start: () => D;
  /** Fields that have a place of their own for an error. */
  fields: readonly string[];
  save: (draft: D) => Promise<unknown>;
}

export function useForm<D extends object>({ id, start, fields, save }: FormOf<D>): Form<D> {
  const saving = ref(false);
  const failure = shallowRef<Failure | Refused | null>(null);
  /** What was refused: a field that says something else since is not wrong any more. */
  const refused = shallowRef<D | null>(null);
  const copy = () => JSON.parse(JSON.stringify(start())) as D;
  const draft = ref(copy()) as Ref<D>;
  const origin = computed(() => JSON.stringify(start()));
  const dirty = computed(() => JSON.stringify(draft.value) !== origin.value);

  watch(id, () => {
    draft.value = (drafts.get(id()) as D | undefined) ?? copy();
    failure.value = null;
  }, { immediate: true });
  // What changes elsewhere shows, unless something has been typed.
  watch(origin, () => {
    if (!drafts.has(id())) draft.value = copy();
  });
  watch(draft, () => {
    if (dirty.value) drafts.set(id(), draft.value);
    else drafts.delete(id());
  }, { deep: true, flush: "sync" });

  const righted = (field: string) => refused.value !== null && JSON.stringify(at(draft.value, field)) !== JSON.stringify(at(refused.value, field));
  const root = (field: string) => fields.find((f) => field === f || field.startsWith(`${f}.`) || field.startsWith(`${f}[`));
  const errors = computed(() => {
    const found: Record<string, string> = {};
    const { value } = failure;
    for (const { field, message } of value instanceof Refused ? [value] : (value?.fields ?? [])) {
      const place = value instanceof Refused ? field : root(field);
      if (place && !righted(place)) found[place] = found[place] ? `${found[place]} ${message}` : message;
    }
    return found;
  });
  const trouble = computed(() => {
    const f = failure.value;
    if (!(f instanceof Failure)) return null;
    const other = f.fields.filter(({ field }) => !root(field)).map(({ field, message }) => `${field}: ${message}`);
    if (f.fields.length) return other.length ? other.join(" ") : null;
    return f.status === 0 ? words.value.errors.network : (f.detail ?? words.value.errors.http(f.status));
  });

  async function submit() {
    if (saving.value) return false;
    saving.value = true;
    failure.value = null;
    const saved = id();
    try {
      await save(draft.value);
      drafts.delete(saved);
      if (saved === id()) draft.value = copy();
      return true;
    } catch (cause) {
      if (!(cause instanceof Failure) && !(cause instanceof Refused)) throw cause;
      refused.value = JSON.parse(JSON.stringify(draft.value)) as D;
      failure.value = cause;
      return false;
    } finally {
      saving.value = false;
    }
  }

  function discard() {
    failure.value = null;
    draft.value = copy();
    drafts.delete(id());
  }

  return { draft, dirty, saving, errors, trouble, submit, discard };
}

/** What a draft holds for a field: `candidates[0].weight`, or the `input` of `prices.input`. */
function at(draft: object, field: string): unknown {
  const steps = field.split(/[.[\]]+/).filter(Boolean);
  const walk = (of: string[]) => of.reduce<unknown>((value, step) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[step] : undefined), draft);
  return walk(steps) ?? walk(steps.slice(-1));
}

/** What of an input differs from the entry as it is: nothing else is sent. */
export function changes<I extends object>(input: I, was: object): Partial<I> {
  const before = was as Record<string, unknown>;
  return Object.fromEntries(Object.entries(input).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(before[k]))) as Partial<I>;
}

/** Numbers are typed as text, so that nothing typed is lost. */
export function number(field: string, text: string): number | null {
  const read = typed(text.trim().replace(/^\$/, ""));
  switch (read.is) {
    case "nothing": return null;
    case "number": return read.n;
    case "comma": throw new Refused(field, words.value.roster.decimalComma(read.write));
    case "odd": throw new Refused(field, words.value.roster.notNumber);
  }
}

export function whole(field: string, text: string): number | null {
  const n = number(field, text);
  if (n !== null && !Number.isInteger(n)) throw new Refused(field, words.value.roster.notWhole);
  return n;
}

export function needed<T>(field: string, value: T | null): T {
  if (value === null || value === "") throw new Refused(field, words.value.roster.needed);
  return value;
}

/** Names, one per line or with commas. */
export function names(text: string): string[] {
  return [...new Set(text.split(/[\n,，]/).map((s) => s.trim()).filter(Boolean))];
}
