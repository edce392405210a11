import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import type { Pausing } from '../../event-loop';
import type { NamedTensors } from '../../spaces';
import { listed } from '../named';
import type { TraceableProducts, TraceableRows } from '../recorder';
import { type Layer, leastProducts } from '../row-space';
import type { Tape } from '../tape';
import { counts, makingInPieces } from './counts';
import { CurvatureRecipe, type LayerViews, type RowViews } from './curvature-recipe';
import { isTraceable } from './custom';
import { passInterrupt } from './interrupt';
import type { Leaves } from './leaves';
import { lowered } from './lower';
import type { Trace } from './trace';
import { NotLowered, type View } from './value';

/** What was recorded of a loss for an implicit step. */
interface Recorded {
  leaves: Leaves;
  outside: readonly tf.Tensor[];
  loss: tf.Scalar;
  gradient: NamedTensors;
  block: NamedTensors;
  products: TraceableProducts;
}

/** What one product was traced on: tangents of zeros, and what came of them. */
interface TracedProduct {
  tangents: readonly tf.Tensor[];
  outputs: readonly tf.Tensor[];
}

/** A row space: from how many products on, of what, in what shapes, and its product. */
interface TracedRows {
  least: number;
  found: TraceableRows;
  shapes: readonly number[][];
  traced: TracedProduct;
}

/** Traces the products of a curvature, whose gradient has just been recorded, and takes all apart. */
export function* tracedCurvature(
  heap: Heap,
  trace: Trace,
  tape: Tape,
  { leaves, outside, loss, gradient, block, products }: Recorded,
): Pausing<CurvatureRecipe | 'refused'> {
  counts.traced++;
  const held: tf.Tensor[] = [];
  const hold = (made: tf.Tensor[]) => {
    for (const x of made) held.push(tf.keep(x));
    return made;
  };
  function* onZeros(
    shapes: readonly number[][],
    product: (v: tf.Tensor[]) => Pausing<tf.Tensor[]>,
  ): Pausing<TracedProduct> {
    const tangents = hold(shapes.map((shape) => tf.zeros(shape)));
    const outputs = hold(yield* tape.withinInPieces(product(tangents)));
    return { tangents, outputs };
  }
  try {
    if (!isTraceable(tape)) throw new NotLowered('a custom gradient');
    const parameters = Object.values(block).map(({ shape }) => shape);
    yield;
    const whole = yield* onZeros(parameters, (v) => products.whole(v));
    const rows: TracedRows[] = [];
    for (const least of yield* worthwhile(tape, products)) {
      yield;
      const found = (yield* tape.withinInPieces(products.rows(least)))!;
      const shapes = parameters.map((shape, i) => found.layers[i]?.shape ?? shape);
      rows.push({ least, found, shapes, traced: yield* onZeros(shapes, found.weighed) });
    }
    yield;
    if (trace.read) throw new NotLowered('a gradient that reads numbers');
    const before = [...leaves.all, ...outside];
    const traced: TracedProduct[] = [whole, ...rows.map((row) => row.traced)];
    const tensors = [...before, ...traced.flatMap(({ tangents }) => tangents)];
    const viewOf = yield* makingInPieces(lowered(trace, { tensors, late: before.length }));
    yield;
    const from = (index: number) => before.length + index * parameters.length;
    const views = {
      value: [viewOf(loss)],
      gradient: listed(gradient, gradient).map(viewOf),
      product: whole.outputs.map(viewOf),
      from: from(0),
      rows: rows.map(({ least, found, shapes, traced: { outputs } }, i): RowViews => {
        const layers = found.layers.map((layer) => layer && layerViews(layer, viewOf));
        return {
          products: least,
          layers,
          shapes,
          parameters,
          gradient: found.gradient.map(viewOf),
          product: outputs.map(viewOf),
          from: from(i + 1),
        };
      }),
    };
    const recipe = yield* makingInPieces(CurvatureRecipe.inPieces(heap, views));
    // On the tape it can be left in between.
    if (recipe.isLong) throw new NotLowered('a long product');
    return recipe;
  } catch (error) {
    passInterrupt(error);
    // Whatever else it is, as an operation without a second derivative: it is an error once it is asked for.
    counts.refused++;
    return 'refused';
  } finally {
    tf.dispose(held);
  }
}

/** From how many products on another set of layers is worth its row space, in ascending order. */
function* worthwhile(tape: Tape, products: TraceableProducts): Pausing<number[]> {
  const all = yield* tape.withinInPieces(products.rows(Number.POSITIVE_INFINITY));
  const layers = all?.layers.filter((layer) => layer !== undefined) ?? [];
  return [...new Set(layers.map(leastProducts))].sort((a, b) => a - b);
}

function layerViews(layer: Layer, viewOf: (x: tf.Tensor) => View): LayerViews {
  const [rows, inputs] = layer.a.shape.slice(-2) as [number, number];
  return { rows, inputs, outputs: layer.shape.at(-1)!, a: viewOf(layer.a) };
}
