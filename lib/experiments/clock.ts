/**
 * Seconds that the processor has worked for this program, user and system together; where there is
 * no such count (a browser), seconds on the wall clock. Differences of it are what a run cost.
 *
 * On one thread, processor time is the time that a machine would take which does nothing else.
 */
export function processorSeconds(): number {
  if (typeof process === 'undefined' || typeof process.cpuUsage !== 'function') {
    return performance.now() / 1000;
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
