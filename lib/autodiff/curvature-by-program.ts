import * as tf from '@tensorflow/tfjs';
import type { Pausing } from '../event-loop';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkLike } from './check';
import type { Curvature } from './curvature';
import { type FlatProducts, flatProducts, Layout } from './flat';
import { type ProgramPoint, ProgramsAtPoint } from './programs-at-point';
import type { RowSpace } from './row-space';
import { rowSpaceByProgram } from './row-space-by-program';

/** The curvature of a loss by programs on the backend's memory; to be left for a while where they are to be made. */
export function* curvatureByProgram(point: ProgramPoint): Pausing<Curvature> {
  const { kind, recipe, value } = point;
  const programs = new ProgramsAtPoint(point);
  try {
    yield* recipe.halvesInPieces(recipe.expected);
  } catch (error) {
    programs.dispose();
    throw error;
  }
  const checkAlive = () => programs.checkAlive();
  programs.half(recipe.expected);
  const gradient = programs.gradientTensors();
  let whole: FlatProducts | undefined;
  const wholeProducts = () => {
    recipe.expected = 'whole';
    whole ??= wholeProductsOf(programs, point.block);
    return whole;
  };
  const applyWhole = (v: NamedTensors): NamedTensors => {
    checkAlive();
    checkLike(v, point.block, 'a direction');
    return applied(programs, wholeProducts(), v);
  };
  let rows: { found: RowSpace | undefined } | undefined;
  const rowSpaceOf = (products = Number.POSITIVE_INFINITY) => {
    checkAlive();
    if (rows === undefined) {
      const views = recipe.views.rows.findLast((each) => each.products <= products);
      rows = { found: views && rowSpaceByProgram(programs, views) };
    }
    return rows.found;
  };
  return {
    kind,
    execution: 'compiled',
    get value() {
      checkAlive();
      return value;
    },
    get gradient() {
      checkAlive();
      return gradient;
    },
    get flat() {
      checkAlive();
      return wholeProducts();
    },
    apply: applyWhole,
    transpose: applyWhole,
    lossesTo: (variables) => programs.lossesTo(variables),
    // By a program a product is one call.
    *applyInPieces(v) {
      return mapTensors(applyWhole(v), (x) => tf.keep(x));
    },
    rowSpace: rowSpaceOf,
    // biome-ignore lint/correctness/useYield: its programs are made by the first product
    *rowSpaceInPieces(products) {
      return rowSpaceOf(products);
    },
    dispose: () => programs.dispose(),
  };
}

const wholeProductsOf = (programs: ProgramsAtPoint, block: NamedTensors): FlatProducts =>
  flatProducts({
    flats: programs.flats,
    layout: new Layout(block),
    make: () => programs.makeInPieces('whole'),
    prepare: (v, q) => programs.product('whole', v, q),
    checkAlive: () => programs.checkAlive(),
  });

function applied(programs: ProgramsAtPoint, products: FlatProducts, v: NamedTensors): NamedTensors {
  const { flats } = programs;
  const from = products.from(v);
  const out = flats.allocate(from.layout);
  const { sequence, table } = programs.product('whole', from, out);
  sequence.run(table);
  const result = products.toTensors(out);
  flats.free([from, out]);
  return result;
}
