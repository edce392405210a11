import * as tf from '@tensorflow/tfjs';
import { apply, entrywise, type Factors, type Formula, vector } from '../autodiff';
import type { Pausing } from '../event-loop';
import type { LinearSolver } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { type Asking, partOf } from './asking';
import {
  type CurvatureProducts,
  type Direction,
  linearisedDirection,
  rankOneDirection,
} from './implicit-step';
import type { SystemToSolve } from './preconditioned';

/** The linear system `(D + δ(1 − β₁)C) d = m̃` of a step of implicit Adam. */
export interface AdamSystem {
  /** C: the curvature. */
  curvature: CurvatureProducts & { cut?: Factors };
  /** g. */
  gradient: NamedTensors;
  /** m̃ = β₁m + (1 − β₁)g. */
  momentum: NamedTensors;
  /** The diagonal of D, positive. */
  scale: NamedTensors;
  /** δ. */
  stepSize: number;
  beta1: number;
}

/** A step of implicit Adam, and its new moments. */
export interface AdamDirection extends Direction {
  /** m⁺ of the step; belongs to the caller. */
  momentum: NamedTensors;
}

/**
 * Solves for the direction d of implicit Adam, and for the momentum `m⁺ = Dd` it leaves.
 *
 * With `d = D^{−½}y` the system is that of an implicit gradient step in scaled coordinates,
 *
 *     (I + δ̃ D^{−½} C D^{−½}) y = D^{−½} m̃,   δ̃ = δ(1 − β₁),
 *
 * on which any solver works, and conjugate gradients work as with the preconditioner D. For the
 * momentum no product is needed: `m⁺ = β₁m + (1 − β₁)(g − δCd)` where the system is solved, and
 * `x⁺ = x − δD⁻¹m⁺` also where the solver was cut off.
 *
 * @param solver `'rank-one'` for the closed form with `C = g gᵀ`; a function chooses it by the scaled system
 */
export function* adamDirection(
  { curvature, gradient, momentum, scale, stepSize, beta1 }: AdamSystem,
  solver: LinearSolver | 'rank-one' | ((system: SystemToSolve) => Pausing<LinearSolver>),
): Asking<AdamDirection> {
  const delta = stepSize * (1 - beta1);
  const [root, b] = pairs(rootAndSide, scale, momentum);
  const { kind, factors, cut } = curvature;
  const flat = solver === 'rank-one' ? undefined : curvature.flat;
  const scaled: CurvatureProducts = {
    ...(kind && { kind }),
    ...(factors && { factors: scaledFactors(factors, root) }),
    ...(flat && { flat: { ...flat, system: (parts) => flat.system({ ...parts, scale: root }) } }),
    apply: (v) =>
      tensors.tidy(() => {
        const rooted = times(root, v);
        const Cv = curvature.apply(rooted);
        tensors.free(rooted, Cv);
        return times(root, Cv);
      }),
    ...(curvature.applyInPieces && {
      *applyInPieces(v: NamedTensors) {
        const rooted = tensors.keep(tensors.tidy(() => times(root, v)));
        let Cv: NamedTensors | undefined;
        try {
          Cv = yield* curvature.applyInPieces!(rooted);
        } finally {
          // Before the next vector of the size of all parameters is made.
          tensors.free(rooted, Cv);
        }
        try {
          return tensors.keep(tensors.tidy(() => times(root, Cv)));
        } finally {
          tensors.free(Cv);
        }
      },
    }),
    dispose() {},
  };
  const system = { delta, like: b, factors: cut && scaledFactors(cut, root) };
  try {
    const by = typeof solver === 'function' ? yield* partOf(solver(system)) : solver;
    const { value: y, ...solved } =
      by === 'rank-one'
        ? tensors.tidy(() => rankOneDirection(times(root, gradient), delta, b))
        : yield* linearisedDirection(scaled, b, delta, by);
    const [value, left] = pairs(stepAndMomentum, y, root);
    tensors.free(y);
    return { ...solved, value, momentum: left };
  } finally {
    tensors.free([root, b]);
  }
}

/** Of `D^{−½} C D^{−½}`, from those of C. */
const scaledFactors = (factors: Factors, root: NamedTensors): Factors => ({
  jvp: (v) => tensors.tidy(() => factors.jvp(times(root, v))),
  vjp: (u) => tensors.tidy(() => times(root, factors.vjp(u))),
  middle: factors.middle,
  get outputs() {
    return factors.outputs;
  },
});

const [first, second] = [vector(0), vector(1)];
/** D^{−½} and D^{−½}m̃, of D and m̃. */
const inverseRoot = apply('quotient', { kind: 'constant', value: 1 }, apply('root', first));
const rootAndSide = [inverseRoot, apply('multiply', inverseRoot, second)];
/** D^{−½}y and D^{½}y, of y and D^{−½}. */
const stepAndMomentum = [apply('multiply', first, second), apply('quotient', first, second)];

/** Two results of two tensors for each name. */
function pairs(
  formulas: readonly Formula[],
  x: NamedTensors,
  y: NamedTensors,
): [NamedTensors, NamedTensors] {
  const results: [NamedTensors, NamedTensors] = [{}, {}];
  for (const name of Object.keys(x)) {
    const [one, other] = entrywise(formulas, [x[name]!, y[name]!], []);
    results[0][name] = one!;
    results[1][name] = other!;
  }
  return results;
}

/** The product entry by entry. */
const times = (x: NamedTensors, y: NamedTensors) =>
  mapTensors(x, (value, name) => tf.mul(value, y[name]!));
