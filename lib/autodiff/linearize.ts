import * as tf from '@tensorflow/tfjs';
import { type Pausing, withoutPause } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkLike, checkPoint, checkTensors } from './check';
import { blockOf } from './curvature';
import { graph } from './graph';
import { madeOf } from './inside';
import { listed, named } from './named';
import { compileInPieces } from './plan';
import { whileAlive } from './product';
import type { Program } from './program';
import { record } from './tape';

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
    const y = f(leaves);
    const outputs = namedOutputs(y);
    const value = mapTensors(outputs, (output) => tape.ownCopy(output));
    return { leaves, outputs, value, single: y instanceof tf.Tensor };
  });
  const { leaves, outputs, value } = result;
  const wrap = (y: Y) => (result.single ? { value: y } : y) as NamedTensors;
  const unwrap = (y: NamedTensors) => (result.single ? y.value : y) as Y;

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
