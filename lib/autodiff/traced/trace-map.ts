import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { inPortions, type Pausing, withoutPause } from '../../event-loop';
import { refusingDisposed } from '../disposed';
import { graph } from '../graph';
import { compile } from '../plan';
import { isolated, record, type Tape } from '../tape';
import { counts, making, makingInPieces } from './counts';
import { isTraceable } from './custom';
import { passInterrupt } from './interrupt';
import { lowered } from './lower';
import { type MapProduct, MapRecipe, type Places, SERIES, SERIES_NUMBERS } from './map-recipe';
import { checkPure } from './remembered';
import { ZerosOnly } from './sketch';
import { retainedOf, structureOf, Trace } from './trace';
import { NotLowered } from './value';

/** A map as a function of a list of tensors. */
export type ListMap = (inputs: readonly tf.Tensor[]) => readonly tf.Tensor[];

/** What becomes of a traced map. */
type Use<T> = (recipe: MapRecipe, outside: readonly tf.Tensor[]) => T;

let depth = 0;

/** Whether a map is traced just now: then those within it run as they are. */
export const isTracingMap = (): boolean => depth > 0;

/**
 * The programs of a map, by calling it once on tensors like some others.
 *
 * @param use gets what comes from outside as well, which is freed afterwards
 * @returns undefined where something in it has no loop
 * @throws UnsupportedError for a map that is more than a function of its tensors
 */
export const tracedMap = <T>(
  heap: Heap,
  map: ListMap,
  like: readonly tf.Tensor[],
  use: Use<T>,
): T | undefined => withoutPause(tracedMapInPieces(heap, map, like, use));

/** The same, to be left for a while once the map has been called. */
export const tracedMapInPieces = <T>(
  heap: Heap,
  map: ListMap,
  like: readonly tf.Tensor[],
  use: Use<T>,
): Pausing<T | undefined> =>
  tracing(like, heap, function* (trace, leaves) {
    const value = trace.during(() => called(map, leaves));
    checkPure(trace, 'map');
    const { outside } = structureOf(trace.ran, leaves);
    const tensors = [...leaves, ...outside];
    yield;
    return yield* made(function* () {
      const viewOf = yield* lowered(trace, { tensors, late: tensors.length });
      const recipe = new MapRecipe(heap, { value: value.map(viewOf) });
      yield* recipe.programInPieces('value');
      return use(recipe, retainedOf(trace, outside));
    });
  });

/** What a map makes of some tensors; those within it run as they are. */
function called(map: ListMap, leaves: readonly tf.Tensor[]): readonly tf.Tensor[] {
  depth++;
  try {
    return refusingDisposed(() => map(leaves));
  } finally {
    depth--;
  }
}

/** Which tensors of a map are x, the first ones, and which others are differentiated by. */
export interface Differentiated {
  x: number;
  /** By their numbers among all. */
  rest: readonly number[];
}

/** The same of its derivative, at once; undefined, too, where its value is not like x. */
export function tracedDerivative<T>(
  heap: Heap,
  map: ListMap,
  like: readonly tf.Tensor[],
  by: Differentiated,
  use: Use<T>,
): T | undefined {
  const work = tracing(like, undefined, function* (trace, leaves) {
    const run = (tape: Tape): T | undefined => {
      const value = called(map, leaves);
      checkPure(trace, 'map');
      const { outside } = structureOf(trace.ran, leaves);
      trace.inLoss = false;
      return madeAtOnce(() => {
        if (!isTraceable(tape)) throw new NotLowered('a custom gradient');
        if (!areLike(value, leaves.slice(0, by.x))) throw new NotLowered('a value unlike x');
        const before = [...leaves, ...outside];
        const { vectors, outputs } = tape.within(() => products(tape, { leaves, value, by }));
        if (trace.read) throw new NotLowered('a derivative that reads numbers');
        const tensors = [...before, ...vectors];
        const viewOf = withoutPause(lowered(trace, { tensors, late: before.length }));
        const viewsOf = (kind: MapProduct) => outputs[kind].map(viewOf);
        const derivative = {
          push: viewsOf('push'),
          pull: viewsOf('pull'),
          'pull to the rest': viewsOf('pull to the rest'),
          series: viewsOf('series'),
        };
        const views = { value: value.map(viewOf), derivative };
        const recipe = new MapRecipe(heap, views, placesAfter(before.length, by.x));
        for (const kind of ['pull', 'pull to the rest', 'series'] as const) recipe.program(kind);
        return use(recipe, retainedOf(trace, outside));
      });
    };
    const { result, tape } = trace.during(() => record(run));
    tape.dispose();
    return result;
  });
  return withoutPause(work);
}

