import { InputError, ShapeError } from '../errors';
import { driveAtOnce } from '../event-loop';
import {
  type Arithmetic,
  arithmeticOf,
  type Iteration,
  isLibraryMethod,
  iterationOf,
  type Method,
  type Spectrum,
  type State,
} from '../methods';
import { partsOf } from '../numbers';
import {
  checkCount,
  checkFloat64,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
} from '../options';
import type { SolvedProblem } from '../problems';
import { float64InnerForm, type InnerForm } from '../problems';
import { float64, spaceOf } from '../spaces';
import { forwardsInMemory } from './forwards-in-memory';
import { type Adjoint, type RecordedStep, recordStep } from './record-step';
import { type Carrier, carryTangents } from './tangents';

export interface UnrollOptions {
  /** The number of steps, T. */
  steps: number;
  /** `'forward'` (default) carries the Jacobian along; `'reverse'` walks back from every iterate. */
  mode?: 'forward' | 'reverse';
  /** Differentiate from this step on only: `∂x` counts as 0 up to there. Default 0. */
  from?: number;
}

/** What an unrolled method did, step by step; entry t is after t steps, entry 0 the start. */
export interface Unrolled {
  iterates: Float64Array[];
  /** `∂xₜ/∂θ` by columns. */
  jacobians: Float64Array[][];
  /** Computed when they are first read. */
  readonly errors: {
    /** `‖xₜ − x*‖₂`. */
    iterate: number[];
    /** `‖∂xₜ − ∂x*‖`, the Frobenius norm. */
    jacobian: number[];
  };
}

/**
 * Runs a method on a problem with a known solution, and differentiates every iterate.
 *
 * Forward mode costs `1 + h` gradients per step for h parameters. Reverse mode walks back from each
 * of the T iterates in each of the n directions, O(nT²): it is there to check the other by.
 *
 * @throws InputError for counts that are not whole, or a method that the spectrum does not suit;
 *   ShapeError for a start that does not fit.
 * @see Scieur, Bertrand, Gidel and Pedregosa, [The Curse of
 *   Unrolling](https://arxiv.org/abs/2209.13271), 2022.
 */
export function unroll(method: Method, problem: SolvedProblem, options: UnrollOptions): Unrolled {
  checkNoMore('unroll', arguments, 3);
  checkOptionNames('unroll', options, ['steps', 'mode', 'from']);
  const { steps, mode = 'forward', from = 0 } = options;
  if (mode !== 'forward' && mode !== 'reverse') {
    throw new InputError({
      given: `${phrase(mode)} as a mode`,
      expected: "'forward' or 'reverse'",
      remedy: 'Leave it out for forward mode.',
    });
  }
  checkMethods(method, 'the method', ['on']);
  checkSolved(problem);
  checkCount(steps, 'a number of steps of', { least: 0, remedy: 'Count in steps.' });
  checkCount(from, 'a first step to differentiate of', { least: 0, remedy: 'Count in steps.' });
  const setting: Setting = {
    iteration: iterationOf(method, naturalSpectrum(problem)),
    form: float64InnerForm(problem, problem.theta),
    problem,
    steps,
    from,
  };
  const { iterates, jacobians } = (mode === 'forward' ? forwardsBy(method) : backwards)(setting);
  const { x, jacobian } = problem.solution;
  let known: Unrolled['errors'] | undefined;
  return {
    iterates,
    jacobians,
    get errors() {
      known ??= {
        iterate: iterates.map((iterate) => distance([iterate], [x])),
        jacobian: jacobians.map((columns) => distance(columns, jacobian)),
      };
      return known;
    },
  };
}

/**
 * The spectrum of a problem with its natural η, `‖H'(x₀ − x*)‖² / ‖∂x₀ − ∂x*‖²`.
 *
 * On a quadratic `H'(x₀ − x*)` is what the mixed derivative gains from x* to x₀; elsewhere the same
 * difference is taken for it. It is left out where a term is 0: there is no curse to weigh.
 */
