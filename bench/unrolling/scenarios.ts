import { gradientDescent } from '../../lib/methods';
import { random } from '../../lib/numbers';
import { type DerivativeProblem, formOf, logisticRegression, quadratic } from '../../lib/problems';
import { cg } from '../../lib/solvers';
import { float64 } from '../../lib/spaces';
import {
  chooseDifferentiation,
  type DifferentiationProblem,
  solverSteps,
  unrolled,
} from '../../lib/unrolling';
import { printTable } from './table';

/** A bilevel problem, the truth about it, and what is known of it beforehand. */
interface Scenario {
  name: string;
  problem: DerivativeProblem;
  start: Float64Array;
  λ: Float64Array;
  step: number;
  /** The derivative that is wanted; of the iterate after `stopped` steps, if that is given. */
  truth: Float64Array;
  stopped?: number;
  /** Gradients and products that may be spent. */
  budget: number;
  known: Omit<DifferentiationProblem, 'steps'>;
  /** The same with other draws, where it is random. */
  redrawn?: Scenario[];
}

/** What was predicted and what won: every way spends the same number of gradients and products. */
export async function scenarioTables(): Promise<void> {
  const rows = [];
  for (const scenario of await scenarios()) {
    const { budget, known, stopped } = scenario;
    const h = scenario.λ.length;
    const T = stopped ?? Math.floor(budget / 2);
    const tangents = stopped ?? Math.max(1, Math.floor(budget / (1 + h)));
    const advice = chooseDifferentiation({ ...known, steps: T });
    const draws = [scenario, ...(scenario.redrawn ?? [])];
    const errors = {
      implicit: await rootMeanSquare(draws, (draw) => implicit(draw)),
      reverse: await rootMeanSquare(draws, (draw) => unroll(draw, T, 'reverse')),
      forward: await rootMeanSquare(draws, (draw) => unroll(draw, tangents, 'forward')),
    };
    const best = Math.min(...Object.values(errors));
    const winners = Object.entries(errors).filter(([, error]) => error <= 1.01 * best + 1e-12);
    const predicted = advice.how === 'implicit' ? 'implicit' : (advice.options.mode ?? 'reverse');
    rows.push({
      scenario: scenario.name,
      predicted,
      ...errors,
      won: winners.map(([name]) => name).join(', '),
    });
  }
  printTable(
    'Unroll, or differentiate implicitly? What chooseDifferentiation predicts, and what wins',
    'Relative error of the hypergradient for one budget of gradients and products: implicit spends on conjugate gradients what the cost model says, reverse half of it on the way back, forward h of every h + 1.',
    rows,
  );
}

async function rootMeanSquare(draws: Scenario[], f: (draw: Scenario) => Promise<number>) {
  const errors = [];
  for (const draw of draws) errors.push(await f(draw));
  return Math.hypot(...errors) / Math.sqrt(errors.length);
}

async function unroll(scenario: Scenario, steps: number, mode: 'reverse' | 'forward') {
  const { problem, start, λ, step, truth } = scenario;
  const how = unrolled({ method: gradientDescent(step), steps, mode });
  const { value } = await how.differentiate(problem, start, λ);
  return error(value, truth);
}

async function implicit({ problem, start, λ, step, truth, budget, stopped, known }: Scenario) {
  const k = solverSteps({ ...known, steps: 1 });
  let w = start;
  const steps = stopped ?? budget - k - 1;
  for (let t = 1; t <= steps; t++) w = float64.axpy(-step, problem.innerGradient(w, λ, t), w);
  const { dw, dλ } = formOf(problem, λ).outer(w);
  const { value } = await cg({ tolerance: 1e-12, maxIterations: k }).solve(
    problem.innerHessian(w, λ, steps),
    dw,
  );
  return error(float64.subtract(dλ, problem.innerMixed(w, λ, steps).vjp(value)), truth);
}

const error = (value: Float64Array, truth: Float64Array) =>
  Math.hypot(...float64.subtract(value, truth)) / Math.hypot(...truth);

async function scenarios(): Promise<Scenario[]> {
  const iterate = { ...quadraticScenario(30, 1, 100), name: 'early stopping', stopped: 30 };
  const well = wells();
  return [
    { ...quadraticScenario(10, 1, 100), name: 'well conditioned, h = 1' },
    { ...quadraticScenario(10, 40, 100), name: 'well conditioned, h = 40' },
    { ...quadraticScenario(300, 1, 2000), name: 'badly conditioned, h = 1' },
    { ...quadraticScenario(300, 40, 2000), name: 'badly conditioned, h = 40' },
    {
      ...iterate,
      truth: await ofIterate(iterate),
      known: { ...iterate.known, converged: false },
    },
    { ...well, truth: await ofIterate(well) },
    { ...quadraticScenario(100, 1, 40, 0.01), name: 'warm start' },
    stochastic(),
  ];
}

