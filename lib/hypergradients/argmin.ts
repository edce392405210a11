import * as tf from '@tensorflow/tfjs';
import { isolated, linearize, valueAndGradient } from '../autodiff';
import { engine } from '../autodiff/tape';
import { gmres, type LinearSolver } from '../solvers';
import { type LinearOperator, mapTensors, type NamedTensors, tensors } from '../spaces';
import { join, split } from '../unrolling/field';

/** A solution: a tensor, or named ones. */
export type Point = tf.Tensor | NamedTensors;

/** `F(x, θ₁, θ₂, …)` in the shape of x; 0 at the solution. */
export type Optimality<X extends Point> = (x: X, ...θ: tf.Tensor[]) => X;

export interface ArgminOptions {
  /** Solves `(∂F/∂x)ᵀ v = u`. Default `gmres({ tolerance: 1e-5 })`; `cg()` for a gradient. */
  solver?: LinearSolver;
}

/**
 * A solver of `F(x, θ) = 0` made differentiable: `x*(θ)` inside `tf.grads`, `valueAndGradient`, ….
 *
 * `∂x*ᵀu = −(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`, whatever `solve` does: it runs unrecorded, also with
 * gradients of its own. One linear solve for each derivative, which can itself be differentiated
 * (a hypergradient of a hypergradient), forwards and in reverse.
 *
 * When not to use it: where F has no derivative at the solution, or a singular one. The derivative
 * with respect to a starting point is 0, as it should be, and a warning says so.
 *
 * @param solve finds x* from θ, synchronously; for an asynchronous solver see `attach`
 * @param optimality F: `stationarity(loss)` for a minimum, `(x, θ) => x − Φ(x, θ)` for a fixed
 *   point; it may differ from what `solve` iterates, as long as the solution is the same
 * @returns a function of the θs, float32 tensors
 * @see Blondel et al., Efficient and modular implicit differentiation, 2022, §2.
 */
export function argmin<X extends Point>(
  solve: (...θ: tf.Tensor[]) => X,
  optimality: Optimality<X>,
  options: ArgminOptions = {},
): (...θ: tf.Tensor[]) => X {
  return (...θ) =>
    tf.tidy(() =>
      attach(
        isolated(() => solve(...θ)),
        optimality,
        options,
      )(...θ),
    );
}

/**
 * The same for a solution that has been found already: `x*` as a function of θ around this θ.
 *
 * Await the inner solution outside, attach it inside `tf.grads`.
 */
export function attach<X extends Point>(
  xStar: X,
  optimality: Optimality<X>,
  { solver = gmres({ tolerance: 1e-5 }) }: ArgminOptions = {},
): (...θ: tf.Tensor[]) => X {
  const single = xStar instanceof tf.Tensor;
  const unwrap = (x: NamedTensors) => (single ? x.value : x) as X;
  const F: Root = (x, θ) => {
    const value = optimality(unwrap(x), ...θ);
    return single ? { value: value as tf.Tensor } : (value as NamedTensors);
  };
  const x = (single ? { value: xStar } : xStar) as NamedTensors;
  return (...θ) =>
    tf.tidy(() => unwrap(implicitFunction(x, { F, solver }, θ)) as tf.TensorContainer) as X;
}

/** The gradient of a loss, as the optimality of its minimum. */
export function stationarity<X extends Point>(
  loss: (x: X, ...θ: tf.Tensor[]) => tf.Scalar,
): Optimality<X> {
  return (x, ...θ) => {
    if (!(x instanceof tf.Tensor)) {
      return valueAndGradient((x) => loss(x as X, ...θ), x).gradient as X;
    }
    return valueAndGradient(({ x }) => loss(x as X, ...θ), { x }).gradient.x as X;
  };
}

type Root = (x: NamedTensors, θ: tf.Tensor[]) => NamedTensors;

interface ImplicitRule {
  F: Root;
  solver: LinearSolver;
}

/** x as a function of θ with the derivative of the implicit function theorem. */
function implicitFunction(x: NamedTensors, rule: ImplicitRule, θ: tf.Tensor[]): NamedTensors {
  const count = θ.length;
  const attached = tf.customGrad((...args) => {
    // TensorFlow.js hands over `save` as the last argument; its types do not say so.
    const save = args[count] as unknown as (kept: tf.Tensor[]) => void;
    save([...(args.slice(0, count) as tf.Tensor[]), ...Object.values(x)]);
    return {
      value: pack(x),
      gradFunc: (u: tf.Tensor, saved: tf.Tensor[]) => {
        const values = saved.slice(count);
        const solution = Object.fromEntries(Object.keys(x).map((name, i) => [name, values[i]!]));
        return pullBack(unpack(u, solution), solution, rule, saved.slice(0, count));
      },
    };
  });
  return unpack(attached(...θ), x);
}

