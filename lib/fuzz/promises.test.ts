import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as il from '..';
import { eigen, factorize, multiply, multiplyTransposed, type Random, random } from '../numbers';

/** How many seeds each promise is tried with. */
const SEEDS = process.env.FULL ? 200 : 12;
// These seeds take minutes on a busy machine.
if (process.env.FULL) vi.setConfig({ testTimeout: 600_000 });

const compared = { count: 0 };

/** Compares numbers with exact ones, within a part of their size. */
function near(found: ArrayLike<number>, exact: ArrayLike<number>, tolerance = 1e-8): void {
  compared.count += exact.length;
  const size = Math.max(1e-300, ...Array.from(exact, Math.abs));
  expect(found.length).toBe(exact.length);
  for (let i = 0; i < exact.length; i++) {
    expect(Math.abs(found[i]! - exact[i]!) / size).toBeLessThanOrEqual(tolerance);
  }
}

type Matrix = Float64Array[];
const square = (n: number, f: (i: number, j: number) => number): Matrix =>
  Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => f(i, j)));
const rowsOf = (r: Random, n: number, m: number): Matrix =>
  Array.from({ length: n }, () => r.normals(m));
const times = (A: Matrix, B: Matrix): Matrix => A.map((row) => multiplyTransposed(B, row));
const transposed = (A: Matrix): Matrix =>
  Array.from(A[0]!, (_, j) => Float64Array.from(A, (row) => row[j]!));
const exactly = (A: Matrix, b: Float64Array) =>
  factorize({ size: b.length, entries: Float64Array.from(A.flatMap((row) => [...row])) }, 1e-16)(b);
const plus = (A: Matrix, τ: number) => A.map((row, i) => row.map((a, j) => (i === j ? a + τ : a)));
const operator = (A: Matrix): il.LinearOperator<Float64Array> => ({
  apply: (v) => multiply(A, v),
  transpose: (v) => multiplyTransposed(A, v),
  dispose() {},
});

/** Symmetric matrices of a size, positive definite with eigenvalues from 1, and others. */
function matrices(seed: number) {
  const r = random(seed);
  const n = 2 + r.integer(6);
  const R = rowsOf(r, n, n);
  const spd = plus(times(R, transposed(R)), 1);
  const { vectors } = eigen(spd);
  const signs = r.normals(n).map((x) => Math.sign(x) * (1 + Math.abs(x)));
  const indefinite = square(n, (i, j) =>
    vectors.reduce((sum, v, k) => sum + signs[k]! * v[i]! * v[j]!, 0),
  );
  const any = plus(R, 3 * n);
  return { r, n, spd, indefinite, any, b: r.normals(n), x0: r.normals(n) };
}

const seeds = Array.from({ length: SEEDS }, (_, seed) => seed + 1);
const float = (x: tf.Tensor) => [...x.dataSync()];

beforeAll(async () => {
  await il.useBackend('cpu');
});
afterAll(() => tf.disposeVariables());

