/** Seconds that the processor has worked for this program, user and system together. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
