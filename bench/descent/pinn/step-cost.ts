import { processorSeconds } from '../../../course/experiments';
import { linearizeAt, residualsAt } from '../../../lib/descent/least-squares/problem';
import { implicitSteps } from '../../../lib/descent/least-squares/step';
import { withoutPause } from '../../../lib/event-loop';
import { cholesky, columnProducts, crossProducts, type SquareMatrix } from '../../../lib/numbers';
import { byPairsOfRows } from '../../../lib/numbers/cross-products';
import { choleskyByRows } from '../../../lib/numbers/factorize';
import { markdownTable } from '../grid';
import { type Pinn, pointByPoint, poisson, reactionDiffusion } from './problems';

const ROUNDS = 12;
/** The δ of the measured step. */
const DELTA = 1;

/** Milliseconds of processor time, the least of each of some tasks that are done in turn. */
function leastOf<K extends string>(tasks: Record<K, () => unknown>): Record<K, number> {
  const least = {} as Record<K, number>;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(tasks) as [K, () => unknown][]) {
      const began = processorSeconds();
      run();
      const took = 1000 * (processorSeconds() - began);
      least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, took);
    }
  }
  return least;
}

/** The lower triangle of the smaller Gram matrix by plain loops. */
function plainly(rows: readonly Float64Array[]): SquareMatrix {
  const [n, p] = [rows.length, rows[0]!.length];
  const columns = () =>
    Array.from({ length: p }, (_, j) => Float64Array.from(rows, (row) => row[j]!));
  return byPairsOfRows(n >= p ? columns() : rows);
}

function rowOf(pinn: Pinn, byPoints: Pinn): Record<string, string> {
  const w = pinn.network.init(2);
  const at = linearizeAt(pinn.problem, w);
  const rows = at.rows!;
  const gramOf = rows.length >= w.length ? columnProducts : crossProducts;
  const gram = gramOf(rows);
  for (let i = 0; i < gram.size; i++) gram.entries[i * (gram.size + 1)]! += 1 / DELTA;
  const descend = implicitSteps(at, undefined)(DELTA)!;
  const ms = leastOf({
    gradient: () => pinn.problem.valueAndGradient(w),
    gradientByPoints: () => byPoints.problem.valueAndGradient(w),
    jacobian: () => linearizeAt(pinn.problem, w),
    gram: () => gramOf(rows),
    gramPlainly: () => plainly(rows),
    cholesky: () => cholesky(gram, Number.EPSILON),
    choleskyPlainly: () => withoutPause(choleskyByRows(gram, Number.EPSILON)),
    descend: () => descend(at.residuals),
    residuals: () => residualsAt(pinn.problem, w, at),
  });
  const rest = 2 * ms.descend + 2 * ms.residuals;
  const step = ms.jacobian + ms.gram + ms.cholesky + rest;
  const share = (part: number) => `${Math.round((100 * part) / step)} %`;
  const ratio = (part: number, of: number) => (part / of).toFixed(2);
  return {
    problem: `${pinn.name}, ${w.length} parameters`,
    'a gradient': ratio(ms.gradient, ms.gradientByPoints),
    'a Gram matrix': ratio(ms.gram, ms.gramPlainly),
    'a factorization': ratio(ms.cholesky, ms.choleskyPlainly),
    'gradients a step': String(Math.round(step / ms.gradient)),
    Jacobian: share(ms.jacobian),
    Gram: share(ms.gram),
    Cholesky: share(ms.cholesky),
    'solves and residuals': share(rest),
  };
}

/** What a step of Levenberg–Marquardt costs, and what blocks in WebAssembly save. */
export async function pinnStep(): Promise<string> {
  const table = [
    rowOf(reactionDiffusion(), reactionDiffusion(10, 0.02, pointByPoint)),
    rowOf(poisson(), poisson(10, pointByPoint)),
    rowOf(reactionDiffusion(40), reactionDiffusion(40, 0.02, pointByPoint)),
    rowOf(poisson(30), poisson(30, pointByPoint)),
  ];
  return `Processor time of tasks done in turn, the least of ${ROUNDS}. First what blocks in WebAssembly take of the time of plain TypeScript (for a gradient: point by point); then a step of \`levenbergMarquardt\` whose first trial is accepted, in gradients and by its parts.

${markdownTable(table)}`;
}
