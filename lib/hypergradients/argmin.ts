import * as tf from '@tensorflow/tfjs';
import { isolated, mapProgramsOf, refusingDisposed, type Tape } from '../autodiff';
import type { Pausing } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { gmres } from '../solvers';
import type { NamedTensors } from '../spaces';
import { checkArguments, checkOptimality, checkOptions, checkSolution } from './argmin-checks';
import type { ArgminOptions, Optimality, Point } from './argmin-options';
import { implicitFunction, type Root, type RootPrograms } from './implicit-function';
import { ofGradient, optimalityInPieces } from './optimality-in-pieces';

/**
 * A solver of `F(x, θ) = 0` made differentiable: `x*(θ)` inside `tf.grads`, `valueAndGradient`, ….
 *
 * `∂x*ᵀu = −(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`, whatever `solve` does: it runs unrecorded, also with
 * gradients. One linear solve for each derivative, which can itself be differentiated
 * (a hypergradient of a hypergradient), forwards and in reverse.
 *
 * When not to use it: where F has no derivative at the solution, or a singular one. The derivative
 * with respect to a starting point is 0, as it should be, with a warning.
 *
 * Arguments of another type than float32, such as labels or indices, are constants: F gets them as they are.
 *
 * @param solve finds x* from θ, synchronously; for an asynchronous one see `argminAsync` and `attach`
 * @param optimality F: `stationarity(loss)` for a minimum, `(x, θ) => x − Φ(x, θ)` for a fixed
 *   point; it may differ from what `solve` iterates, as long as the solution is the same
 * @returns a function of the θs, any number of tensors
 * @throws InputError, ShapeError or DisposedError for arguments, a solution or a value of F that do not
 *   fit; SolveError with `onFailure: 'throw'`
 * @see Blondel et al., [Efficient and modular implicit
 *   differentiation](https://arxiv.org/abs/2105.15183), 2022, §2.
 */
export function argmin<X extends Point>(
  solve: (...θ: tf.Tensor[]) => X,
  optimality: Optimality<X>,
  options: ArgminOptions = {},
): (...θ: tf.Tensor[]) => X {
  checkNoMore('argmin', arguments, 3);
  checkFunction(solve, 'the solve of argmin');
  checkOptions('argmin', optimality, options);
  return (...θ) => {
    checkArguments(θ);
    return tf.tidy(() =>
      attach(
        isolated(() => refusingDisposed(() => solve(...θ))),
        optimality,
        options,
      )(...θ),
    );
  };
}

/**
 * The same for a solution that has been found already: `x*` as a function of θ around this θ.
 *
 * Await the inner solution outside, attach it inside `tf.grads`.
 */
export function attach<X extends Point>(
  xStar: X,
  optimality: Optimality<X>,
  options: ArgminOptions = {},
): (...θ: tf.Tensor[]) => X {
  checkNoMore('attach', arguments, 3);
  checkOptions('attach', optimality, options);
  const { solver = gmres({ tolerance: 1e-5 }), onFailure = 'return' } = options;
  checkSolution(xStar);
  const { x, F, programs, unwrap } = rootAt(xStar, optimality);
  return (...θ) => {
    checkArguments(θ);
    const rule = {
      F,
      programs,
      solver,
      onFailure,
      varies: θ.map(({ dtype }) => dtype === 'float32'),
    };
    return tf.tidy(() => unwrap(implicitFunction(x, rule, θ)) as tf.TensorContainer) as X;
  };
}

/** A solution as a record of tensors, and its optimality as a function of such records. */
export function rootAt<X extends Point>(xStar: X, optimality: Optimality<X>) {
  const single = xStar instanceof tf.Tensor;
  const wrap = (value: Point) => (single ? { value } : value) as NamedTensors;
  const unwrap = (x: NamedTensors) => (single ? x.value : x) as X;
  const F: Root = (x, θ) => {
    const record = wrap(optimality(unwrap(x), ...θ));
    checkOptimality(record, x);
    return record;
  };
  function* pausingF(tape: Tape, x: NamedTensors, θ: tf.Tensor[]): Pausing<NamedTensors> {
    const record = wrap(yield* optimalityInPieces(optimality, tape, unwrap(x), ...θ));
    checkOptimality(record, x);
    return record;
  }
  const compiled = mapProgramsOf(optimality);
  const programs: RootPrograms | undefined =
    compiled && ((x, θ, varies) => compiled.linearize([unwrap(x), ...θ], varies));
  return { x: wrap(xStar), F, pausingF, programs, wrap, unwrap };
}

/** The gradient of a loss, as the optimality of its minimum. */
export function stationarity<X extends Point>(
  loss: (x: X, ...θ: tf.Tensor[]) => tf.Scalar,
): Optimality<X> {
  checkNoMore('stationarity', arguments, 1);
  checkFunction(loss, 'the loss of stationarity');
  return ofGradient(function* (gradientOf, x, ...θ) {
    if (x instanceof tf.Tensor) {
      const gradient = yield* gradientOf(({ x }) => loss(x as X, ...θ), { x });
      return gradient.x as X;
    }
    return (yield* gradientOf((x) => loss(x as X, ...θ), x)) as X;
  });
}
