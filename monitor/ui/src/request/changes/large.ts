// How much text is compared unasked.

/** Above this many characters a comparison could hold the page up. */
export const LARGE = 600_000;
