import type { Pausing, Portions } from '../../event-loop';
import type {
  LoopReport,
  LoopStop,
  MinimalResiduals,
  MinimalResidualsRule,
  SolverLoops,
  Space,
} from '../../spaces';
import { type Prepared, ran } from '../traced';
import { type Flat, Layout } from './flat';
import {
  FIRST_DIRECTION,
  RESIDUAL_COUNTS,
  RESIDUAL_FACTS,
  RESIDUAL_FACTS_SIZE,
  residualsOn,
} from './residual-loop';
import { FACTS, FACTS_SIZE, KEEPS, solveOn, TABLE_SIZE, TABLES } from './solver-loop';
import type { FlatSpace } from './space';

const layoutOf = (size: number) => new Layout({ numbers: { shape: [size], size } });
const TABLE = layoutOf(TABLE_SIZE);
const FACTS_LAYOUT = layoutOf(FACTS_SIZE);
const RESIDUAL_FACTS_LAYOUT = layoutOf(RESIDUAL_FACTS_SIZE);

interface Vectors {
  x: Flat;
  r: Flat;
  /** Missing where the residual is the direction. */
  p?: Flat;
  best?: Flat;
  nearest?: Flat;
}

/** The weights W of the inner product `⟨x, W y⟩` of a space of flat vectors. */
export interface Weights {
  space: Space<Flat, number>;
  /** `W x`. */
  apply(x: Flat): Flat;
  /** Prepares out ← W x. */
  prepare(x: Flat, out: Flat): Prepared;
}

interface LoopOptions {
  weights?: Weights;
  /** τ. Default 0. */
  tau?: number;
  /** How many iterations fit into a turn of the event loop, where it is remembered. */
  portions?: Portions;
  /** Makes the programs of the products, to be left for a while. */
  prepare?: () => Pausing<void>;
}

/** The matrix of a loop, and with what its iterations work. */
interface Loops extends LoopOptions {
  space: FlatSpace;
  product(v: Flat, out: Flat, weighed: Flat): Prepared;
}

/**
 * Iterations of solves with a symmetric matrix on flat vectors, shifted by τ; with weights, of conjugate
 * gradients alone.
 *
 * @param product prepares the product of the matrix with a vector, which is put into another; with
 *   weights it is given the vector times them too
 */
export function flatLoops(
  space: FlatSpace,
  product: (v: Flat, out: Flat, weighed: Flat) => Prepared,
  options: LoopOptions = {},
): SolverLoops<Flat> {
  const loops: Loops = { space, product, ...options };
  const { weights, tau = 0, portions, prepare } = options;
  return {
    ...(portions && { portions }),
    ...(prepare && { prepare }),
    conjugateGradients({ rho, ...vectors }, stop) {
      const { scalar, ...report } = iterated(loops, 'cg', vectors, rho, stop);
      return { ...report, rho: scalar };
    },
    ...(weights === undefined && {
      minimalResiduals: (
        state: MinimalResiduals<Flat>,
        rule: MinimalResidualsRule,
        stop: LoopStop,
      ) => minimalResiduals(loops, state, rule, stop),
      richardson: ({ alpha, ...vectors }: RichardsonState, stop: LoopStop) =>
        iterated(loops, 'richardson', vectors, alpha, stop),
    }),
    shifted: (by) => flatLoops(space, product, { ...options, tau: tau + by }),
  };
}

type RichardsonState = Vectors & { alpha: number };

/** Iterations of conjugate gradients or of Richardson's method, and their scalar after them. */
function iterated(
  loops: Loops,
  method: 'cg' | 'richardson',
  { x, r, p = r, best, nearest }: Vectors,
  scalar: number,
  stop: LoopStop,
): LoopReport & { scalar: number } {
  const { space, weights, tau = 0 } = loops;
  const keeps = best ? KEEPS.best : nearest ? KEEPS.nearest : KEEPS.none;
  const image = space.allocate(x.layout);
  const weighed = weights ? [weights.apply(p), space.allocate(x.layout)] : [];
  const [table, facts] = [space.allocate(TABLE), space.allocate(FACTS_LAYOUT)];
  try {
    const { matrix, weigh } = prepared(loops, p, image, weighed);
    const loop = solveOn(space.heap, matrix, method, weigh);
    const places = space.integers(table);
    const vectors = [x, r, p, image, best ?? nearest ?? x, ...weighed];
    vectors.forEach(({ address }, i) => {
      places[i] = address;
    });
    places[TABLES] = matrix.table;
    places[TABLES + 1] = weigh?.table ?? 0;
    const numbers = space.doubles(facts);
    const { goal, limit, growth, least, floor = 0 } = stop;
    const given = { scalar, goal, limit, growth, least, best: stop.best, shift: tau, floor };
    for (const [name, value] of Object.entries(given)) {
      numbers[FACTS[name as keyof typeof given] / 8] = value;
    }
    const taken = loop(table.address, facts.address, 4 * x.layout.size, stop.count, keeps);
    ran(matrix, taken);
    // Another view: a kernel in the program may have let the memory grow.
    const left = space.doubles(facts);
    const at = (name: keyof typeof FACTS) => left[FACTS[name] / 8]!;
    return {
      taken,
      residual: at('residual'),
      curvature: at('curvature'),
      least: at('least'),
      best: at('best'),
      scalar: at('scalar'),
    };
  } finally {
    space.free([image, weighed, table, facts]);
  }
}

