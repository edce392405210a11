import { processorSeconds as secondsOfProcessor } from '#platform/clock';

/**
 * Seconds that the processor has worked for this program, user and system together. A browser has no
 * such count: there they are seconds on the wall clock. Differences of it are what a run cost.
 *
 * On one thread, processor time is the time that a machine would take which does nothing else. On the
 * wall clock, whatever else the machine does counts too.
 */
export const processorSeconds = (): number => secondsOfProcessor();