describe('solvers', () => {
  const tight = { tolerance: 1e-12, maxIterations: 500 };
  const solvers: [string, (more: object) => il.LinearSolver, ('spd' | 'indefinite' | 'any')[]][] = [
    ['cg', (more) => il.cg({ ...tight, ...more }), ['spd']],
    ['cg by energy', (more) => il.cg({ ...tight, best: 'energy', ...more }), ['spd']],
    ['minres', (more) => il.minres({ ...tight, ...more }), ['spd', 'indefinite']],
    ['gmres', (more) => il.gmres({ ...tight, ...more }), ['spd', 'indefinite', 'any']],
    ['dense', (more) => il.dense({ tolerance: 1e-10, ...more }), ['spd', 'indefinite', 'any']],
    ['cgNormal', (more) => il.cgNormal({ ...tight, tolerance: 1e-10, ...more }), ['spd', 'any']],
  ];

  it.each(solvers)(
    '%s solves, with damping and from a start, in every way',
    async (_, make, kinds) => {
      for (const seed of seeds) {
        const all = matrices(seed);
        for (const kind of kinds) {
          const [A, b] = [operator(all[kind]), all.b];
          const plain = await make({}).solve(A, b);
          expect(plain.status).toBe('converged');
          near(plain.value, exactly(all[kind], b), 1e-6);
          const left = il.float64.subtract(b, multiply(all[kind], plain.value));
          near([plain.residualNorm + 1], [il.float64.norm(left) + 1], 1e-12);
          if (kind === 'spd') {
            const τ = 0.5 + seed;
            near(make({ damping: τ }).solveSync(A, b).value, exactly(plus(all.spd, τ), b), 1e-6);
          }
          near(make({}).solveDeferred(A, b, { start: all.x0 }).value, exactly(all[kind], b), 1e-6);
        }
      }
    },
  );

  it('K terms of neumann are α Σ (I − αA)ᵏ b, and K of fixedPoint Σ Mᵏ b', () => {
    for (const seed of seeds) {
      const { spd, any, b, n } = matrices(seed);
      const L = eigen(spd).values[n - 1]!;
      const K = 1 + (seed % 6);
      const α = 1 / L;
      let v = new Float64Array(n);
      for (let k = 0; k < K; k++) {
        v = il.float64.axpy(α, il.float64.subtract(b, multiply(spd, v)), v) as typeof v;
      }
      const A = operator(spd);
      near(il.neumann({ terms: K, scale: α }).solveSync(A, b).value, v, 1e-10);
      // Any M, also one of which the sum grows.
      let sum = new Float64Array(n);
      const M = any.map((row) => row.map((a) => a / (4 * n)));
      for (let k = 0; k < K; k++) sum = il.float64.axpy(1, multiply(M, sum), b) as typeof sum;
      const rest = il.identityMinus(operator(M));
      const options = { maxIterations: K, tolerance: 0 };
      near(il.fixedPoint(options).solveSync(rest, b).value, sum, 1e-10);
    }
  });

  it('woodbury, solveMany, nystrom, eigenvalues and trace are exact where they say so', async () => {
    for (const seed of seeds) {
      const { r, n, spd, b } = matrices(seed);
      const J = rowsOf(r, 2, n);
      const parts = {
        diagonal: 0.5,
        jvp: (v: Float64Array) => multiply(J, v),
        vjp: (u: Float64Array) => multiplyTransposed(J, u),
        middle: (u: Float64Array) => Float64Array.of(2 * u[0]!, -0.01 * u[1]!),
        outputs: new Float64Array(2),
      };
      const low = square(n, (i, j) => {
        const [a, c] = J as [Float64Array, Float64Array];
        return (i === j ? 0.5 : 0) + 2 * a[i]! * a[j]! - 0.01 * c[i]! * c[j]!;
      });
      const A = il.lowRank(parts);
      near(A.apply(b), multiply(low, b), 1e-12);
      near(il.woodbury().solveSync(A, b).value, exactly(low, b), 1e-8);
      near(il.woodbury({ damping: 1 }).solveSync(A, b).value, exactly(plus(low, 1), b), 1e-8);
      const bs = [b, r.normals(n), r.normals(n)];
      for (const solver of [
        il.cg({ tolerance: 1e-12 }),
        il.dense(),
        il.gmres({ tolerance: 1e-12 }),
      ]) {
        const many = await il.solveMany(operator(spd), bs, { solver });
        for (const [i, { value }] of many.entries()) near(value, exactly(spd, bs[i]!), 1e-7);
      }
      // Of full rank it is the inverse itself.
      const M = await il.nystrom(operator(spd), b, { rank: n, damping: 0.3, seed });
      near(M.apply(b), exactly(plus(spd, 0.3), b), 1e-6);
      const { values } = eigen(spd);
      const top = await il.eigenvalues(operator(spd), { largest: 2, like: b });
      near(top.values, [values[n - 1]!, values[n - 2]!], 1e-7);
      const low2 = await il.eigenvalues(operator(spd), { smallest: 1, like: b });
      near(low2.values, [values[0]!], 1e-6 * (values[n - 1]! / values[0]!));
      const diagonal = spd.reduce((sum, row, i) => sum + row[i]!, 0);
      const exact = await il.trace(operator(spd), { probes: n, like: b });
      near([exact.value, exact.standardError + 1], [diagonal, 1], 1e-12);
    }
  });
});