/** Prepares both products, in the memory in which both work: what comes second may move it. */
function prepared(
  { product, weights }: Loops,
  p: Flat,
  q: Flat,
  [weighedP, weighedR]: readonly Flat[],
) {
  weights?.prepare(q, weighedR!);
  const matrix = product(p, q, weighedP ?? p);
  return { matrix, weigh: weights?.prepare(q, weighedR!) };
}

/** Iterations of minimal residuals. */
function minimalResiduals(
  { space, product, tau = 0 }: Loops,
  state: MinimalResiduals<Flat>,
  rule: MinimalResidualsRule,
  stop: LoopStop,
) {
  const { x, r, best = x, directions } = state;
  const [v, image] = [space.allocate(x.layout), space.allocate(x.layout)];
  const vectors = [x, r, best, v, image, ...directions.flatMap(({ p, q }) => [p, q])];
  const table = space.allocate(layoutOf(vectors.length));
  const facts = space.allocate(RESIDUAL_FACTS_LAYOUT);
  try {
    const matrix = product(v, image, v);
    const loop = residualsOn(space.heap, matrix);
    space.integers(table).set(vectors.map(({ address }) => address));
    giveResidualFacts(space, facts, state, rule, { ...stop, shift: tau });
    space.integers(facts)[RESIDUAL_COUNTS.productTable / 4] = matrix.table;
    const keepsBest = best === x ? 0 : 1;
    const taken = loop(table.address, facts.address, 4 * x.layout.size, stop.count, keepsBest);
    ran(matrix, taken);
    return { taken, ...residualFacts(space, facts), directions: turned() };
  } finally {
    space.free([v, image, table, facts]);
  }

  /** The pairs as the loop has turned them. */
  function turned() {
    const addresses = space.integers(table);
    const vectorAt = new Map(vectors.map((each) => [each.address, each]));
    return directions.map((_, i) => {
      const [p, q] = [0, 1].map((j) => vectorAt.get(addresses[FIRST_DIRECTION + 2 * i + j]!)!);
      return { p: p!, q: q! };
    });
  }
}

function giveResidualFacts(
  space: FlatSpace,
  facts: Flat,
  { residual, before, normA, held }: MinimalResiduals<Flat>,
  { keep, restart, falls, rounding }: MinimalResidualsRule,
  { goal, limit, least, best, shift }: LoopStop & { shift: number },
): void {
  const numbers = space.doubles(facts);
  const given = { residual, before, normA, goal, limit, best, least, shift, falls, rounding };
  for (const [name, value] of Object.entries(given)) {
    numbers[RESIDUAL_FACTS[name as keyof typeof given] / 8] = value;
  }
  const counts = space.integers(facts);
  counts[RESIDUAL_COUNTS.held / 4] = held;
  counts[RESIDUAL_COUNTS.keep / 4] = keep;
  counts[RESIDUAL_COUNTS.restart / 4] = Number.isFinite(restart) ? restart : -1;
}

/** Looked at anew: a kernel in the program may have let the memory grow. */
function residualFacts(space: FlatSpace, facts: Flat) {
  const numbers = space.doubles(facts);
  const at = (name: keyof typeof RESIDUAL_FACTS) => numbers[RESIDUAL_FACTS[name] / 8]!;
  return {
    residual: at('residual'),
    curvature: 1,
    least: at('least'),
    best: at('best'),
    before: at('before'),
    normA: at('normA'),
    held: space.integers(facts)[RESIDUAL_COUNTS.held / 4]!,
  };
}
