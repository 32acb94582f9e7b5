// Hours of the week: what ended in each, on the reader's clock. Pure.

/** One hour of one weekday. */
export interface Cell {
  sum: number;
  /** The slots it is made of, by number. */
  slots: number[];
}

/** Monday to Sunday, each from 0 to 23 o'clock. */
export function heat(since: number, values: readonly number[]): Cell[][] {
  const week = Array.from({ length: 7 }, () => Array.from({ length: 24 }, (): Cell => ({ sum: 0, slots: [] })));
  values.forEach((value, slot) => {
    const at = new Date(since + slot * 3_600_000);
    const cell = week[(at.getDay() + 6) % 7]![at.getHours()]!;
    cell.sum += value;
    cell.slots.push(slot);
  });
  return week;
}

/** How strongly a cell is tinted, 0…1: on a square root, so that quiet hours differ too. */
export const tint = (sum: number, most: number) => (most > 0 ? Math.sqrt(Math.max(0, sum) / most) : 0);
