import type { Exercise } from '../exercise';
import { norm, randomMatrix, randomVector } from '../linear';

type Vector = Float64Array;
type Gradient = (y: Vector) => Vector;

/** A gradient that counts its evaluations. */
interface CountedGradient extends Gradient {
  evaluations: number;
}

/** What is known of f: its gradient, and a bound of the eigenvalues of its Hessian. */
interface Smooth {
  gradient: Gradient;
  L: number;
}

type Step = (f: Smooth, w: Vector, delta: number, tolerance: number) => Vector;

const plus = (x: Vector, t: number, d: ArrayLike<number>) => x.map((value, i) => value + t * d[i]!);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

function counted(gradient: Gradient): CountedGradient {
  const inner: CountedGradient = Object.assign(
    (y: Vector) => {
      inner.evaluations += 1;
      return gradient(y);
    },
    { evaluations: 0 },
  );
  return inner;
}

/** `y − w + δ∇f(y)`, which is δ∇Φ(y). */
const residual = ({ gradient }: Smooth, w: Vector, delta: number, y: Vector) =>
  plus(plus(y, -1, w), delta, gradient(y));

/** Gradient descent on Φ from `start` until the residual is below the goal. */
function descend(f: Smooth, w: Vector, delta: number, goal: number, start = w): Vector {
  let y = start;
  for (let k = 0; k < 200_000; k++) {
    const r = residual(f, w, delta, y);
    if (norm(r) <= goal) break;
    y = plus(y, -1 / (1 + delta * f.L), r);
  }
  return y;
}

const exact: Step = (f, w, delta, tolerance) => descend(f, w, delta, tolerance);
/** To the last digits, whatever is asked for. */
const precise = (f: Smooth, w: Vector, delta: number) => descend(f, w, delta, 1e-11);

/** √(1 + ‖x − c‖²), straight far away from c. */
const bend = (c: Vector): Smooth => ({
  gradient: counted((x) => {
    const d = plus(x, -1, c);
    return d.map((value) => value / Math.hypot(1, norm(d)));
  }),
  L: 1,
});

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** Logistic regression on a few examples, and a little of ‖x‖². */
function logistic(seed: number, examples: number, n: number): Smooth {
  const A = randomMatrix(seed, examples, n, 1.5);
  return {
    gradient: counted((x) =>
      x.map((value, j) =>
        A.reduce((sum, row) => sum + sigmoid(dot(row, x)) * row[j]!, 0.01 * value),
      ),
    ),
    L: A.reduce((sum, row) => sum + dot(row, row) / 4, 0.01),
  };
}

/** ½ Σ sᵢ xᵢ² − Σ xᵢ. */
const bowl = (...s: number[]): Smooth => ({
  gradient: counted((x) => x.map((value, i) => s[i]! * value - 1)),
  L: Math.max(...s),
});

const most = (delta: number, L: number) => Math.ceil(60 * (1 + delta * L));
const inTolerance = 'is as near as the tolerance asks for';