/** A quadratic of 40 weights with eigenvalues spread over [1/κ, 1], in a random basis. */
function quadraticScenario(
  conditionNumber: number,
  h: number,
  budget: number,
  distance = 10,
): Omit<Scenario, 'name'> {
  const n = 40;
  const noise = random(21);
  const lambdas = Float64Array.from({ length: n }, (_, i) => conditionNumber ** (i / (n - 1) - 1));
  // A reflection turns the diagonal into a full matrix.
  const u = noise.normals(n);
  const size = float64.dot(u, u);
  const Q = square(n, (i, j) => (i === j ? 1 : 0) - (2 * u[i]! * u[j]!) / size);
  const H = square(n, (i, j) => {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += Q[i]![k]! * lambdas[k]! * Q[j]![k]!;
    return sum;
  });
  const symmetric = square(n, (i, j) => (H[i]![j]! + H[j]![i]!) / 2);
  const solution = noise.normals(n);
  const target = noise.normals(n);
  const λ = new Float64Array(h);
  const problem = quadratic({
    theta: λ,
    spectrum: { mu: 1 / conditionNumber, L: 1 },
    hessian: (θ) => square(n, (i, j) => symmetric[i]![j]! + (i === j ? θ[h === 1 ? 0 : i]! : 0)),
    dHessian: () =>
      Array.from({ length: h }, (_, k) =>
        square(n, (i, j) => (i === j && (h === 1 || i === k) ? 1 : 0)),
      ),
    linear: () => Float64Array.from(symmetric, (row) => float64.dot(row, solution)),
    start: solution.map((value) => value + distance * noise.normal()),
  });
  const dw = float64.subtract(problem.solution.x, target);
  return {
    problem: {
      ...problem,
      outer: (w) => ({
        value: 0,
        dw: float64.subtract(w, target),
        dλ: new Float64Array(h),
      }),
    },
    start: problem.start.x,
    λ,
    step: 2 / (1 + 1 / conditionNumber),
    truth: Float64Array.from(problem.solution.jacobian, (column) => float64.dot(column, dw)),
    budget,
    known: {
      parameters: n,
      hyperparameters: h,
      conditionNumber,
      converged: true,
      stronglyConvex: true,
    },
  };
}

/** `Σ (wᵢ² − 1)²/4 − λwᵢcᵢ`, started near the ridge between its wells and not run to the end. */
function wells(): Omit<Scenario, 'truth'> & { truth: Float64Array } {
  const n = 40;
  const noise = random(5);
  const [c, start, target] = [
    noise.normals(n),
    noise.normals(n).map((value) => 0.1 * value),
    noise.normals(n),
  ];
  return {
    name: 'nonconvex, between wells',
    problem: {
      innerGradient: (w, [λ]) => w.map((x, i) => x * (x * x - 1) - λ! * c[i]!),
      innerHessian: (w) => ({
        apply: (v) => v.map((vi, i) => (3 * w[i]! ** 2 - 1) * vi),
        dispose() {},
      }),
      innerMixed: () => ({
        jvp: ([dλ]) => c.map((value) => -value * dλ!),
        vjp: (u) => Float64Array.of(-float64.dot(c, u)),
      }),
      outer: (w) => ({ value: 0, dw: float64.subtract(w, target), dλ: new Float64Array(1) }),
    },
    start,
    λ: Float64Array.of(0.1),
    step: 0.3,
    truth: new Float64Array(1),
    stopped: 10,
    budget: 20,
    known: { parameters: n, hyperparameters: 1, converged: false, stronglyConvex: false },
  };
}

/** The derivative of the iterate after `stopped` steps, by central differences of order 4. */
async function ofIterate({ problem, start, λ, step, stopped }: Omit<Scenario, 'name'>) {
  const target = problem.outer(new Float64Array(start.length), λ).dw.map((value) => -value);
  const loss = (moved: Float64Array) => {
    let w = start;
    for (let t = 1; t <= stopped!; t++)
      w = float64.axpy(-step, problem.innerGradient(w, moved, t), w);
    const off = float64.subtract(w, target);
    return 0.5 * float64.dot(off, off);
  };
  const h = 1e-4;
  return λ.map((_, j) => {
    const at = (k: number) => loss(λ.map((value, i) => (i === j ? value + k * h : value)));
    return (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h);
  });
}

/** Logistic regression whose steps, and whose Hessian, see 20 of 400 samples. */
function stochastic(): Scenario {
  const [n, p, batch] = [400, 10, 20];
  const noise = random(31);
  const X = Array.from({ length: n }, () => noise.normals(p));
  const direction = noise.normals(p);
  const y = Float64Array.from(X, (row) =>
    float64.dot(row, direction) + noise.normal() > 0 ? 1 : 0,
  );
  const target = noise.normals(p);
  const full = logisticRegression({ X, y, lambda: 0.1 });
  const order = random(32);
  const batches = Array.from({ length: 400 }, () => {
    const rows = Array.from({ length: batch }, () => order.integer(n));
    return logistic(
      rows.map((i) => X[i]!),
      rows.map((i) => y[i]!),
    );
  });
  const dw = float64.subtract(full.solution.x, target);
  const drawn = (offset: number): Scenario => {
    const at = (step = 1) => batches[(step + offset) % batches.length]!;
    return {
      name: 'stochastic, batches of 20',
      problem: {
        innerGradient: (w, λ, step) => at(step).innerGradient(w, λ),
        innerHessian: (w, λ, step) => at(step).innerHessian(w, λ),
        innerMixed: (w, λ, step) => at(step).innerMixed(w, λ),
        outer: (w) => ({ value: 0, dw: float64.subtract(w, target), dλ: new Float64Array(1) }),
      },
      start: new Float64Array(p),
      λ: Float64Array.of(0.1),
      step: 0.1,
      truth: Float64Array.of(float64.dot(full.solution.jacobian[0]!, dw)),
      budget: 400,
      known: {
        parameters: p,
        hyperparameters: 1,
        conditionNumber: full.spectrum.L / full.spectrum.mu,
        converged: true,
        stronglyConvex: true,
        stochastic: true,
      },
    };
  };
  const redrawn = Array.from({ length: 15 }, (_, i) => drawn(25 * (i + 1)));
  return { ...drawn(0), redrawn };
}

const logistic = (X: Float64Array[], y: number[]) =>
  logisticRegression({ X, y: Float64Array.from(y), lambda: 0.1 });

const square = (n: number, f: (i: number, j: number) => number) =>
  Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => f(i, j)));
