import * as tf from '@tensorflow/tfjs';
import {
  checkAlive,
  checkTensors,
  engine,
  isolated,
  linearize,
  valueAndGradient,
} from '../autodiff';
import { InputError, ShapeError, UnsupportedError } from '../errors';
import { checkFunction, checkOptionNames, phrase } from '../options';
import { join, split } from '../problems';
import {
  checkedDeferred,
  checkedSolution,
  gmres,
  type LinearSolver,
  type Solution,
} from '../solvers';
import { type LinearOperator, mapTensors, type NamedTensors, tensors } from '../spaces';
import { checkOnFailure, notSolved, type OnFailure } from './failure';

/** A solution: a tensor, or named ones. */
export type Point = tf.Tensor | NamedTensors;

/** `F(x, θ₁, θ₂, …)` in the shape of x; 0 at the solution. */
export type Optimality<X extends Point> = (x: X, ...θ: tf.Tensor[]) => X;

export interface ArgminOptions {
  /**
   * What happens where the linear solve does not converge: `'return'` (default) warns and goes on with
   * the best v met, `'throw'` throws a SolveError with the status. On a GPU, where the status is not
   * known without waiting, `'throw'` is refused.
   */
  onFailure?: OnFailure;
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
  checkFunction(solve, 'the solve of argmin');
  checkOptions('argmin', optimality, options);
  return (...θ) => {
    checkArguments(θ);
    return tf.tidy(() =>
      attach(
        isolated(() => solve(...θ)),
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
  checkOptions('attach', optimality, options);
  const { solver = gmres({ tolerance: 1e-5 }), onFailure = 'return' } = options;
  checkSolution(xStar);
  const { x, F, unwrap } = rootAt(xStar, optimality);
  return (...θ) => {
    checkArguments(θ);
    const rule = { F, solver, onFailure, varies: θ.map(({ dtype }) => dtype === 'float32') };
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
  return { x: wrap(xStar), F, wrap, unwrap };
}

/** The gradient of a loss, as the optimality of its minimum. */
export function stationarity<X extends Point>(
  loss: (x: X, ...θ: tf.Tensor[]) => tf.Scalar,
): Optimality<X> {
  checkFunction(loss, 'the loss of stationarity');
  return (x, ...θ) => {
    if (!(x instanceof tf.Tensor)) {
      return valueAndGradient((x) => loss(x as X, ...θ), x).gradient as X;
    }
    return valueAndGradient(({ x }) => loss(x as X, ...θ), { x }).gradient.x as X;
  };
}

function checkOptions(owner: string, optimality: unknown, options: ArgminOptions): void {
  checkCommonOptions(owner, optimality, options);
  if (options.solver === undefined) return;
  if (typeof options.solver?.solveSync === 'function') return;
  throw new InputError({
    given: `${typeof options.solver?.solve === 'function' ? 'a solver that has to be waited for' : phrase(options.solver)} as the solver of ${owner}`,
    expected: 'a solver with solveSync and solveDeferred, such as gmres() or cg()',
    remedy:
      typeof options.solver?.solve === 'function'
        ? 'tf.grad cannot wait for a promise. Give the solver solveSync, or take ' +
          'hypergradient(…, implicit({ solver })), which waits.'
        : 'Call the maker of a solver: solver: cg().',
  });
}

/** @throws InputError for an optimality that is not a function, or options that are unknown. */
export function checkCommonOptions(
  owner: string,
  optimality: unknown,
  options: ArgminOptions,
): void {
  checkFunction(optimality, `the optimality of ${owner}`);
  checkOptionNames(owner, options, ['solver', 'onFailure']);
  checkOnFailure(owner, options.onFailure);
}

/** @throws InputError or DisposedError for anything but live tensors. */
export function checkArguments(θ: readonly unknown[]): void {
  θ.forEach((value, i) => {
    if (!(value instanceof tf.Tensor)) {
      throw new InputError({
        given: `${phrase(value)} as argument ${i + 1} of a solution`,
        expected: 'a tensor',
        remedy: 'Numbers become one by tf.scalar(3); give the tensors of a record one by one.',
      });
    }
    checkAlive(value, `argument ${i + 1} of a solution`);
  });
}

export function checkSolution(x: unknown): void {
  if (x instanceof Promise) {
    throw new InputError({
      given: 'a promise as a solution',
      expected: 'a tensor, or named ones',
      remedy: 'Await it outside the gradient, and attach(solution, optimality) inside.',
    });
  }
  checkTensors(x instanceof tf.Tensor ? { solution: x } : x, 'a solution');
}

/** @throws InputError or ShapeError for a value of F that is not like x. */
function checkOptimality(value: unknown, x: NamedTensors): asserts value is NamedTensors {
  checkTensors(value, 'the value of an optimality');
  const odd = Object.keys(x).find((name) => !sameShape(value[name], x[name]!));
  const counts = [value, x].map((record) => Object.keys(record).length);
  if (odd === undefined && counts[0] === counts[1]) return;
  throw new ShapeError({
    given: `an optimality whose value is [${Object.values(value).map(({ shape }) => `[${shape}]`)}]`,
    expected: `the names and shapes of the solution, [${Object.values(x).map(({ shape }) => `[${shape}]`)}]`,
    remedy:
      'An optimality is 0 at the solution, entry by entry: stationarity(loss) makes one of a loss.',
  });
}

const sameShape = (a: tf.Tensor | undefined, b: tf.Tensor) =>
  a !== undefined && a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);

const notReadable = () =>
  new UnsupportedError({
    given: `onFailure: 'throw' on the backend '${tf.getBackend()}'`,
    expected: 'a backend whose numbers can be read without waiting, such as wasm',
    remedy: "Take hypergradient(…, implicit({ onFailure: 'throw' })), which waits.",
  });

type Root = (x: NamedTensors, θ: tf.Tensor[]) => NamedTensors;

interface ImplicitRule {
  F: Root;
  solver: LinearSolver;
  onFailure: OnFailure;
  /** Which of the θs have derivatives; the others are constants. */
  varies: readonly boolean[];
  /** Whether the θs were not passed by a caller, so that no warning is given about them. */
  silent?: boolean;
}

/** x as a function of θ with the derivative of the implicit function theorem. */
function implicitFunction(x: NamedTensors, rule: ImplicitRule, θ: tf.Tensor[]): NamedTensors {
  const count = θ.length;
  const varying = θ.filter((_, i) => rule.varies[i]);
  if (varying.length === 0) return mapTensors(x, (value) => value.clone());
  const attached = tf.customGrad((...args) => {
    // TensorFlow.js hands over `save` as the last argument; its types omit it.
    const save = args[varying.length] as unknown as (kept: tf.Tensor[]) => void;
    const given = args.slice(0, varying.length) as tf.Tensor[];
    save([...θ.map((value, i) => (rule.varies[i] ? given.shift()! : value)), ...Object.values(x)]);
    return {
      value: pack(x),
      gradFunc: (u: tf.Tensor, saved: tf.Tensor[]) => {
        const values = saved.slice(count);
        const solution = Object.fromEntries(Object.keys(x).map((name, i) => [name, values[i]!]));
        return pullBack(unpack(u, solution), solution, rule, saved.slice(0, count));
      },
    };
  });
  return unpack(attached(...varying), x);
}

/** The θs that vary, by their places. */
export const numbered = (θ: readonly tf.Tensor[], varies: readonly boolean[]): NamedTensors =>
  Object.fromEntries(θ.map((value, i) => [String(i), value] as const).filter((_, i) => varies[i]));

/** F as a function of x and the θs that vary, linearized at copies of them. */
export function linearizedAt(
  x: NamedTensors,
  { F, varies }: Pick<ImplicitRule, 'F' | 'varies'>,
  θ: readonly tf.Tensor[],
) {
  const copies = (record: NamedTensors) => mapTensors(record, (value) => value.clone());
  return linearize(
    (both) => {
      const parts = split(both);
      return F(
        parts.w,
        θ.map((value, i) => parts.λ[String(i)] ?? value),
      );
    },
    join(copies(x), copies(numbered(θ, varies))),
  );
}

/** `−(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`. */
function pullBack(u: NamedTensors, x: NamedTensors, rule: ImplicitRule, θ: tf.Tensor[]) {
  const at = (x: NamedTensors, θ: tf.Tensor[]) => linearizedAt(x, rule, θ);
  const negated = (pulled: NamedTensors) =>
    Object.values(split(pulled).λ).map((part) => tf.neg(part));

  const recorded = isolated(() => at(x, θ));
  try {
    const v = isolated(() => solveTransposed(recorded, u, x, numbered(θ, rule.varies), rule));
    if (!engine().isTapeOn()) {
      const gradients = negated(recorded.vjp(v));
      if (!rule.silent) warnOfZeros(u, gradients, rule.varies);
      return gradients;
    }
    // This derivative will be differentiated: x and v are functions of θ and u as well.
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
    const varies = [...names, ...names].map(() => true).concat(rule.varies);
    const v1 = implicitFunction(v, { ...rule, F: G, varies, silent: true }, inputs);
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

/** `v ↦ (∂F/∂x)ᵀ v`, from what was recorded of F at x and θ; zeros in the shape of θ are the caller's. */
export function transposedOf(
  recorded: { jvp(v: NamedTensors): NamedTensors; vjp(u: NamedTensors): NamedTensors },
  still: NamedTensors,
): LinearOperator<NamedTensors> {
  return {
    apply: (v) => split(recorded.vjp(v)).w,
    transpose: (v) => recorded.jvp(join(v, still)),
    dispose() {},
  };
}

/** Warns of a linear solve that did not converge, or throws. */
export function judge(
  { status, residualNorm }: Pick<Solution<NamedTensors>, 'status' | 'residualNorm'>,
  names: readonly string[],
  onFailure: OnFailure,
): void {
  if (status === 'converged') return;
  if (onFailure === 'throw') throw notSolved({ status, residualNorm });
  console.warn(
    `The linear solve of an implicit derivative of ${names.join(', ')} ended as '${status}' with a ` +
      `residual of ${residualNorm.toPrecision(2)}: the derivative is as inexact. Give more ` +
      'iterations, a wider tolerance or another solver.',
  );
}

function solveTransposed(
  recorded: Parameters<typeof transposedOf>[0],
  u: NamedTensors,
  x: NamedTensors,
  θ: NamedTensors,
  { solver, onFailure }: Pick<ImplicitRule, 'solver' | 'onFailure'>,
): NamedTensors {
  return tf.tidy(() => {
    const A = transposedOf(
      recorded,
      mapTensors(θ, (value) => tf.zerosLike(value)),
    );
    if (!tensors.readableNow()) {
      if (onFailure === 'throw') throw notReadable();
      const solution = checkedDeferred(solver, solver.solveDeferred(A, u), tensors, u);
      solution.dispose();
      return solution.value;
    }
    const found = checkedSolution(solver, solver.solveSync(A, u), tensors, u);
    const { value, ...report } = found;
    judge(report, Object.keys(x), onFailure);
    return value;
  });
}

function warnOfZeros(u: NamedTensors, gradients: tf.Tensor[], varies: readonly boolean[]): void {
  if (!tensors.readableNow()) return;
  const sizes = tf.tidy(() =>
    tensors.readSync(
      [...Object.values(u), ...gradients].map((part) => tf.sum(tf.abs(part)) as tf.Scalar),
    ),
  );
  const shares = sizes.splice(0, Object.keys(u).length);
  if (shares.every((share) => share === 0)) return;
  const places = varies.flatMap((varies, i) => (varies ? [i] : []));
  sizes.forEach((size, k) => {
    if (size !== 0) return;
    const i = places[k]!;
    console.warn(
      `The implicit derivative with respect to argument ${i + 1} is exactly 0. A solution does not ` +
        'depend on where its solver started; if this is not a starting point, the optimality ' +
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
