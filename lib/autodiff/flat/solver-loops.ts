import type { Portions } from '../../event-loop';
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
  { weights, tau = 0, portions }: LoopOptions = {},
): SolverLoops<Flat> {
  /** Prepares both, in the memory in which both work: what comes second may move it. */
  function prepared(p: Flat, q: Flat, [weighedP, weighedR]: readonly Flat[]) {
    weights?.prepare(q, weighedR!);
    const matrix = product(p, q, weighedP ?? p);
    return { matrix, weigh: weights?.prepare(q, weighedR!) };
  }
  function run(
    method: 'cg' | 'richardson',
    { x, r, p = r, best, nearest }: Vectors,
    scalar: number,
    stop: LoopStop,
  ): LoopReport & { scalar: number } {
    const keeps = best ? KEEPS.best : nearest ? KEEPS.nearest : KEEPS.none;
    const image = space.allocate(x.layout);
    const weighed = weights ? [weights.apply(p), space.allocate(x.layout)] : [];
    const [table, facts] = [space.allocate(TABLE), space.allocate(FACTS_LAYOUT)];
    try {
      const { matrix, weigh } = prepared(p, image, weighed);
      const loop = solveOn(space.heap, matrix, method, weigh);
      const places = space.integers(table);
      const vectors = [x, r, p, image, best ?? nearest ?? x, ...weighed];
      vectors.forEach(({ address }, i) => {
        places[i] = address;
      });
      places[TABLES] = matrix.table;
      places[TABLES + 1] = weigh?.table ?? 0;
      const numbers = space.doubles(facts);
      const at = (name: keyof typeof FACTS) => FACTS[name] / 8;
      numbers[at('scalar')] = scalar;
      numbers[at('goal')] = stop.goal;
      numbers[at('limit')] = stop.limit;
      numbers[at('growth')] = stop.growth;
      numbers[at('least')] = stop.least;
      numbers[at('best')] = stop.best;
      numbers[at('shift')] = tau;
      numbers[at('floor')] = stop.floor ?? 0;
      const taken = loop(table.address, facts.address, 4 * x.layout.size, stop.count, keeps);
      ran(matrix, taken);
      // Another view: a kernel in the program may have let the memory grow.
      const found = space.doubles(facts);
      return {
        taken,
        residual: found[at('residual')]!,
        curvature: found[at('curvature')]!,
        least: found[at('least')]!,
        best: found[at('best')]!,
        scalar: found[at('scalar')]!,
      };
    } finally {
      space.free([image, weighed, table, facts]);
    }
  }
  function minimalResiduals(
    { x, r, best = x, directions, held, residual, before, normA }: MinimalResiduals<Flat>,
    { keep, restart, falls, rounding }: MinimalResidualsRule,
    stop: LoopStop,
  ) {
    const [v, image] = [space.allocate(x.layout), space.allocate(x.layout)];
    const vectors = [x, r, best, v, image, ...directions.flatMap(({ p, q }) => [p, q])];
    const table = space.allocate(layoutOf(vectors.length));
    const facts = space.allocate(RESIDUAL_FACTS_LAYOUT);
    try {
      const matrix = product(v, image, v);
      const loop = residualsOn(space.heap, matrix);
      const addresses = space.integers(table);
      addresses.set(vectors.map(({ address }) => address));
      const numbers = space.doubles(facts);
      const counts = space.integers(facts);
      const { goal, limit, least } = stop;
      const given = { residual, before, normA, goal, limit, least, falls, rounding };
      for (const [name, value] of Object.entries({ ...given, best: stop.best, shift: tau })) {
        numbers[RESIDUAL_FACTS[name as keyof typeof RESIDUAL_FACTS] / 8] = value;
      }
      counts[RESIDUAL_COUNTS.productTable / 4] = matrix.table;
      counts[RESIDUAL_COUNTS.held / 4] = held;
      counts[RESIDUAL_COUNTS.keep / 4] = keep;
      counts[RESIDUAL_COUNTS.restart / 4] = Number.isFinite(restart) ? restart : -1;
      const keepsBest = best === x ? 0 : 1;
      const taken = loop(table.address, facts.address, 4 * x.layout.size, stop.count, keepsBest);
      ran(matrix, taken);
      // Other views: a kernel in the program may have let the memory grow.
      const [turned, facts64, integers] = [
        space.integers(table),
        space.doubles(facts),
        space.integers(facts),
      ];
      // The loop turns the pairs.
      const vectorAt = new Map(vectors.map((each) => [each.address, each]));
      const pairs = directions.map((_, i) => {
        const [p, q] = [0, 1].map((j) => vectorAt.get(turned[FIRST_DIRECTION + 2 * i + j]!)!);
        return { p: p!, q: q! };
      });
      const at = (name: keyof typeof RESIDUAL_FACTS) => facts64[RESIDUAL_FACTS[name] / 8]!;
      return {
        taken,
        residual: at('residual'),
        curvature: 1,
        least: at('least'),
        best: at('best'),
        before: at('before'),
        normA: at('normA'),
        held: integers[RESIDUAL_COUNTS.held / 4]!,
        directions: pairs,
      };
    } finally {
      space.free([v, image, table, facts]);
    }
  }
  return {
    ...(portions && { portions }),
    conjugateGradients({ rho, ...vectors }, stop) {
      const { scalar, ...report } = run('cg', vectors, rho, stop);
      return { ...report, rho: scalar };
    },
    ...(weights === undefined && {
      minimalResiduals,
      richardson: ({ alpha, ...vectors }: RichardsonState, stop: LoopStop) =>
        run('richardson', vectors, alpha, stop),
    }),
    shifted: (by) =>
      flatLoops(space, product, {
        ...(weights && { weights }),
        ...(portions && { portions }),
        tau: tau + by,
      }),
  };
}

type RichardsonState = Vectors & { alpha: number };
