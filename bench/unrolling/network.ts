import { adam, gradientDescent, heavyBall, type Method } from '../../lib/methods';
import { random } from '../../lib/numbers';
import type { InnerDerivatives } from '../../lib/problems';
import { cg } from '../../lib/solvers';
import { float64 } from '../../lib/spaces';
import { unroll } from '../../lib/unrolling';
import { digits } from './problems';
import { printTable } from './table';

const FEATURES = 50;
const HIDDEN = 4;
const LAMBDA = 0.04;
/** Steps after which each of the methods is so near a minimum that Newton's method goes there. */
const ENOUGH = 1500;
const SAMPLES = 200;

/** The methods that the network is trained by; no bounds of its curvature are known. */
export const networkMethods: [string, Method][] = [
  ['GD 0.5', gradientDescent(0.5)],
  ['momentum 0.1', heavyBall({ step: 0.1, momentum: 0.9 })],
  ['Adam, ε 0.01', adam(0.02, { epsilon: 1e-2 })],
  ['Adam, ε 1e-4', adam(0.02, { epsilon: 1e-4 })],
];

/** Does the burn-in appear beyond quadratics? A network on digits, by the size of its first weights. */
export async function networkTable(): Promise<void> {
  for (const scale of [0.1, 1]) {
    const rows = [];
    for (const [name, method] of networkMethods) {
      const { iterate, jacobian } = await networkErrors(method, scale);
      const highest = Math.max(...jacobian);
      rows.push({
        method: name,
        'peak of ∂w': highest,
        'at step': jacobian.indexOf(highest),
        'risen until': jacobian.findLastIndex((error) => error > 1 + 1e-9) + 1,
        '∂w at 100': jacobian[100]!,
        '∂w at 1000': jacobian[1000]!,
        'w at 100': iterate[100]!,
        'w at 1000': iterate[1000]!,
      });
    }
    printTable(
      `A tanh network ${FEATURES}-${HIDDEN}-1 on ${SAMPLES} digits 3 and 8, λ = ${LAMBDA}, first weights of size ${scale}`,
      'Errors to the minimum that the method itself comes to, by the first ones. Above 1 the unrolled Jacobian is worse than 0.',
      rows,
    );
  }
}

/** The errors of weights and Jacobian by step, by the first ones. */
export async function networkErrors(method: Method, scale: number) {
  const { problem, start } = network(scale);
  const theta = Float64Array.of(LAMBDA);
  const zeros = float64.zeros(start);
  const unknown = { x: zeros, jacobian: [zeros] };
  const { iterates, jacobians } = unroll(
    method,
    {
      ...problem,
      theta,
      start: { x: start, jacobian: [zeros] },
      solution: unknown,
      spectrum: { mu: 1, L: 1 },
    },
    { steps: ENOUGH },
  );
  const { x, jacobian } = await minimum(problem, iterates[ENOUGH]!, theta);
  const relative = (vectors: Float64Array[], to: Float64Array) => {
    const errors = vectors.map((vector) => Math.hypot(...float64.subtract(vector, to)));
    return errors.map((error) => error / errors[0]!);
  };
  return {
    iterate: relative(iterates, x),
    jacobian: relative(
      jacobians.map(([column]) => column!),
      jacobian,
    ),
  };
}

/** The minimum next to w by Newton's method, and its Jacobian `−H⁻¹w`. */
async function minimum(problem: InnerDerivatives, w: Float64Array, theta: Float64Array) {
  const solver = cg({ tolerance: 1e-13, maxIterations: 5000 });
  const solve = async (at: Float64Array, b: Float64Array) => {
    const { value, status } = await solver.solve(problem.innerHessian(at, theta), b);
    if (status === 'negative-curvature') throw new Error('The method has not come to a minimum.');
    return value;
  };
  let x = w;
  for (let i = 0; i < 5; i++) {
    x = float64.subtract(x, await solve(x, problem.innerGradient(x, theta)));
  }
  const size = Math.hypot(...problem.innerGradient(x, theta));
  if (!(size < 1e-12)) throw new Error(`Newton's method ended at a gradient of ${size}.`);
  return { x, jacobian: (await solve(x, x)).map((value) => -value) };
}

/**
 * `Σ log(1 + exp(−sᵢzᵢ))/n + λ‖w‖²/2` with `z = tanh(X W₁) w₂`, and its second derivatives by hand:
 * forwards and back again, the first time for the gradient, the second time for a product with H.
 */
export function network(scale: number): { problem: InnerDerivatives; start: Float64Array } {
  const { X, labels } = digits(SAMPLES, 1);
  const n = X.length;
  const noise = random(9);
  const start = Float64Array.from(
    noise.normals(FEATURES * HIDDEN + HIDDEN),
    (value, i) => (value * scale) / Math.sqrt(i < FEATURES * HIDDEN ? FEATURES / 10 : HIDDEN),
  );
  const out = FEATURES * HIDDEN;

  /** For each sample: hidden values a, slope `p − y` and curvature `p(1 − p)` of the loss. */
  function forwards(w: Float64Array) {
    return X.map((row, i) => {
      const a = new Float64Array(HIDDEN);
      let z = 0;
      for (let j = 0; j < HIDDEN; j++) {
        let sum = 0;
        for (let k = 0; k < FEATURES; k++) sum += row[k]! * w[k * HIDDEN + j]!;
        a[j] = Math.tanh(sum);
        z += a[j]! * w[out + j]!;
      }
      const p = 1 / (1 + Math.exp(-z));
      return { a, slope: (p - labels[i]!) / n, curvature: (p * (1 - p)) / n };
    });
  }

  return {
    start,
    problem: {
      innerGradient(w, [λ]) {
        const gradient = w.map((value) => λ! * value);
        forwards(w).forEach(({ a, slope }, i) => {
          for (let j = 0; j < HIDDEN; j++) {
            gradient[out + j]! += slope * a[j]!;
            const back = slope * w[out + j]! * (1 - a[j]! ** 2);
            for (let k = 0; k < FEATURES; k++) gradient[k * HIDDEN + j]! += back * X[i]![k]!;
          }
        });
        return gradient;
      },
      innerHessian(w, [λ]) {
        const states = forwards(w);
        return {
          apply(v) {
            const product = v.map((value) => λ! * value);
            states.forEach(({ a, slope, curvature }, i) => {
              const row = X[i]!;
              const da = new Float64Array(HIDDEN);
              let dz = 0;
              for (let j = 0; j < HIDDEN; j++) {
                let sum = 0;
                for (let k = 0; k < FEATURES; k++) sum += row[k]! * v[k * HIDDEN + j]!;
                da[j] = (1 - a[j]! ** 2) * sum;
                dz += da[j]! * w[out + j]! + a[j]! * v[out + j]!;
              }
              const dslope = curvature * dz;
              for (let j = 0; j < HIDDEN; j++) {
                const [aj, wj] = [a[j]!, w[out + j]!];
                product[out + j]! += dslope * aj + slope * da[j]!;
                const back =
                  (dslope * wj + slope * v[out + j]!) * (1 - aj ** 2) -
                  2 * slope * wj * aj * da[j]!;
                for (let k = 0; k < FEATURES; k++) product[k * HIDDEN + j]! += back * row[k]!;
              }
            });
            return product;
          },
          dispose() {},
        };
      },
      innerMixed: (w) => ({
        jvp: ([dλ]) => w.map((value) => value * dλ!),
        vjp: (u) => Float64Array.of(float64.dot(w, u)),
      }),
    },
  };
}
