import { lbfgs } from '../../../course/experiments';
import { levenbergMarquardt } from '../../../lib/descent';
import { linearizeAt } from '../../../lib/descent/least-squares/problem';
import { implicitSteps } from '../../../lib/descent/least-squares/step';
import { cg, type LinearSolver } from '../../../lib/solvers';
import { float64 } from '../../../lib/spaces';
import { type PinnCourse, Watched } from './course';
import type { Pinn } from './problems';
import { adamOnTensors } from './tensors';

/** A method with the one number that is tuned. */
export interface PinnMethod {
  name: string;
  colour: string;
  dash?: string;
  /** What is tuned, as the table names it. */
  tuned: string;
  /** Where the grid begins, factors of √10 apart, until the best has a neighbour on both sides. */
  first?: number;
  /** Or these values, all of them. */
  values?: readonly number[];
  /** Whether all values are reported, not the best one. */
  untuned?: boolean;
  run(pinn: Pinn, seed: number, value: number, budget: number): PinnCourse | Promise<PinnCourse>;
}

const MAX = Number.MAX_SAFE_INTEGER;

/** Adam from w, its rate falling by a cosine to a thousandth over the run, until `until` of it. */
function adamFrom(pinn: Pinn, watched: Watched, start: Float64Array, rate: number, until = 1) {
  const w = start.slice();
  const [m, v] = [new Float64Array(w.length), new Float64Array(w.length)];
  for (let t = 1; watched.share < until; t++) {
    const { value, gradient } = pinn.problem.valueAndGradient(w);
    if (!watched.step(() => w, value)) break;
    const now = Math.min(1, watched.share / until);
    const scale = rate * Math.max(1e-3, (1 + Math.cos(Math.PI * now)) / 2);
    const [first, second] = [1 - 0.9 ** t, 1 - 0.999 ** t];
    for (let i = 0; i < w.length; i++) {
      m[i] = 0.9 * m[i]! + 0.1 * gradient[i]!;
      v[i] = 0.999 * v[i]! + 0.001 * gradient[i]! ** 2;
      w[i]! -= (scale * (m[i]! / first)) / (Math.sqrt(v[i]! / second) + 1e-8);
    }
  }
  return w;
}

async function lbfgsFrom(pinn: Pinn, watched: Watched, start: Float64Array, memory: number) {
  await lbfgs(pinn.problem.valueAndGradient, start, {
    memory,
    maxIterations: MAX,
    watch: (w, value) => watched.step(() => w, value),
  });
}

/** Implicit steps of one rate: `(I + δJᵀJ) s = Jᵀr`, `w⁺ = w − δ s`. */
function implicitAt(solver: LinearSolver | undefined): PinnMethod['run'] {
  return (pinn, seed, delta, budget) => {
    const watched = new Watched(pinn, budget);
    let w = pinn.network.init(seed);
    for (;;) {
      // A loss that overflows ends the run; Watched counts it as diverged.
      if (!pinn.problem.residuals(w).every(Number.isFinite)) {
        watched.course.validation.push(Infinity);
        watched.course.test.push(Infinity);
        return watched.course;
      }
      const at = linearizeAt(pinn.problem, w);
      if (!watched.step(() => w, at.value)) return watched.course;
      const descend = implicitSteps(at, solver)(delta);
      if (descend === undefined) return watched.course;
      w = float64.axpy(1, descend(at.residuals).step, w);
    }
  };
}

function marquardt(options: { solver?: LinearSolver; acceleration?: number }): PinnMethod['run'] {
  return (pinn, seed, initial, budget) => {
    const watched = new Watched(pinn, budget);
    levenbergMarquardt(pinn.problem, pinn.network.init(seed), {
      ...options,
      initial,
      tolerance: 0,
      maxIterations: MAX,
      watch: ({ w, value }) => watched.step(() => w, value),
    });
    return watched.course;
  };
}

const inner = cg({ tolerance: 1e-3, maxIterations: 100, best: 'energy' });

export const methods: readonly PinnMethod[] = [
  {
    name: 'Adam',
    colour: '#888888',
    tuned: 'η',
    first: 0.032,
    run(pinn, seed, rate, budget) {
      const watched = new Watched(pinn, budget);
      adamFrom(pinn, watched, pinn.network.init(seed), rate);
      return watched.course;
    },
  },
  {
    name: 'L-BFGS',
    colour: '#c44e52',
    tuned: 'pairs',
    values: [10, 30, 100, 300],
    async run(pinn, seed, memory, budget) {
      const watched = new Watched(pinn, budget);
      await lbfgsFrom(pinn, watched, pinn.network.init(seed), memory);
      return watched.course;
    },
  },
  {
    name: 'Adam, then L-BFGS',
    colour: '#8172b3',
    tuned: 'η',
    first: 0.032,
    async run(pinn, seed, rate, budget) {
      const watched = new Watched(pinn, budget);
      const w = adamFrom(pinn, watched, pinn.network.init(seed), rate, 0.2);
      await lbfgsFrom(pinn, watched, w, 100);
      return watched.course;
    },
  },
  {
    name: 'implicit, fixed δ, CG',
    colour: '#64b5cd',
    dash: 'dot',
    tuned: 'δ',
    first: 10,
    run: implicitAt(inner),
  },
  {
    name: 'implicit, fixed δ, direct',
    colour: '#4c72b0',
    dash: 'dot',
    tuned: 'δ',
    first: 10,
    run: implicitAt(undefined),
  },
  {
    name: 'Levenberg–Marquardt, CG',
    colour: '#64b5cd',
    tuned: 'first δ',
    values: [1],
    run: marquardt({ solver: inner }),
  },
  {
    name: 'Levenberg–Marquardt, no acceleration',
    colour: '#55a868',
    tuned: 'first δ',
    values: [1],
    run: marquardt({ acceleration: 0 }),
  },
  {
    name: 'Levenberg–Marquardt',
    colour: '#4c72b0',
    tuned: 'first δ',
    values: [1e-4, 1, 1e4],
    untuned: true,
    run: marquardt({}),
  },
];

/** The same in float32 tensors, for the question what float64 is worth. */
export const inFloat32: readonly PinnMethod[] = [
  {
    name: 'Adam, float32 tensors',
    colour: '#888888',
    dash: 'dash',
    tuned: 'η',
    first: 0.01,
    run: adamOnTensors,
  },
];
