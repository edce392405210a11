import * as tf from '@tensorflow/tfjs';
import {
  engine,
  type FlatMap,
  isolated,
  type Linearization,
  linearize,
  linearizeInPieces,
  type Tape,
} from '../autodiff';
import { UnsupportedError } from '../errors';
import { driveAtOnce, type Pausing } from '../event-loop';
import { join, split } from '../problems';
import {
  checkedDeferred,
  checkedSolution,
  type LinearSolver,
  supportsInnerProduct,
} from '../solvers';
import { type LinearOperator, mapTensors, type NamedTensors, tensors } from '../spaces';
import { type BlockReport, inBlockUnits, unsolvedLater } from './block-units';
import { notSolved, type OnFailure, residualOf } from './failure';
import { solveSyncIn } from './solve-in';

const notReadable = () =>
  new UnsupportedError({
    given: `onFailure: 'throw' on the backend '${tf.getBackend()}'`,
    expected: 'a backend whose numbers can be read without waiting, such as wasm',
    remedy: "Take hypergradient(…, implicit({ onFailure: 'throw' })), which waits.",
  });

/** F as a function of records, with any number of θs. */
export type Root = (x: NamedTensors, θ: tf.Tensor[]) => NamedTensors;

/** The derivative of F by programs, at x and θ; undefined where none can run. */
export type RootPrograms = (
  x: NamedTensors,
  θ: readonly tf.Tensor[],
  varies: readonly boolean[],
) => FlatMap | undefined;

interface ImplicitRule {
  F: Root;
  /** Of an F that `compiledMap` has declared. */
  programs?: RootPrograms | undefined;
  solver: LinearSolver;
  onFailure: OnFailure;
  /** Which of the θs have derivatives; the others are constants. */
  varies: readonly boolean[];
  /** Whether the θs were not passed by a caller, so that no warning is given about them. */
  silent?: boolean;
}