/** `−(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`. */
function pullBack(u: NamedTensors, x: NamedTensors, rule: ImplicitRule, θ: tf.Tensor[]) {
  const listed = (record: NamedTensors) => θ.map((_, i) => record[String(i)]!);
  const at = (x: NamedTensors, θ: tf.Tensor[]) =>
    linearize(
      (both) => {
        const parts = split(both);
        return rule.F(parts.w, listed(parts.λ));
      },
      join(
        mapTensors(x, (value) => value.clone()),
        Object.fromEntries(θ.map((value, i) => [String(i), value.clone()])),
      ),
    );
  const negated = (pulled: NamedTensors) => listed(split(pulled).λ).map((part) => tf.neg(part));

  const recorded = isolated(() => at(x, θ));
  try {
    const v = isolated(() => solveTransposed(recorded, u, x, θ, rule.solver));
    if (!engine().isTapeOn()) {
      const gradients = negated(recorded.vjp(v));
      warnOfZeros(u, gradients);
      return gradients;
    }
    // Somebody will differentiate this derivative: x and v are functions of θ and u as well.
    const again = implicitFunction(x, rule, θ);
    const names = Object.keys(x);
    const named = (list: tf.Tensor[]) =>
      Object.fromEntries(names.map((name, i) => [name, list[i]!.clone()]));
    const G: Root = (v, given) => {
      const [u, at] = [given.slice(0, names.length), given.slice(names.length, 2 * names.length)];
      const θ = given.slice(2 * names.length);
      const J = linearize((x) => rule.F(x, θ), named(at));
      try {
        return tensors.subtract(J.vjp(v), named(u));
      } finally {
        J.dispose();
      }
    };
    const inputs = [...Object.values(u), ...Object.values(again), ...θ];
    const v1 = implicitFunction(v, { F: G, solver: rule.solver }, inputs);
    const last = at(again, θ);
    try {
      return negated(last.vjp(v1));
    } finally {
      last.dispose();
    }
  } finally {
    recorded.dispose();
  }
}

function solveTransposed(
  recorded: { jvp(v: NamedTensors): NamedTensors; vjp(u: NamedTensors): NamedTensors },
  u: NamedTensors,
  x: NamedTensors,
  θ: tf.Tensor[],
  solver: LinearSolver,
): NamedTensors {
  return tf.tidy(() => {
    const still = Object.fromEntries(θ.map((value, i) => [String(i), tf.zerosLike(value)]));
    const A: LinearOperator<NamedTensors> = {
      apply: (v) => split(recorded.vjp(v)).w,
      transpose: (v) => recorded.jvp(join(v, still)),
      dispose() {},
    };
    if (!tensors.readableNow()) {
      const solution = solver.solveDeferred(A, u);
      solution.dispose();
      return solution.value;
    }
    const { value, status, residualNorm } = solver.solveSync(A, u);
    if (status !== 'converged') {
      console.warn(
        `The linear solve of an implicit derivative of ${Object.keys(x).join(', ')} ended as ` +
          `'${status}' with a residual of ${residualNorm.toPrecision(2)}: the derivative is as ` +
          'inexact. Give more iterations, a wider tolerance or another solver.',
      );
    }
    return value;
  });
}

function warnOfZeros(u: NamedTensors, gradients: tf.Tensor[]): void {
  if (!tensors.readableNow()) return;
  const sizes = tf.tidy(() =>
    tensors.readSync(
      [...Object.values(u), ...gradients].map((part) => tf.sum(tf.abs(part)) as tf.Scalar),
    ),
  );
  const shares = sizes.splice(0, Object.keys(u).length);
  if (shares.every((share) => share === 0)) return;
  sizes.forEach((size, i) => {
    if (size !== 0) return;
    console.warn(
      `The implicit derivative with respect to argument ${i + 1} is exactly 0. A solution does not ` +
        'depend on where its solver started; if this is no starting point, the optimality ' +
        'condition does not use it. To differentiate the steps themselves, use unrolled().',
    );
  });
}

/** All numbers in one vector. */
const pack = (x: NamedTensors): tf.Tensor1D =>
  tf.concat(Object.values(x).map((value) => tf.reshape(value, [-1]))) as tf.Tensor1D;

function unpack(flat: tf.Tensor, like: NamedTensors): NamedTensors {
  let from = 0;
  return mapTensors(like, ({ size, shape }) => {
    const part = tf.reshape(tf.slice(flat, [from], [size]), shape);
    from += size;
    return part;
  });
}