describe('constraints', () => {
  it('project to the nearest point', () => {
    for (const seed of seeds) {
      const r = random(seed);
      const x = r.normals(5).map((v) => 2 * v);
      near(
        il.box({ lower: -1, upper: 0.5 }).project(x),
        x.map((v) => Math.min(0.5, Math.max(-1, v))),
      );
      const length = il.float64.norm(x);
      const radius = 0.1 + r.uniform();
      const shrink = Math.min(1, radius / length);
      near(
        il.ball({ radius }).project(x),
        x.map((v) => shrink * v),
        1e-12,
      );
      const total = 0.5 + r.uniform();
      let [low, high] = [Math.min(...x) - total, Math.max(...x)];
      for (let k = 0; k < 200; k++) {
        const middle = (low + high) / 2;
        if (x.reduce((sum, v) => sum + Math.max(0, v - middle), 0) > total) low = middle;
        else high = middle;
      }
      near(
        il.simplex({ total }).project(x),
        x.map((v) => Math.max(0, v - low)),
        1e-10,
      );
    }
  });
});

describe('steps of optimizers', () => {
  /** ½ wᵀAw − bᵀw of float32 variables. */
  function bowl(seed: number) {
    const { spd, b, x0, n } = matrices(seed);
    const A = tf.tensor2d(spd.map((row) => [...row]));
    const w = tf.variable(tf.tensor2d([...x0], [n, 1]));
    const c = tf.tensor2d([...b], [n, 1]);
    const loss = () =>
      tf.tidy(() => {
        const z = il.markOutput(w);
        const bent = tf.sum(tf.mul(z, tf.matMul(A, z as tf.Tensor2D)));
        return tf.sub(tf.mul(0.5, bent), tf.sum(tf.mul(c, z))) as tf.Scalar;
      });
    const g = il.float64.subtract(multiply(spd, x0), b);
    return { spd, b, x0, n, w, loss, g };
  }
  const solver = () => il.cg({ tolerance: 1e-6, maxIterations: 200 });

  it.each(['hessian', 'gauss-newton'] as const)(
    'implicitSGD: (I + δH) s = g, %s',
    async (curvature) => {
      for (const seed of seeds) {
        const { spd, x0, w, loss, g } = bowl(seed);
        const δ = 0.01 * 10 ** (seed % 4);
        await il.implicitSGD(δ, { curvature, solver: solver() }).step(loss, [w]);
        const s = exactly(
          plus(
            spd.map((row) => row.map((a) => δ * a)),
            1,
          ),
          g,
        );
        near(float(w), il.float64.axpy(-δ, s, x0), 2e-4);
      }
    },
  );

  it('exact steps: x⁺ + δ∇F(x⁺) = x; clipped steps: g of at most a norm, or a value', async () => {
    for (const seed of seeds) {
      const { spd, b, x0, w, loss, n } = bowl(seed);
      const δ = 10 ** ((seed % 3) - 1);
      await il.implicitSGD(δ, { exact: true, solver: solver() }).step(loss, [w]);
      const after = Float64Array.from(float(w));
      const gradient = il.float64.subtract(multiply(spd, after), b);
      near(il.float64.axpy(δ, gradient, after), x0, 1e-3 * (1 + δ * il.float64.norm(gradient)));
      for (const clipped of ['clipNorm', 'clipValue'] as const) {
        const one = bowl(seed);
        const limit = 0.3 * il.float64.norm(one.g);
        const optimizer = il.implicitSGD(δ, { [clipped]: limit, solver: solver() });
        await optimizer.step(one.loss, [one.w]);
        const g =
          clipped === 'clipNorm'
            ? one.g.map((v) => 0.3 * v)
            : one.g.map((v) => Math.max(-limit, Math.min(limit, v)));
        const s = exactly(
          plus(
            spd.map((row) => row.map((a) => δ * a)),
            1,
          ),
          g,
        );
        near(float(one.w), il.float64.axpy(-δ, s, x0), 5e-4);
      }
      expect(n).toBe(x0.length);
    }
  });

  it('schedules and rates as functions: the step size is their product', async () => {
    const T = 5;
    const schedules: [il.ImplicitSgdOptions['schedule'], (t: number) => number][] = [
      [il.warmUp(T), (t) => Math.min(1, (t + 1) / T)],
      [il.cosine(T, 0.1), (t) => 0.1 + (0.9 * (1 + Math.cos((Math.PI * Math.min(t, T)) / T))) / 2],
      [il.inverseTime(0.3), (t) => 1 / (1 + 0.3 * t)],
      [il.drops([2, 5], 0.4), (t) => 0.4 ** [2, 5].filter((at) => t >= at).length],
      [(t) => 1 + t, (t) => 1 + t],
    ];
    const w = tf.variable(tf.scalar(1));
    for (const [schedule, factor] of schedules) {
      const optimizer = il.implicitSGD((t) => 0.1 + t, { ...(schedule && { schedule }) });
      for (let t = 0; t < 8; t++) {
        const { stepSize } = await optimizer.step(() => tf.square(w) as tf.Scalar, [w]);
        near([stepSize], [(0.1 + t) * factor(t)], 1e-12);
      }
    }
  });
});