/** x as a function of θ with the derivative of the implicit function theorem. */
export function implicitFunction(
  x: NamedTensors,
  rule: ImplicitRule,
  θ: tf.Tensor[],
): NamedTensors {
  const count = θ.length;
  const varying = θ.filter((_, i) => rule.varies[i]);
  if (varying.length === 0) return mapTensors(x, (value) => value.clone());
  const attached = tf.customGrad((...args) => {
    // TensorFlow.js hands over `save` as the last argument; its types omit it.
    const save = args[varying.length] as (kept: tf.Tensor[]) => void;
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

/** F at x and the θs that vary: its derivatives with respect to either. */
export interface LinearizedRoot {
  /** `v ↦ (∂F/∂x)ᵀ v`. */
  readonly byX: LinearOperator<NamedTensors>;
  /** `(∂F/∂θ)ᵀ v`, for each θ that varies, in their order; the caller's. */
  byθ(v: NamedTensors): tf.Tensor[];
  dispose(): void;
}

/** The same, to be left for a while within its products; what those return is kept. */
export interface LinearizedRootInPieces extends LinearizedRoot {
  byθInPieces(v: NamedTensors): Pausing<tf.Tensor[]>;
}

/** F as a function of x and the θs that vary, linearized at copies of them. */
export function linearizedAt(
  x: NamedTensors,
  { F, varies }: Pick<ImplicitRule, 'F' | 'varies'>,
  θ: readonly tf.Tensor[],
): LinearizedRoot {
  const at = pointOf(x, varies, θ);
  return rootOf(
    linearize((both) => F(...at.argumentsIn(both)), at.both),
    at,
  );
}

/** The same in pieces, and its products too; where others are done, timers have their turns. */
export function* linearizedInPieces(
  x: NamedTensors,
  {
    F,
    varies,
  }: {
    F: (tape: Tape, x: NamedTensors, θ: tf.Tensor[]) => Pausing<NamedTensors>;
    varies: readonly boolean[];
  },
  θ: readonly tf.Tensor[],
): Pausing<LinearizedRootInPieces> {
  // Constants too: whoever disposes of the solution meanwhile does not end this.
  const own = θ.map((value) => value.clone());
  const at = pointOf(x, varies, own);
  const held = [...own, ...Object.values(at.both)];
  for (const value of held) tf.keep(value);
  try {
    const recorded = yield* linearizeInPieces(
      (both, tape) => F(tape, ...at.argumentsIn(both)),
      at.both,
    );
    const { byX, ...root } = rootOf(recorded, at);
    const ofX = recorded.among(at.ofX).inPieces;
    const ofθ = recorded.among(at.ofθ).inPieces;
    return {
      ...root,
      byX: {
        ...byX,
        *applyInPieces(v) {
          return split(yield* ofX.vjp(v)).w;
        },
      },
      *byθInPieces(v) {
        return Object.values(split(yield* ofθ.vjp(v)).λ);
      },
    };
  } finally {
    tf.dispose(held);
  }
}

/** x and the θs that vary, as one record of copies. */
function pointOf(x: NamedTensors, varies: readonly boolean[], θ: readonly tf.Tensor[]) {
  const copies = (record: NamedTensors) => mapTensors(record, (value) => value.clone());
  const [w, λ] = [copies(x), copies(numbered(θ, varies))];
  return {
    both: join(w, λ),
    ofX: Object.keys(join(w, {})),
    ofθ: Object.keys(join({}, λ)),
    argumentsIn(both: NamedTensors): [NamedTensors, tf.Tensor[]] {
      const parts = split(both);
      return [parts.w, θ.map((value, i) => parts.λ[String(i)] ?? value)];
    },
  };
}

function rootOf(
  recorded: Linearization<NamedTensors>,
  at: ReturnType<typeof pointOf>,
): LinearizedRoot {
  // Apart: a product for the solve does not compute what θ would need.
  const ofX = recorded.among(at.ofX);
  const ofθ = recorded.among(at.ofθ);
  return {
    byX: {
      apply: (v) => split(ofX.vjp(v)).w,
      transpose: (v) => ofX.jvp(join(v, {})),
      dispose() {},
    },
    byθ: (v) => Object.values(split(ofθ.vjp(v)).λ),
    dispose: () => recorded.dispose(),
  };
}

/** `−(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`. */
function pullBack(u: NamedTensors, x: NamedTensors, rule: ImplicitRule, θ: tf.Tensor[]) {
  const at = (x: NamedTensors, θ: tf.Tensor[]) => linearizedAt(x, rule, θ);
  const negated = (pulled: tf.Tensor[]) => pulled.map((part) => tf.neg(part));

  if (!engine().isTapeOn()) {
    const pulled = isolated(() => pullBackByProgram(u, x, rule, θ));
    if (pulled !== undefined) {
      const gradients = negated(pulled);
      if (!rule.silent) warnOfZeros(u, gradients, rule.varies);
      return gradients;
    }
  }
  const recorded = isolated(() => at(x, θ));
  try {
    const v = isolated(() => solveTransposed(recorded, u, x, rule));
    if (!engine().isTapeOn()) {
      const gradients = negated(recorded.byθ(v));
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
    const ofV = { ...rule, F: G, programs: undefined, varies, silent: true };
    const v1 = implicitFunction(v, ofV, inputs);
    const last = at(again, θ);
    try {
      return negated(last.byθ(v1));
    } finally {
      last.dispose();
    }
  } finally {
    recorded.dispose();
  }
}

/** Solvers that add up a series. */
const SERIES = new Set(['fixedPoint', 'neumann']);

/** `(∂F/∂θ)ᵀ v` with v in the backend's memory; undefined where F has no programs, or the solver asks for more. */
function pullBackByProgram(
  u: NamedTensors,
  x: NamedTensors,
  { programs, solver, onFailure, varies }: ImplicitRule,
  θ: tf.Tensor[],
): tf.Tensor[] | undefined {
  // Blocks of several units are solved in units of their own, by products of tensors.
  const isOne = Object.keys(x).length === 1;
  if (!isOne || !supportsInnerProduct(solver) || !tensors.readableNow()) return undefined;
  const root = programs?.(x, θ, varies);
  if (root === undefined) return undefined;
  const { space } = root;
  try {
    return space.tidy(() => {
      const b = root.from(u);
      // The recurrence of a series has its residual to rounding, since it never turns.
      const options = SERIES.has(solver.name) ? { verify: false } : {};
      const solved = solveSyncIn(solver, root.byX, b, options);
      const { value, ...report } = checkedSolution(solver, solved, space, b);
      judge(report, Object.keys(x), onFailure);
      return root.byRest(value);
    });
  } finally {
    root.dispose();
  }
}

/** Warns of a linear solve that did not converge, or throws. */
export function judge(report: BlockReport, names: readonly string[], onFailure: OnFailure): void {
  const { status, residualNorm, block } = report;
  if (status === 'converged') return;
  if (onFailure === 'throw') throw notSolved({ status, residualNorm }, block);
  console.warn(
    `The linear solve of an implicit derivative of ${names.join(', ')} ended as '${status}' with a ` +
      `residual of ${residualOf(residualNorm, block)}: the derivative is as inexact. Give more ` +
      'iterations, a wider tolerance or another solver.',
  );
}

function solveTransposed(
  { byX: A }: LinearizedRoot,
  u: NamedTensors,
  x: NamedTensors,
  { solver, onFailure }: Pick<ImplicitRule, 'solver' | 'onFailure'>,
): NamedTensors {
  return tf.tidy(() => {
    if (!tensors.readableNow()) {
      if (onFailure === 'throw') throw notReadable();
      const solution = checkedDeferred(solver, solver.solveDeferred(A, u), tensors, u);
      solution.dispose();
      if (Object.keys(u).length > 1) warnLater(A, u, solution.value, solver);
      return solution.value;
    }
    const read = (scalars: readonly tf.Scalar[]) => tensors.readSync(scalars);
    const system = driveAtOnce(inBlockUnits(A, u, solver), read);
    try {
      const solved = checkedSolution(solver, solver.solveSync(system.A, system.b), tensors, u);
      const { value: kept, ...report } = driveAtOnce(system.judge(solved), read);
      const value = tensors.clone(kept);
      tensors.free(kept);
      judge(report, Object.keys(x), onFailure);
      return value;
    } finally {
      system.dispose();
    }
  });
}

/** Warns of blocks that are not solved once that can be known: of other units, which were not found. */
function warnLater(
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  v: NamedTensors,
  solver: LinearSolver,
): void {
  const { scalars, answer } = unsolvedLater(A, u, v, solver);
  const backend = tf.getBackend();
  const warn = (numbers: number[]) => {
    const unsolved = answer(numbers);
    if (unsolved === undefined) return;
    console.warn(
      `An implicit derivative of ${Object.keys(u).join(', ')} was solved up to ` +
        `${residualOf(unsolved.share, unsolved.block)}. On ${backend}, whose numbers cannot be read ` +
        'without waiting, argmin does not find the units of blocks: take argminAsync, or unknowns of ' +
        'about one size.',
    );
  };
  tensors
    .read(scalars)
    .then(warn, () => {})
    .finally(() => tensors.free(scalars.map((scalar) => ({ scalar }))));
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
