import { chosenParts } from '../parts';
import { bargainTable } from './bargain';
import { burnInTable } from './burn-in';
import { figures } from './figures';
import { memoryTable } from './memory';
import { networkTable } from './network';
import { realDataTable } from './real-data';
import { scenarioTables } from './scenarios';
import { lateStartTable, sobolevTable, spectraTable } from './spectra';

const parts: Record<string, () => void | Promise<void>> = {
  'burn-in': () => burnInTable([0.1, 0.01, 1e-3, 1e-4]),
  spectra: spectraTable,
  sobolev: sobolevTable,
  late: lateStartTable,
  real: realDataTable,
  network: networkTable,
  memory: () => memoryTable([10, 30, 100, 300, 1000]),
  bargain: () => bargainTable([10, 30, 100, 300]),
  scenarios: scenarioTables,
  figures,
};

/**
 * Does the derivative of an unrolled solver converge as the solver does, and what does it cost?
 *
 * `npm run bench -- unrolling [burn-in | spectra | sobolev | late | real | network | memory | bargain | scenarios | figures …]`
 */
export async function run(args: string[]): Promise<void> {
  const names = chosenParts(args, parts);
  if (names === undefined) return;
  for (const name of names) await parts[name]!();
}

export default run;