describe('derivatives', () => {
  it('of a bilevel quadratic: implicit, and through many steps, are the exact one', async () => {
    for (const seed of seeds) {
      const problem = il.bilevelQuadratic({
        eigenvalues: [1, 2, 4],
        hyperparameters: 2,
        outerPenalty: 1,
        seed,
      });
      const λ = random(seed)
        .normals(2)
        .map((x) => 0.5 + Math.abs(x));
      const w = problem.solution(λ);
      const exact = problem.hypergradient(λ);
      const how = il.implicit({ solver: il.cg({ tolerance: 1e-12 }), estimate: false });
      near((await il.hypergradient(problem, w, λ, how)).value, exact, 1e-8);
      for (const mode of ['reverse', 'forward'] as const) {
        const { mu, L } = { mu: 0.5, L: 20 };
        const method = il.gradientDescent(2 / (mu + L));
        const steps = il.unrolled<Float64Array>({ method, steps: 1500, mode });
        near(
          (await il.hypergradient(problem, new Float64Array(w.length), λ, steps)).value,
          exact,
          1e-6,
        );
      }
    }
  });

  it('of a solution: argmin and attach of a linear system, in θ and its matrix', async () => {
    for (const seed of seeds) {
      const { spd, b, r, n } = matrices(seed);
      const c = r.normals(n);
      const A = tf.tensor2d(spd.map((row) => [...row]));
      const optimality = (x: tf.Tensor, θ: tf.Tensor) => tf.sub(tf.matMul(A, x as tf.Tensor2D), θ);
      const exact = exactly(spd, c);
      const solve = (θ: tf.Tensor) =>
        tf.tensor2d([...exactly(spd, Float64Array.from(float(θ)))], [n, 1]);
      for (const solver of [il.cg(), il.minres(), il.gmres()]) {
        const x = il.argmin(solve, optimality, { solver });
        const along = tf.tensor2d([...c], [n, 1]);
        const g = tf.grad((θ) => tf.sum(tf.mul(along, x(θ))))(tf.tensor2d([...b], [n, 1]));
        near(float(g), exact, 1e-3);
      }
    }
  });

  it('K iterations of fixedPoint in argmin are K terms of its series', () => {
    for (const seed of seeds) {
      const { any, r, n } = matrices(seed);
      const M = any.map((row) => row.map((a) => a / (5 * n)));
      const c = r.normals(n);
      const K = 1 + (seed % 4);
      let terms = new Float64Array(n);
      for (let k = 0; k < K; k++) {
        terms = il.float64.axpy(1, multiplyTransposed(M, terms), c) as typeof terms;
      }
      const Mt = tf.tensor2d(M.map((row) => [...row]));
      const z = il.argmin(
        (θ: tf.Tensor) => tf.zerosLike(θ),
        (z: tf.Tensor, θ: tf.Tensor) => tf.sub(z, tf.add(tf.matMul(Mt, z as tf.Tensor2D), θ)),
        { solver: il.fixedPoint({ maxIterations: K, tolerance: 0 }) },
      );
      const along = tf.tensor2d([...c], [n, 1]);
      const g = tf.grad((θ) => tf.sum(tf.mul(along, z(θ))))(tf.ones([n, 1]));
      near(float(g), terms, 1e-4);
    }
  });

  it('the residual polynomial of a method is what its steps multiply an error by', () => {
    for (const seed of seeds) {
      const r = random(seed);
      const [mu, L] = [0.5, 4 + r.uniform()];
      const s = mu + (L - mu) * r.uniform();
      const methods = [
        il.gradientDescent(1 / L),
        il.heavyBall({ step: 0.9 / L, momentum: 0.4 }),
        il.nesterov({ step: 1 / L, momentum: 0.3 }),
        il.chebyshev(),
      ];
      const one = il.quadratic({
        theta: Float64Array.of(0),
        hessian: () => [Float64Array.of(s)],
        linear: () => Float64Array.of(0),
        start: Float64Array.of(1),
        spectrum: { mu, L },
      });
      for (const method of methods) {
        for (const t of [1, 2, 5]) {
          const polynomial = il.residualPolynomial(method, { mu, L }, t);
          const { iterates } = il.unroll(method, one, { steps: t });
          near([polynomial(s).value], iterates[t]!, 1e-9);
        }
      }
    }
  });
});

