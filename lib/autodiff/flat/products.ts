import type { Pausing } from '../../event-loop';
import { observedLoops } from '../../spaces';
import type { Prepared } from '../traced';
import type { Flat, Layout } from './flat';
import type { CountedOperator, FlatProducts, FlatSystem } from './flat-products';
import { flatLoops, type Weights } from './solver-loops';
import type { FlatSpace } from './space';
import { systemOn } from './system';

/** A program of products with C, and what they are in. */
export interface ProductProgram {
  flats: FlatSpace;
  layout: Layout;
  /** Makes what products need, to be left for a while. */
  make(): Pausing<void>;
  /** Prepares q ← C v; of a weighed inner product, v is given times its weights. */
  prepare(v: Flat, q: Flat): Prepared;
  weights?: Weights;
  /** @throws DisposedError once the curvature is disposed. */
  checkAlive(): void;
}

export function flatProducts(program: ProductProgram): FlatProducts {
  const { flats, layout, weights } = program;
  return {
    space: weights?.space ?? flats,
    from: (x) => flats.from(x, layout),
    toTensors: (x) => flats.toTensors(x),
    system: (parts) => systemOf(program, parts),
  };
}

function systemOf(
  { flats, layout, make, prepare, weights, checkAlive }: ProductProgram,
  { delta, scale, floor }: FlatSystem,
): CountedOperator {
  const scales = scale && flats.keep(flats.from(scale, layout));
  const matrix = systemOn(flats, { delta, scales, prepare });
  let products = 0;
  const loops = flatLoops(flats, matrix.prepare, {
    prepare: make,
    ...(weights && { weights }),
  });
  return {
    space: weights?.space ?? flats,
    get products() {
      return products;
    },
    apply(v) {
      checkAlive();
      products += 1;
      const out = flats.allocate(v.layout);
      const weighed = weights?.apply(v) ?? v;
      const { sequence, table } = matrix.prepare(v, out, weighed);
      sequence.run(table);
      if (weights !== undefined) flats.free(weighed);
      return out;
    },
    // Iterations are one product each.
    loops: observedLoops(loops, (run) => {
      checkAlive();
      const report = run();
      products += report.taken;
      return report;
    }),
    ...(floor !== undefined && { floor }),
    dispose() {
      flats.free(scales);
      matrix.dispose();
    },
  };
}
