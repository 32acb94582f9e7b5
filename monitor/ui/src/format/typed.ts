// Numbers as people type them. A comma only parts thousands: one that stands for the decimal point
// is told apart and refused, since dropping it would make a hundred times the amount of it.

export type Typed =
  | { is: "nothing" }
  | { is: "number"; n: number }
  /** A decimal comma; `write` is the same as it should be typed. */
  | { is: "comma"; write: string }
  | { is: "odd" };

const GROUPED = /^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/;
/** `0,15`, and `1.234,5` as some languages write 1234.5. */
const DECIMAL_COMMA = /^[-+]?(\d*|\d{1,3}(\.\d{3})+),\d+$/;

export function typed(text: string): Typed {
  const said = text.trim();
  if (said === "") return { is: "nothing" };
  if (said.includes(",") && !GROUPED.test(said)) {
    return DECIMAL_COMMA.test(said) ? { is: "comma", write: said.replaceAll(".", "").replace(/^([-+]?),/, "$10,").replace(",", ".") } : { is: "odd" };
  }
  const n = Number(said.replaceAll(",", ""));
  return Number.isFinite(n) ? { is: "number", n } : { is: "odd" };
}