export const exercise: Exercise<Step> = {
  id: 'step-02',
  lesson: '02',
  title: 'The exact implicit step, from gradients alone',
  difficulty: 3,
  minutes: 30,
  needs: ['02', 'step-01'],
  reference: exact,
  tolerance: 1e-3,
  probes: [
    {
      name: 'bend (√(1 + w²))',
      args: () => [bend(Float64Array.of(0)), Float64Array.of(2), 50, 1e-7],
    },
    {
      name: 'two-dimensional',
      args: () => [bend(Float64Array.of(1, -2)), Float64Array.of(9, 4), 7, 3e-6],
    },
    {
      name: 'logistic',
      args: () => [logistic(31, 5, 3), Float64Array.of(2, -1, 1), 4, 1e-6],
    },
    {
      name: 'short step on a bowl',
      args: () => [
        // Flat in one direction: there the residual is the distance, and nothing is to be gained.
        bowl(0, 1, 2, 3),
        Float64Array.of(2, -1, 1, 3),
        0.2,
        1e-5,
      ],
    },
  ],
  fresh: (seed) => [bend(randomVector(seed, 2)), randomVector(seed + 1, 2, 4), 7, 3e-6],
  properties: [
    {
      name: inTolerance,
      complaint({ args: [f, w, delta, tolerance], result, probe }) {
        const away = norm(plus(result, -1, precise(f, w, delta)));
        return away > 1.001 * tolerance
          ? `On the ${probe} probe your $w^+$ is at a distance of ${away.toPrecision(2)} from the solution, and ${tolerance.toPrecision(2)} was asked for.`
          : undefined;
      },
    },
    {
      name: 'evaluates few gradients',
      async complaint({ args: [f, w, delta, tolerance], probe, answer }) {
        const fresh = counted(f.gradient);
        await answer({ ...f, gradient: fresh }, w, delta, tolerance);
        const limit = most(delta, f.L);
        return fresh.evaluations > limit
          ? `On the ${probe} probe the gradient was evaluated ${fresh.evaluations} times; the task allows $60\\,(1 + \\delta L) = ${limit}$.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the explicit step',
      answer: ({ gradient }, w, delta) => plus(w, -delta, gradient(w)),
      diagnosis:
        'This is $w - \\delta\\nabla f(w)$, with the slope at the beginning of the step. The implicit step takes it at its end.',
    },
    {
      name: 'one step of the iteration',
      answer: (f, w, delta) => plus(w, -1 / (1 + delta * f.L), residual(f, w, delta, w)),
      diagnosis:
        'This is a single gradient step on $\\Phi$, from $w$. It goes the right way; go on until the equation holds.',
    },
    {
      name: 'the minimum of f',
      answer: (f, w, delta) => precise(f, w, delta * 1000),
      diagnosis:
        'Your iteration has gone (nearly) to the minimum of $f$. In $\\Phi$ the term $\\frac1{2\\delta}\\lVert y - w\\rVert^2$ keeps $y$ near the *start* of the step; $w$ must not move along with $y$.',
    },
    {
      name: 'the sign of the gradient',
      answer: ({ gradient, L }, w, delta) => {
        let y = w;
        for (let k = 0; k < 40; k++)
          y = plus(y, -1 / (1 + delta * L), plus(plus(y, -1, w), -delta, gradient(y)));
        return y;
      },
      diagnosis:
        'The slope has the wrong sign: $y - w - \\delta\\nabla f(y)$ vanishes where a step *up* the hill ends. The equation is $y - w + \\delta\\nabla f(y) = 0$.',
    },
    {
      name: 'δ is missing',
      answer: (f, w) => precise(f, w, 1),
      diagnosis: 'Your $w^+$ solves the equation for $\\delta = 1$, whatever $\\delta$ is.',
    },
    {
      name: 'the factor ½ of the distance',
      answer: (f, w, delta) => precise(f, w, delta / 2),
      diagnosis:
        'This is the step for $\\delta/2$, as it comes out without the ½ in front of the squared distance: the derivative of the square brings a 2 down.',
    },
    {
      name: 'δ upside down',
      answer: (f, w, delta) => precise(f, w, 1 / delta),
      diagnosis:
        'This is the step for $1/\\delta$. A large rate has to mean a *weak* pull towards $w$.',
    },
    {
      name: 'two implicit steps',
      answer: (f, w, delta) => precise(f, precise(f, w, delta), delta),
      diagnosis:
        'The result is that of a second step, begun where the first one ended. In $y - w + \\delta\\nabla f(y)$ only $y$ changes from one iteration to the next.',
    },
    {
      name: 'stopped by the movement, or by the gradient of Φ',
      answer(f, w, delta, tolerance) {
        let y = w;
        for (;;) {
          const next = plus(y, -1 / (1 + delta * f.L), residual(f, w, delta, y));
          const moved = norm(plus(next, -1, y));
          y = next;
          if (moved <= tolerance) return y;
        }
      },
      diagnosis:
        'The iteration stops too early. If it stops because the last iterates are nearer to each other than the tolerance: slow iterations move little, and are still far away. If it stops at $\\lVert\\nabla\\Phi(y)\\rVert \\le \\texttt{tolerance}$: the curvature of $\\Phi$ may be no more than $1/\\delta$, so that the error can be $\\delta$ times that gradient. What bounds $\\lVert y - w^+\\rVert$ itself?',
      caughtBy: inTolerance,
    },
    {
      name: 'small steps',
      answer: (f, w, delta, tolerance) => {
        let y = w;
        for (let k = 0; k < 500_000; k++) {
          const r = residual(f, w, delta, y);
          if (norm(r) <= tolerance) break;
          y = plus(y, -0.01 / (1 + delta * f.L), r);
        }
        return y;
      },
      diagnosis:
        'The numbers are right, and your steps on $\\Phi$ are far shorter than they have to be. Its curvature is at most $L + 1/\\delta$, which allows a rate of $1/(L + 1/\\delta)$.',
      caughtBy: 'evaluates few gradients',
    },
  ],
  alternatives: [
    {
      name: "by Nesterov's method on Φ",
      answer(f, w, delta, tolerance) {
        const root = Math.sqrt(1 + delta * f.L);
        const beta = (root - 1) / (root + 1);
        let [y, before] = [w, w];
        for (let k = 0; k < 100_000; k++) {
          const ahead = plus(y, beta, plus(y, -1, before));
          const r = residual(f, w, delta, ahead);
          if (norm(r) <= tolerance) return Array.from(ahead);
          before = y;
          y = plus(ahead, -1 / (1 + delta * f.L), r);
        }
        throw new Error('not reached');
      },
    },
    {
      name: 'as a fixed point, averaged',
      answer(f, w, delta, tolerance) {
        const share = 1 / (1 + delta * f.L);
        let y = w;
        for (let k = 0; k < 100_000; k++) {
          const image = plus(w, -delta, f.gradient(y));
          if (norm(plus(image, -1, y)) <= 0.5 * tolerance) break;
          y = y.map((value, i) => (1 - share) * value + share * image[i]!);
        }
        return y;
      },
    },
    {
      name: 'by the steepest rate that is safe, asynchronously',
      async answer(f, w, delta, tolerance) {
        const rate = 2 / (2 / delta + f.L);
        let y = w;
        for (;;) {
          const slope = f.gradient(y).map((g, i) => g + (y[i]! - w[i]!) / delta);
          if (delta * norm(slope) <= tolerance) return y;
          y = plus(y, -rate, slope);
        }
      },
    },
  ],
  hints: [
    '$w^+$ is the minimum of $\\Phi(y) = f(y) + \\frac1{2\\delta}\\lVert y - w\\rVert^2$. Without a Hessian, walk downhill on $\\Phi$. Between which bounds do the curvatures of $\\Phi$ lie if those of $f$ lie between 0 and $L$?',
    'With $r(y) = y - w + \\delta\\nabla f(y) = \\delta\\nabla\\Phi(y)$: the curvature of $\\Phi$ is at most $L + 1/\\delta$, so $y \\leftarrow y - r(y)/(1 + \\delta L)$ is a safe step. And it is at least $1/\\delta$, so that $\\lVert y - w^+\\rVert \\le \\lVert r(y)\\rVert$: a bound of the error that can be computed.',
    'Nearly the code:\n```ts\nlet y = w;\nfor (;;) {\n  const g = gradient(y);\n  const r = // what is left of the equation\n  if (/* r promises the accuracy */) return y;\n  y = y.map((value, i) => value - r[i] / (1 + delta * L));\n}\n```',
  ],
};
