/** Seconds on the wall clock: a page has no other clock. */
export const processorSeconds = (): number => performance.now() / 1000;
