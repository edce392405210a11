/**
 * The parts of a benchmark that were asked for, all of them without a name; where there is no such part,
 * says so, sets the exit code and returns undefined.
 */
export function chosenParts(
  asked: readonly string[],
  parts: Readonly<Record<string, unknown>>,
  others: readonly string[] = [],
): readonly string[] | undefined {
  const names = Object.keys(parts);
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return asked.length === 0 ? names : asked;
  console.error(`There is no part '${unknown}'. Name some of: ${[...names, ...others].join(', ')}`);
  process.exitCode = 1;
  return undefined;
}
