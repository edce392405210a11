/** A page can find out no more about the processor. */
export const processorName = (): string =>
  `a processor with ${navigator.hardwareConcurrency} threads, through a browser`;

/** How many threads can run at the same time. */
export const availableThreads = (): number => navigator.hardwareConcurrency;

/** How many bytes of WebAssembly are compiled at most without giving others a turn: some browsers refuse more on the thread of the page. */
export const mostModuleBytes = (): number => (typeof document === 'undefined' ? 2 ** 20 : 4096);