describe('differential equations', () => {
  it('each step of an Euler method is the root of its equation, on a linear system', () => {
    for (const seed of seeds) {
      const { spd, x0 } = matrices(seed);
      const f = (y: Float64Array) => multiply(spd, y).map((v) => -v);
      const h = 0.02;
      let [implicitly, explicitly] = [x0, x0];
      for (let k = 0; k < 5; k++) {
        implicitly = exactly(
          plus(
            spd.map((row) => row.map((a) => h * a)),
            1,
          ),
          implicitly,
        );
        explicitly = il.float64.axpy(h, f(explicitly), explicitly);
      }
      const options = { to: 5 * h, step: h };
      near(il.finalState(il.backwardEuler(f, x0, options)), implicitly, 1e-7);
      near(il.finalState(il.forwardEuler(f, x0, options)), explicitly, 1e-12);
      const { values, vectors } = eigen(spd);
      const exact = new Float64Array(x0.length);
      for (const [k, v] of vectors.entries()) {
        const share = Math.exp(-values[k]!) * il.float64.dot(v, x0);
        for (let i = 0; i < exact.length; i++) exact[i]! += share * v[i]!;
      }
      const tight = { to: 1, relative: 1e-9, absolute: 1e-12 };
      near(il.finalState(il.radau(f, x0, tight)), exact, 1e-6);
    }
  });
});

it('are at least 1,500 comparisons', () => {
  expect(compared.count).toBeGreaterThan(1500);
});