const areLike = (xs: readonly tf.Tensor[], ys: readonly tf.Tensor[]) =>
  xs.length === ys.length && xs.every(({ shape }, i) => `${shape}` === `${ys[i]!.shape}`);

/** @param sketchOn the heap of what is traced by its shapes alone; undefined where kernels run */
function* tracing<T>(
  like: readonly tf.Tensor[],
  sketchOn: Heap | undefined,
  f: (trace: Trace, leaves: readonly tf.Tensor[]) => Pausing<T>,
): Pausing<T> {
  // Each by itself, also where one was given twice.
  const leaves = isolated(() => like.map((x) => tf.keep(x.clone())));
  const sketch = sketchOn && new ZerosOnly(sketchOn, () => checkPure(trace, 'map'));
  const trace: Trace = new Trace(leaves, sketch);
  try {
    return yield* inPortions(f(trace, leaves), (portion) =>
      isolated(() => {
        let turn: IteratorResult<void, T>;
        tf.tidy(() => {
          turn = portion();
        });
        return turn!;
      }),
    );
  } finally {
    trace.dispose();
    sketch?.dispose();
    tf.dispose(leaves);
  }
}

/** Undefined where something has no loop, or no derivative: that is an error once it is asked for. */
function* made<T>(make: () => Pausing<T>): Pausing<T | undefined> {
  counts.traced++;
  try {
    return yield* makingInPieces(make());
  } catch (error) {
    return refused(error);
  }
}

function madeAtOnce<T>(make: () => T): T | undefined {
  counts.traced++;
  try {
    return making(make);
  } catch (error) {
    return refused(error);
  }
}

function refused(error: unknown): undefined {
  passInterrupt(error);
  counts.refused++;
  return undefined;
}

function placesAfter(from: number, size: number): Places {
  const [cotangent, tangent, x, r, numbers] = [0, 1, 2, 3, 4].map((i) => from + i * size);
  return {
    ...{ cotangent: cotangent!, tangent: tangent!, x: x!, r: r!, numbers: numbers! },
    count: numbers! + SERIES_NUMBERS.count,
  };
}

/** Products with vectors of zeros, in the order of `placesAfter`, and what they come to. */
function products(
  tape: Tape,
  {
    leaves,
    value,
    by,
  }: { leaves: readonly tf.Tensor[]; value: readonly tf.Tensor[]; by: Differentiated },
): { vectors: tf.Tensor[]; outputs: Record<MapProduct, readonly tf.Tensor[]> } {
  const likeX = leaves.slice(0, by.x);
  const zeros = () => likeX.map(({ shape }) => tf.zeros(shape));
  const [cotangents, tangents, x, r] = [zeros(), zeros(), zeros(), zeros()];
  const numbers = Array.from({ length: SERIES_NUMBERS.count }, () => tf.scalar(0));
  const path = (to: readonly tf.Tensor[]) => graph(tape.nodes, [...to], [...value]);
  const ofX = compile(path(likeX), tape);
  const ofRest = compile(path(by.rest.map((i) => leaves[i]!)), tape);
  return {
    vectors: [...cotangents, ...tangents, ...x, ...r, ...numbers],
    outputs: {
      push: ofX.pushDense(tangents),
      pull: ofX.pullDense(cotangents),
      'pull to the rest': ofRest.pullDense(cotangents),
      series: series((v) => ofX.pullDense(v), x, r, numbers),
    },
  };
}

/** `x ← x + α r`, `r ← r − α A r`, several times: x, r, and sums of squares of r after each. */
function series(
  A: (v: readonly tf.Tensor[]) => readonly tf.Tensor[],
  x0: readonly tf.Tensor[],
  r0: readonly tf.Tensor[],
  numbers: readonly tf.Tensor[],
): tf.Tensor[] {
  const [alpha, minus, unit] = [
    numbers[SERIES_NUMBERS.alpha]!,
    numbers[SERIES_NUMBERS.minus]!,
    numbers[SERIES_NUMBERS.unit]!,
  ];
  let [x, r] = [x0, r0];
  const sums: tf.Tensor[] = [];
  for (let i = 0; i < SERIES; i++) {
    const q = A(r);
    x = x.map((x, i) => tf.add(tf.mul(alpha, r[i]!), x));
    r = r.map((r, i) => tf.add(tf.mul(minus, q[i]!), r));
    for (const part of r) {
      const scaled = tf.mul(unit, part);
      sums.push(tf.sum(tf.square(scaled), part.rank > 1 ? -1 : undefined));
    }
  }
  return [...x, ...r, ...sums];
}
