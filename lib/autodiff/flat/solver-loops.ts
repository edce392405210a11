import type { LoopReport, LoopStop, SolverLoops } from '../../spaces';
import type { Prepared } from '../traced';
import { type Flat, Layout } from './flat';
import { FACTS, FACTS_SIZE, solveOn } from './solver-loop';
import type { FlatSpace } from './space';

const TABLE = new Layout({ table: { shape: [5], size: 5 } });
const FACTS_LAYOUT = new Layout({ facts: { shape: [FACTS_SIZE], size: FACTS_SIZE } });

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
  return {
    conjugateGradients({ rho, ...vectors }, stop) {
      const { scalar, ...report } = run('cg', vectors, rho, stop);
      return { ...report, rho: scalar };
    },
    richardson: ({ alpha, ...vectors }, stop) => run('richardson', vectors, alpha, stop),
    shifted: (by) => flatLoops(space, product, tau + by),
  };
}