export function naturalSpectrum(problem: SolvedProblem): Spectrum {
  const { theta, start, solution, spectrum } = problem;
  const at = (x: Float64Array) => {
    const mixed = problem.innerMixed(x.slice(), theta.slice());
    checkMethods(mixed, 'what innerMixed() returns', ['jvp', 'vjp']);
    // A copy: both places may have one array for their products.
    return (v: Float64Array) => mixed.jvp(v.slice()).slice();
  };
  const [atStart, atSolution] = [at(start.x), at(solution.x)];
  const gained = Array.from(unitVectors(theta), (unit) =>
    float64.subtract(atStart(unit), atSolution(unit)),
  );
  const derivative = norm(gained) ** 2;
  const value = distance(start.jacobian, solution.jacobian) ** 2;
  const naturalEta = derivative / value;
  return naturalEta > 0 && Number.isFinite(naturalEta) ? { ...spectrum, naturalEta } : spectrum;
}

interface Setting {
  iteration: Iteration;
  form: InnerForm<Float64Array>;
  problem: SolvedProblem;
  steps: number;
  from: number;
}

type Trajectory = Pick<Unrolled, 'iterates' | 'jacobians'>;

/** Methods of the library do nothing but their step, and so may run in a memory that others share. */
const forwardsBy = (method: Method) => (setting: Setting) =>
  (isLibraryMethod(method) ? forwardsInMemory(setting) : undefined) ?? forwards(setting);

/** An iterate and its tangents one after the other in one array: so they are added up in one loop. */
function forwards({ iteration, form, problem, steps, from }: Setting): Trajectory {
  const { start, theta } = problem;
  const n = start.x.length;
  const units = unitVectors(theta);
  const first: Float64Array = new Float64Array(n * (1 + theta.length));
  first.set(start.x);
  if (from === 0)
    for (const [j, column] of start.jacobian.entries()) first.set(column, n * (1 + j));

  let state = iteration.begin(first);
  const arithmetic = blockArithmetic(n);
  const trajectory = [state.x];
  for (let t = 1; t <= steps; t++) {
    const gradient = (block: Float64Array) => {
      const [x, tangents] = [block.subarray(0, n), block.subarray(n)];
      const result = new Float64Array(block.length);
      const derivative = form.linearize(x, t);
      const moved = result.subarray(n);
      if (t > from && derivative.jvpAll !== undefined) derivative.jvpAll(tangents, moved);
      else if (t > from) {
        for (const [j, dx] of partsOf(tangents, n).entries()) {
          moved.set(derivative.jvp(dx, units[j]!), n * j);
        }
      }
      result.set(derivative.value);
      derivative.dispose();
      return result;
    };
    state = iteration.step(t, state, gradient, arithmetic);
    trajectory.push(state.x);
  }
  return {
    iterates: trajectory.map((block) => block.subarray(0, n)),
    jacobians: trajectory.map((block) => partsOf(block.subarray(n), n)),
  };
}

/** The arithmetic of blocks that begin with a vector of n numbers, after which its tangents come. */
function blockArithmetic(n: number): Arithmetic<Float64Array> {
  const plain = arithmeticOf<Float64Array>(new Float64Array(n));
  const { multiply, divide, sqrt, shift } = carryTangents(plain);
  const apart = (block: Float64Array): Carrier<Float64Array> => ({
    value: block.subarray(0, n),
    tangents: partsOf(block.subarray(n), n),
  });
  const joined = ({ value, tangents }: Carrier<Float64Array>) => {
    const block = new Float64Array(n * (1 + tangents.length));
    for (const [i, part] of [value, ...tangents].entries()) block.set(part, n * i);
    return block;
  };
  return {
    // What is linear does the same with a vector and its tangents.
    combine: (terms) => plain.combine(terms),
    multiply: (x, y) => joined(multiply(apart(x), apart(y))),
    divide: (x, y) => joined(divide(apart(x), apart(y))),
    sqrt: (x) => joined(sqrt(apart(x))),
    shift: (x, c) => joined(shift(apart(x), c)),
  };
}

