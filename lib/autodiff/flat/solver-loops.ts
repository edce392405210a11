import type {
  LoopReport,
  LoopStop,
  MinimalResiduals,
  MinimalResidualsRule,
  SolverLoops,
} from '../../spaces';
import type { Prepared } from '../traced';
import { type Flat, Layout } from './flat';
import {
  FIRST_DIRECTION,
  RESIDUAL_COUNTS,
  RESIDUAL_FACTS,
  RESIDUAL_FACTS_SIZE,
  residualsOn,
} from './residual-loop';
import { FACTS, FACTS_SIZE, solveOn } from './solver-loop';
import type { FlatSpace } from './space';

const layoutOf = (size: number) => new Layout({ numbers: { shape: [size], size } });
const TABLE = layoutOf(5);
const FACTS_LAYOUT = layoutOf(FACTS_SIZE);
const RESIDUAL_FACTS_LAYOUT = layoutOf(RESIDUAL_FACTS_SIZE);

interface Vectors {
  x: Flat;
  r: Flat;
  /** Missing where the residual is the direction. */
  p?: Flat;
  best?: Flat;
}

/**
 * Iterations of solves with a symmetric matrix on flat vectors, shifted by τ.
 *
 * @param product prepares the product of the matrix with a vector, which is put into another
 */
export function flatLoops(
  space: FlatSpace,
  product: (v: Flat, out: Flat) => Prepared,
  tau = 0,
): SolverLoops<Flat> {
  function run(
    method: 'cg' | 'richardson',
    { x, r, p = r, best = x }: Vectors,
    scalar: number,
    stop: LoopStop,
  ): LoopReport & { scalar: number } {
    const keepsBest = best === x ? 0 : 1;
    const image = space.allocate(x.layout);
    const [table, facts] = [space.allocate(TABLE), space.allocate(FACTS_LAYOUT)];
    try {
      const prepared = product(p, image);
      const loop = solveOn(space.heap, prepared, method);
      space.integers(table).set([x, r, p, image, best].map(({ address }) => address));
      const numbers = space.doubles(facts);
      const at = (name: keyof typeof FACTS) => FACTS[name] / 8;
      const { goal, limit, growth, least } = stop;
      const given = { scalar, goal, limit, growth, least, best: stop.best, shift: tau };
      for (const [name, value] of Object.entries(given)) {
        numbers[at(name as keyof typeof given)] = value;
      }
      const bytes = 4 * x.layout.size;
      const taken = loop(table.address, facts.address, bytes, stop.count, keepsBest);
      return {
        taken,
        residual: numbers[at('residual')]!,
        curvature: numbers[at('curvature')]!,
        least: numbers[at('least')]!,
        best: numbers[at('best')]!,
        scalar: numbers[at('scalar')]!,
      };
    } finally {
      space.free([image, table, facts]);
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
      const loop = residualsOn(space.heap, product(v, image));
      const addresses = space.integers(table);
      addresses.set(vectors.map(({ address }) => address));
      const numbers = space.doubles(facts);
      const counts = space.integers(facts);
      const { goal, limit, least } = stop;
      const given = { residual, before, normA, goal, limit, least, falls, rounding };
      for (const [name, value] of Object.entries({ ...given, best: stop.best, shift: tau })) {
        numbers[RESIDUAL_FACTS[name as keyof typeof RESIDUAL_FACTS] / 8] = value;
      }
      counts[RESIDUAL_COUNTS.held / 4] = held;
      counts[RESIDUAL_COUNTS.keep / 4] = keep;
      counts[RESIDUAL_COUNTS.restart / 4] = Number.isFinite(restart) ? restart : -1;
      const keepsBest = best === x ? 0 : 1;
      const taken = loop(table.address, facts.address, 4 * x.layout.size, stop.count, keepsBest);
      // The loop turns the pairs.
      const vectorAt = new Map(vectors.map((each) => [each.address, each]));
      const pairs = directions.map((_, i) => {
        const [p, q] = [0, 1].map((j) => vectorAt.get(addresses[FIRST_DIRECTION + 2 * i + j]!)!);
        return { p: p!, q: q! };
      });
      const at = (name: keyof typeof RESIDUAL_FACTS) => numbers[RESIDUAL_FACTS[name] / 8]!;
      return {
        taken,
        residual: at('residual'),
        curvature: 1,
        least: at('least'),
        best: at('best'),
        before: at('before'),
        normA: at('normA'),
        held: counts[RESIDUAL_COUNTS.held / 4]!,
        directions: pairs,
      };
    } finally {
      space.free([v, image, table, facts]);
    }
  }
  return {
    minimalResiduals,
    conjugateGradients({ rho, ...vectors }, stop) {
      const { scalar, ...report } = run('cg', vectors, rho, stop);
      return { ...report, rho: scalar };
    },
    richardson: ({ alpha, ...vectors }, stop) => run('richardson', vectors, alpha, stop),
    shifted: (by) => flatLoops(space, product, tau + by),
  };
}
