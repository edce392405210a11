import * as tf from '@tensorflow/tfjs';
import { type Pausing, withoutPause } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkFinite, checkLike, checkPoint, checkScalar, checkTensors } from './check';
import { unmarked } from './compiled';
import { blockOf } from './curvature';
import { graph } from './graph';
import { madeOf } from './inside';
import { listed, named } from './named';
import { compileInPieces } from './plan';
import { whileAlive } from './product';
import type { Program } from './program';
import { byGradients } from './rules/reverse';
import { record, recordInPieces, type Tape } from './tape';

/** A derivative J as a linear map both ways. */
export interface JacobianProducts<Y extends tf.Tensor | NamedTensors> {
  /** J v, the change of the value when x changes by v. */
  jvp(v: NamedTensors): Y;
  /** Jᵀ u, the gradient with respect to x of ⟨u, f(x)⟩. */
  vjp(u: Y): NamedTensors;
  /** The products in pieces, one operation at a time; their results are kept. */
  readonly inPieces: {
    jvp(v: NamedTensors): Pausing<Y>;
    vjp(u: Y): Pausing<NamedTensors>;
  };
}

/** A function at a point: its value, and its derivative as a linear map both ways. */
export interface Linearization<Y extends tf.Tensor | NamedTensors> extends JacobianProducts<Y> {
  /** f(x); owned by the linearization. */
  readonly value: Y;
  /**
   * The derivative with respect to some of the tensors of x, by their names, with the others held:
   * what only those need is not computed. Its products live as long as the linearization.
   *
   * @throws InputError for a name that x does not have.
   */
  among(names: readonly string[]): JacobianProducts<Y>;
  /** Frees the value and the tape; harmless when repeated. */
  dispose(): void;
}

/**
 * Evaluates f at x once, and gives products with its Jacobian as often as wanted.
 *
 * With J = ∂f/∂x at x: `jvp(v)` = J v in the shape of f(x), `vjp(u)` = Jᵀ u in the shape of x. f is
 * not called again, so random numbers are drawn and side effects happen once. The cost of a product
 * is about that of one evaluation (J v), or of its gradient less the evaluation (Jᵀ u). Results
 * belong to the caller.
 *
 * @throws InputError and ShapeError for names and shapes that do not fit, UnsupportedError for an
 *   operation without a derivative, DisposedError after `dispose`.
 */
export function linearize<Y extends tf.Tensor | NamedTensors>(
  f: (x: NamedTensors) => Y,
  x: NamedTensors,
): Linearization<Y> {
  checkNoMore('linearize', arguments, 2);
  checkFunction(f, 'the function to linearize');
  checkPoint(x, 'the point');
  const { result, tape } = record((tape) => {
    const leaves = mapTensors(x, (value) => value.clone());
    return endsOf(tape, leaves, f(leaves));
  });
  return linearizationOf(result, tape);
}

/**
 * The same of a function that can be left for a while, to be recorded so. It is given its tape, by which
 * it may take gradients in pieces, and keeps what it returns.
 */
export function* linearizeInPieces<Y extends tf.Tensor | NamedTensors>(
  f: (x: NamedTensors, tape: Tape) => Pausing<Y>,
  x: NamedTensors,
): Pausing<Linearization<Y>> {
  const { result, tape } = yield* recordInPieces(function* (tape) {
    const leaves = mapTensors(x, (value) => tape.own(value.clone()));
    const value = yield* f(leaves, tape);
    return endsOf(tape, leaves, value);
  });
  return linearizationOf(result, tape);
}

/**
 * The gradient of a loss at x, recorded on a tape that runs, to be left for a while after the loss and
 * within the gradient; the tape's own. It is the same that `valueAndGradient` records there.
 *
 * @throws as `valueAndGradient` does.
 */
export function* recordedGradientInPieces(
  loss: (x: NamedTensors) => tf.Scalar,
  x: NamedTensors,
  tape: Tape,
): Pausing<NamedTensors> {
  const leaves = mapTensors(x, (value) => tape.own(value.clone()));
  const value = unmarked(() => {
    const value = loss(leaves);
    checkScalar(value);
    return value;
  }, undefined)();
  checkFinite(value);
  yield;
  const path = graph(tape.nodes, Object.values(leaves), [value]);
  yield;
  const gradient = yield* byGradients(path, tape).pullInPieces([tape.own(tf.ones([]))]);
  return named(
    x,
    gradient.map((part) => tape.own(part)),
  );
}

/** What was linearized: the point as the tape knows it, and the value. */
interface Ends {
  leaves: NamedTensors;
  /** The value as the tape knows it, and a copy that it owns. */
  outputs: NamedTensors;
  value: NamedTensors;
  /** Whether the value is a single tensor. */
  single: boolean;
}

function endsOf(tape: Tape, leaves: NamedTensors, y: tf.Tensor | NamedTensors): Ends {
  const outputs = namedOutputs(y);
  const value = mapTensors(outputs, (output) => tape.ownCopy(output));
  return { leaves, outputs, value, single: y instanceof tf.Tensor };
}

function linearizationOf<Y extends tf.Tensor | NamedTensors>(
  { leaves, outputs, value, single }: Ends,
  tape: Tape,
): Linearization<Y> {
  const wrap = (y: Y) => (single ? { value: y } : y) as NamedTensors;
  const unwrap = (y: NamedTensors) => (single ? y.value : y) as Y;

  const pathFrom = (some: NamedTensors) =>
    graph(tape.nodes, Object.values(some), Object.values(outputs));
  const productsFrom = (some: NamedTensors): JacobianProducts<Y> => {
    let compiled: Program | undefined;
    function* planned(): Pausing<Program> {
      tape.checkAlive('linearization');
      if (compiled !== undefined) return compiled;
      const path = tape.within(() => pathFrom(some));
      yield;
      const made = yield* tape.withinInPieces(compileInPieces(path, tape));
      // It may have been planned for others meanwhile.
      compiled ??= made;
      return compiled;
    }
    function* pushed(v: NamedTensors): Pausing<tf.Tensor[]> {
      return yield* (yield* planned()).pushInPieces(listed(some, v));
    }
    function* pulled(u: NamedTensors): Pausing<tf.Tensor[]> {
      return yield* (yield* planned()).pullInPieces(listed(value, u));
    }
    return {
      jvp(v) {
        checkLike(v, some, 'a direction');
        return unwrap(named(value, withoutPause(planned()).pushDense(listed(some, v))));
      },
      vjp(u) {
        checkLike(wrap(u), value, 'a cotangent');
        return named(some, withoutPause(planned()).pullDense(listed(value, wrap(u))));
      },
      inPieces: {
        *jvp(v) {
          checkLike(v, some, 'a direction');
          return unwrap(named(value, yield* whileAlive(tape, 'linearization', pushed(v))));
        },
        *vjp(u) {
          checkLike(wrap(u), value, 'a cotangent');
          return named(some, yield* whileAlive(tape, 'linearization', pulled(wrap(u))));
        },
      },
    };
  };
  const linearization: Linearization<Y> = {
    get value() {
      tape.checkAlive('linearization');
      return unwrap(value);
    },
    ...productsFrom(leaves),
    among: (names) => productsFrom(blockOf(leaves, names)),
    dispose: () => tape.dispose(),
  };
  return madeOf(linearization, () => ({ product: 'J v', tape, path: pathFrom(leaves) }));
}

/** What f returned as a record; a single tensor is a record of one. */
function namedOutputs(y: unknown): NamedTensors {
  const outputs = y instanceof tf.Tensor ? { value: y } : y;
  checkTensors(outputs, 'the value of the function');
  return outputs;
}
