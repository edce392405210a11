import os from 'node:os';

/** The processor, in its maker's words. */
export const processorName = (): string => os.cpus()[0]?.model ?? os.arch();

/** How many threads can run at the same time. */
export const availableThreads = (): number => os.availableParallelism();

/** Seconds that the processor has worked for this program, user and system together. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
