import os from 'node:os';

/** The processor, in its maker's words. */
export const processorName = (): string => os.cpus()[0]?.model ?? os.arch();

/** How many threads can run at the same time. */
export const availableThreads = (): number => os.availableParallelism();

/** How many bytes of WebAssembly are compiled at most without giving others a turn. */
export const mostModuleBytes = (): number => 2 ** 20;