function backwards({ iteration, form, problem, steps, from }: Setting): Trajectory {
  const { start, theta } = problem;
  const units = unitVectors(start.x);
  let state: State<Float64Array> = iteration.begin(start.x);
  const arithmetic = arithmeticOf(start.x);
  const setting = { λ: theta, space: spaceOf(start.x), arithmetic };
  const tape: RecordedStep<Float64Array>[] = [];

  const iterates: Float64Array[] = [start.x.slice()];
  const jacobians = [start.jacobian.map(from === 0 ? float64.clone : float64.zeros)];
  for (let t = 1; t <= steps; t++) {
    if (t > from) {
      const step = driveAtOnce(
        recordStep(iteration, t, state, setting),
        (x) => x && form.linearize(x, t),
      );
      tape.push(step);
      state = step.next;
    } else {
      state = iteration.step(t, state, (x) => form.gradient(x, t), arithmetic);
    }
    iterates.push(state.x);
    const rows = units.map((unit) => {
      let adjoint: Adjoint<Float64Array> = { x: unit };
      let row = float64.zeros(theta);
      for (let i = tape.length - 1; i >= 0; i--) {
        const pulled = driveAtOnce(tape[i]!.pull(adjoint), (asked) =>
          asked?.derivative.vjp(asked.u),
        );
        adjoint = pulled.state;
        row = float64.axpy(1, pulled.λ, row);
      }
      return from === 0 ? float64.axpy(1, throughStart(iteration, start, adjoint), row) : row;
    });
    jacobians.push(Array.from(theta, (_, j) => Float64Array.from(rows, (row) => row[j]!)));
  }
  for (const step of tape) step.dispose();
  return { iterates, jacobians };
}

/** `(∂x₀/∂θ)ᵀ` times the adjoint of x₀, which is every vector of the first state. */
function throughStart(
  iteration: Iteration,
  { x, jacobian }: SolvedProblem['start'],
  adjoint: Adjoint<Float64Array>,
): Float64Array {
  const names = Object.keys(iteration.begin(x));
  const total = names.reduce((sum, name) => {
    const part = adjoint[name];
    return part === undefined ? sum : float64.axpy(1, part, sum);
  }, float64.zeros(x));
  return Float64Array.from(jacobian, (column) => float64.dot(column, total));
}

const unitVectors = (like: Float64Array) =>
  Array.from(like, (_, i) => {
    const unit = float64.zeros(like);
    unit[i] = 1;
    return unit;
  });

const norm = (columns: readonly Float64Array[]) =>
  float64.norm(Float64Array.from(columns, (column) => float64.norm(column)));

/** Sums of squares in this range are right to rounding. */
const [LEAST, MOST] = [1e-200, 1e200];

/** The Frobenius norm of the difference of two matrices, by columns. */
export function distance(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) {
    const [x, y] = [a[j]!, b[j]!];
    for (let i = 0; i < x.length; i++) {
      const change = x[i]! - y[i]!;
      sum += change * change;
    }
  }
  return LEAST < sum && sum < MOST ? Math.sqrt(sum) : carefulDistance(a, b);
}

/** The same by numbers that are scaled, which neither vanish nor overflow. */
function carefulDistance(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  const difference = new Float64Array(a[0]?.length ?? 0);
  const norms = new Float64Array(a.length);
  for (let j = 0; j < a.length; j++) {
    const [x, y] = [a[j]!, b[j]!];
    for (let i = 0; i < difference.length; i++) difference[i] = x[i]! - y[i]!;
    norms[j] = float64.norm(difference);
  }
  return float64.norm(norms);
}

/** @throws InputError for anything but a problem with a known solution. */
export function checkSolved(problem: SolvedProblem): void {
  checkMethods(problem, 'the problem', ['innerGradient', 'innerHessian', 'innerMixed']);
  checkFloat64(problem.theta, 'theta of the problem');
  for (const what of ['start', 'solution'] as const) {
    const at = `the ${what} of the problem`;
    checkRecord(problem[what], at, '{ x, jacobian }');
    const { x, jacobian } = problem[what];
    checkFloat64(x, `x of ${at}`);
    if (!Array.isArray(jacobian)) {
      throw new InputError({
        given: `${phrase(jacobian)} as the jacobian of ${at}`,
        expected: 'a list of columns, one for each parameter',
        remedy: 'Give one vector for each parameter.',
      });
    }
    for (const column of jacobian) checkFloat64(column, `a column of the jacobian of ${at}`);
  }
  checkColumns(problem);
}

function checkColumns({ theta, start, solution }: SolvedProblem): void {
  float64.check(start.x, solution.x, 'the start');
  for (const { jacobian } of [start, solution]) {
    if (jacobian.length !== theta.length) {
      throw new ShapeError({
        given: `a Jacobian with ${jacobian.length} columns`,
        expected: `${theta.length} columns, one for each parameter`,
        remedy: 'Give one vector for each parameter.',
      });
    }
    for (const column of jacobian) float64.check(column, solution.x, 'a column of a Jacobian');
  }
}
