import * as tf from '@tensorflow/tfjs';
import { type Pausing, withoutPause } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkLike, checkPoint, checkScalar } from './check';
import { pureAt, rememberedOf, unmarked } from './compiled';
import { atCopies, atCopiesInPieces, type Curvature, curvatureOf } from './curvature';
import { deferredCurvature, isDeferring } from './deferred';
import { type Graph, graph } from './graph';
import { insideOf, madeOf } from './inside';
import { listed, named } from './named';
import { compileInPieces } from './plan';
import { symmetric } from './product';
import { type Recorder, recordedBy } from './recorder';
import { coordinatesOf, cotangentOf, layersOf, type RowSpace } from './row-space';
import { byGradients } from './rules/reverse';
import { always, type Select } from './select';
import { engine, isolated, record, type Tape } from './tape';
import { type Evaluation, evaluateInPieces, evaluateTraced } from './traced';

/**
 * The Hessian of a loss at x, with the loss and its gradient from the same evaluation.
 *
 * `apply(v)` = ∇²loss(x) v. The gradient is recorded once, and every product runs along the
 * recorded operations, at about the cost of one gradient. The loss is not called again; one that
 * `compiled` has declared is not called at all once it is known.
 *
 * It is synchronous: no timer has its turn until it returns, some evaluations of the loss later. Within the
 * `curvatureAt` of `proximalStep` the loss alone runs at once, and the rest with turns for timers. Products that
 * solvers wait for have such turns too; `apply` has none.
 *
 * @throws ShapeError unless the loss is a scalar, NotFiniteError where it can be seen to be NaN or
 *   infinite, UnsupportedError for an operation without a second derivative.
 * @see Pearlmutter, [Fast exact multiplication by the
 *   Hessian](https://doi.org/10.1162/neco.1994.6.1.147), 1994.
 */
export function hessian(loss: (x: NamedTensors) => tf.Scalar, x: NamedTensors): Curvature {
  checkNoMore('hessian', arguments, 2);
  checkFunction(loss, 'the loss');
  checkPoint(x, 'the point');
  if (isDeferring()) {
    const work = atCopiesInPieces(x, function* (copies) {
      const { f, leaves, pure } = evaluationAt(loss, copies);
      const evaluation = yield* evaluateInPieces(f, leaves, 'pull', pure);
      return yield* hessianOf(evaluation, loss, copies);
    });
    return deferredCurvature('hessian', work);
  }
  return atCopies(x, (copies) => {
    const { f, leaves, pure } = evaluationAt(loss, copies);
    const evaluation = evaluateTraced(f, leaves, 'pull', pure);
    if (evaluation === undefined) return recordHessian(f, always(copies));
    return withoutPause(hessianOf(evaluation, loss, copies));
  });
}

/** What a loss is evaluated by, at a point. */
function evaluationAt(loss: (x: NamedTensors) => tf.Scalar, x: NamedTensors) {
  const remembered = rememberedOf(loss);
  const called = () => loss(x);
  const f = remembered === undefined ? called : unmarked(called, remembered);
  const all = Object.values(x);
  return { f, leaves: { all, varied: all.length }, pure: remembered && pureAt(remembered, x) };
}

function* hessianOf(
  evaluation: Evaluation,
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
): Pausing<Curvature> {
  if (evaluation.recorded === undefined) return yield* byProgram(evaluation, loss, x);
  const { tape, value, gradient } = evaluation.recorded;
  return onTape(tape, { value, gradient: named(x, gradient), block: x });
}

/** The Hessian by a program. What is seldom asked for, as the row space, is recorded when it is. */
function* byProgram(
  evaluation: Evaluation,
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
): Pausing<Curvature> {
  const gradient = named(x, yield* gradientOf(evaluation));
  const point = mapTensors(x, (value) => tf.keep(value.clone()));
  let recorded: Curvature | undefined;
  const inOperations = () => {
    evaluation.checkAlive('curvature');
    // Not on a tape that may be running: this recording outlives it.
    recorded ??= isolated(() =>
      atCopies(point, (copies) => recordHessian(() => loss(copies), always(copies))),
    );
    return recorded;
  };
  const apply = (v: NamedTensors) => {
    evaluation.checkAlive('curvature');
    checkLike(v, point, 'a direction');
    // A tape that is running sees no operation of a program: v could not be differentiated through it.
    if (engine().isTapeOn()) return inOperations().apply(v);
    return tf.tidy(() => named(x, evaluation.product('pull', listed(x, v))));
  };
  const H: Curvature = {
    kind: 'hessian',
    execution: evaluation.productAt ? 'compiled' : 'interpreted',
    get value() {
      evaluation.checkAlive('curvature');
      return evaluation.value;
    },
    get gradient() {
      evaluation.checkAlive('curvature');
      return gradient;
    },
    apply,
    transpose: apply,
    *applyInPieces(v) {
      if (engine().isTapeOn()) return mapTensors(apply(v), (x) => tf.keep(x));
      evaluation.checkAlive('curvature');
      checkLike(v, point, 'a direction');
      return named(x, yield* evaluation.productInPieces('pull', listed(x, v)));
    },
    rowSpace: (products) => inOperations().rowSpace(products),
    *rowSpaceInPieces(products) {
      return yield* inOperations().rowSpaceInPieces(products);
    },
    dispose() {
      recorded?.dispose();
      evaluation.dispose();
      tf.dispose([point, gradient]);
    },
  };
  return madeOf(H, () => insideOf(inOperations())!());
}

