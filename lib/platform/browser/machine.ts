/** A page can find out no more about the processor. */
export const processorName = (): string =>
  `a processor with ${navigator.hardwareConcurrency} threads, through a browser`;

/** How many threads can run at the same time. */
export const availableThreads = (): number => navigator.hardwareConcurrency;
