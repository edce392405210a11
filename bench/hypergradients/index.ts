import { useBackend } from '../../lib';
import { chosenParts } from '../parts';
import { augmentTable } from './augment';
import { biasTable } from './bias';
import { biasedTable } from './biased';
import { closedFormTable } from './closed-forms';
import { distanceTable } from './distance';
import { distillTable } from './distill';
import { equilibriumTable } from './equilibrium';
import { inexactTable } from './hoag';
import { logisticTable } from './logistic';
import { overfitLinear, overfitMillion, overfitMlp } from './overfit';
import { ridgeTable } from './ridge';
import { solverTable } from './solvers';

const parts: Record<string, () => Promise<void>> = {
  'closed-forms': closedFormTable,
  ridge: ridgeTable,
  solvers: solverTable,
  distance: distanceTable,
  inexact: inexactTable,
  logistic: logisticTable,
  bias: biasTable,
  biased: biasedTable,
  distillation: distillTable,
  augmentation: augmentTable,
  equilibrium: equilibriumTable,
  'overfit-linear': overfitLinear,
  'overfit-mlp': overfitMlp,
  'overfit-million': overfitMillion,
};

/**
 * Do hypergradients reproduce what the peers have published?
 *
 * `npm run bench -- hypergradients [NAME …]`, a NAME for each result, all of them without one. Tables and
 * figures are kept in `bench/results/hypergradients`. Long ones show their progress on a terminal; with
 * LOG=1 they print a line now and then.
 */
export async function run(args: string[]): Promise<void> {
  const names = chosenParts(args, parts);
  if (names === undefined) return;
  await useBackend('wasm', { threads: 1 });
  for (const name of names) await parts[name]!();
}

export default run;