function* gradientOf(evaluation: Evaluation): Pausing<tf.Tensor[]> {
  let isWhole = false;
  try {
    const gradient = yield* evaluation.gradientInPieces();
    isWhole = true;
    return gradient;
  } finally {
    if (!isWhole) evaluation.dispose();
  }
}

/**
 * The product of the Hessian of a loss at x with v; take `hessian` for more than one.
 *
 * @throws as `hessian` does; InputError or ShapeError for a v that is not like x.
 */
export function hvp(
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
  v: NamedTensors,
): NamedTensors {
  checkNoMore('hvp', arguments, 3);
  const H = hessian(loss, x);
  try {
    return H.apply(v);
  } finally {
    H.dispose();
  }
}

/** The gradient of f() with respect to all variables selected, and the Hessian's block for some. */
export function recordHessian(f: () => tf.Scalar, select: Select): Curvature {
  const { result, tape } = record((tape) =>
    withoutPause(recordedBy(hessianRecorder, tape, f, select)),
  );
  return onTape(tape, result);
}

interface Recorded {
  value: tf.Scalar;
  gradient: NamedTensors;
  block: NamedTensors;
}

/** How a Hessian is recorded: the loss, then its gradient on the same tape. */
export const hessianRecorder: Recorder<Recorded> = {
  kind: 'hessian',
  start(tape, f, select) {
    const loss = f();
    checkScalar(loss);
    const value = tape.ownCopy(loss);
    return { loss, value, ...select(loss), cuts: [] };
  },
  *differentiate(tape, { loss, value, variables, block }) {
    const path = graph(tape.nodes, Object.values(variables), [loss]);
    yield;
    const gradients = yield* byGradients(path, tape).pullInPieces([tape.own(tf.ones([]))]);
    for (const gradient of gradients) tape.own(gradient);
    return { value, gradient: named(variables, gradients), block };
  },
  onTape,
  products(tape, { gradient, block }) {
    const gradients = listed(block, gradient);
    const path = pathOf(tape, block, gradients);
    return {
      *whole(v) {
        return yield* symmetric(yield* compileInPieces(path, tape)).inPieces(v);
      },
      *rows(products) {
        yield;
        const found = cotangentsOf(tape, block, path, { gradients, products });
        if (found === undefined) return undefined;
        const { coordinates, targets, values, layers } = found;
        return {
          layers,
          gradient: values,
          *weighed(v) {
            const program = yield* compileInPieces(coordinates.pathTo(targets, true), tape);
            return yield* symmetric(program).inPieces(v);
          },
        };
      },
    };
  },
};

const pathOf = (tape: Tape, block: NamedTensors, gradients: tf.Tensor[]) =>
  graph(tape.nodes, Object.values(block), gradients);

/** The Hessian's block by what is on a tape. */
function onTape(tape: Tape, { value, gradient, block }: Recorded): Curvature {
  const gradients = listed(block, gradient);
  const path = () => pathOf(tape, block, gradients);
  const H = curvatureOf({
    kind: 'hessian',
    value,
    gradient,
    tape,
    block,
    *plan() {
      const found = path();
      yield;
      return symmetric(yield* compileInPieces(found, tape));
    },
    *rowSpace(products) {
      const found = path();
      yield;
      return yield* inRowSpace(tape, block, found, { gradients, products });
    },
  });
  return madeOf(H, () => ({ product: 'H v', tape, path: path() }));
}

/** The layers whose gradient is `aᵀ z̄` alone, with the coordinates of the gradient, as tensors of the tape and as values. */
function cotangentsOf(
  tape: Tape,
  block: NamedTensors,
  path: Graph,
  { gradients, products }: { gradients: tf.Tensor[]; products: number },
) {
  const found = layersOf(path, products);
  const cotangents = found.map(
    (layer, i) => layer && cotangentOf(tape.nodes, path, gradients[i]!, layer),
  );
  const layers = found.map((layer, i) => cotangents[i] && layer);
  const coordinates = coordinatesOf(tape, block, layers);
  return (
    coordinates && {
      coordinates,
      layers,
      targets: gradients.map((gradient, i) => cotangents[i]?.tensor ?? gradient),
      values: gradients.map((gradient, i) => cotangents[i]?.value ?? gradient),
    }
  );
}

/** The Hessian in the row space of those layers whose gradient is `aᵀ z̄` alone. */
function* inRowSpace(
  tape: Tape,
  block: NamedTensors,
  path: Graph,
  asked: { gradients: tf.Tensor[]; products: number },
): Pausing<RowSpace | undefined> {
  const found = cotangentsOf(tape, block, path, asked);
  if (found === undefined) return undefined;
  const { space, pathTo, curvature } = found.coordinates;
  const program = yield* compileInPieces(pathTo(found.targets), tape);
  const product = symmetric(program, (σ) => listed(block, space.weigh(named(block, σ))));
  return curvature('hessian', found.values, product);
}
