import { random } from 'implicit-lab';
import type { Exercise } from '../exercise';
import { solveDense } from '../linear';

/** What is known of the example: `y`, `xᵀw` and `‖x‖²`. */
interface Example {
  y: number;
  eta: number;
  squared: number;
}

interface Rates {
  /** δ. */
  delta: number;
  /** λ, of the penalty ½ λ ‖w‖². */
  lambda: number;
}

/** `w⁺ = keep · w + push · x`. */
interface Step {
  keep: number;
  push: number;
}

type ImplicitStep = (example: Example, rates: Rates) => Step;

const reference: ImplicitStep = ({ y, eta, squared }, { delta, lambda }) => {
  const keep = 1 / (1 + delta * lambda);
  const xi = (delta * (y - keep * eta)) / (1 + delta * keep * squared);
  return { keep, push: keep * xi };
};

/** The step without the penalty, as in the lesson. */
const plain = ({ y, eta, squared }: Example, delta: number) =>
  (delta * (y - eta)) / (1 + delta * squared);

const probe = (name: string, example: Example, rates: Rates) => ({
  name,
  args: (): Parameters<ImplicitStep> => [{ ...example }, { ...rates }],
});

export const exercise: Exercise<ImplicitStep> = {
  id: 'glm-01',
  lesson: '03',
  title: 'Implicit least squares with a penalty, in closed form',
  difficulty: 1,
  minutes: 15,
  needs: ['03'],
  reference,
  probes: [
    probe('ordinary', { y: 1.7, eta: -0.6, squared: 3.1 }, { delta: 0.3, lambda: 0.5 }),
    probe('large rate', { y: -0.4, eta: 2, squared: 0.7 }, { delta: 1000, lambda: 0.02 }),
    probe('strong penalty', { y: 2, eta: 0.9, squared: 12 }, { delta: 0.05, lambda: 30 }),
    probe('no penalty', { y: 1, eta: 0.3, squared: 5 }, { delta: 2, lambda: 0 }),
    probe('zero features', { y: 3, eta: 0, squared: 0 }, { delta: 5, lambda: 0.1 }),
  ],
  fresh: (seed) => {
    const { normal, uniform } = random(seed);
    const example = { y: normal(), eta: normal(), squared: 0.5 + 4 * uniform() };
    return [example, { delta: 0.1 + 2 * uniform(), lambda: 0.1 + uniform() }];
  },
  properties: [
    {
      name: 'takes the residual at the end of the step',
      complaint({ args: [{ y, eta, squared }, { delta, lambda }], result: { keep, push } }) {
        const after = y - (keep * eta + push * squared);
        const wanted = push / delta + lambda * push;
        return Math.abs(after - wanted) > 1e-6 * (1 + Math.abs(y) + Math.abs(eta))
          ? `After your step the residual is $y - x^\\top w^+ = ${after.toPrecision(4)}$. In $w^+ = w + \\delta\\,\\big((y - x^\\top w^+)\\,x - \\lambda w^+\\big)$ the terms along $x$ ask for ${wanted.toPrecision(4)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'an explicit step',
      answer: ({ y, eta }, { delta, lambda }) => ({
        keep: 1 - delta * lambda,
        push: delta * (y - eta),
      }),
      diagnosis:
        'This is plain SGD: residual and penalty are taken at $w$. Both have to be those at $w^+$.',
    },
    {
      name: 'the penalty is forgotten',
      answer: (example, { delta }) => ({ keep: 1, push: plain(example, delta) }),
      diagnosis:
        'This is the step of the lesson, without $\\lambda$. The penalty pulls all of $w$ towards 0.',
    },
    {
      name: 'the penalty without its half',
      answer: (example, { delta, lambda }) =>
        exercise.reference(example, { delta, lambda: 2 * lambda }),
      diagnosis:
        'Your numbers are right for $2\\lambda$. The penalty is $\\tfrac12\\lambda\\lVert w \\rVert^2$, with the gradient $\\lambda w$.',
    },
    {
      name: 'the penalty only shrinks w',
      answer: (example, { delta, lambda }) => ({
        keep: 1 / (1 + delta * lambda),
        push: plain(example, delta),
      }),
      diagnosis:
        '`keep` is right, and `push` is the one without a penalty. The penalty acts on the whole of $w^+$, also on its new part along $x$, and on the residual.',
    },
    {
      name: 'the penalty after the step',
      answer: (example, { delta, lambda }) => {
        const keep = 1 / (1 + delta * lambda);
        return { keep, push: keep * plain(example, delta) };
      },
      diagnosis:
        'First the step without the penalty, then the shrinking: two half steps, each of them implicit. The residual in the first does not know of the second. The equation has both at the same $w^+$.',
    },
    {
      name: 'the penalty before the step',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 / (1 + delta * lambda);
        return { keep, push: (delta * (y - keep * eta)) / (1 + delta * squared) };
      },
      diagnosis:
        'First the shrinking, then the step without the penalty: two half steps, each of them implicit. The equation has both at the same $w^+$.',
    },
    {
      name: 'an explicit penalty',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 - delta * lambda;
        return { keep, push: (delta * (y - keep * eta)) / (1 + delta * squared) };
      },
      diagnosis:
        'The penalty is taken at $w$, the residual at $w^+$. For $\\delta\\lambda > 2$ such a step explodes; the penalty belongs to $w^+$, too.',
    },
    {
      name: 'the residual of w',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 / (1 + delta * lambda);
        return { keep, push: (keep * delta * (y - eta)) / (1 + delta * keep * squared) };
      },
      diagnosis:
        'The numerator has $y - x^\\top w$. Of $w$ there is only `keep` $\\cdot\\, w$ left after the step, so the prediction without $x$ is `keep` $\\cdot\\, x^\\top w$.',
    },
    {
      name: 'the shrinking is missing in the denominator',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 / (1 + delta * lambda);
        return { keep, push: (keep * delta * (y - keep * eta)) / (1 + delta * squared) };
      },
      diagnosis:
        'The denominator is $1 + \\delta\\lVert x \\rVert^2$. What $x$ adds to the prediction is shrunk as well.',
    },
    {
      name: 'push without the shrinking in front',
      answer: (example, rates) => {
        const { keep, push } = reference(example, rates);
        return { keep, push: push / keep };
      },
      diagnosis:
        'You return $\\xi$ from $w^+ = \\rho\\,(w + \\xi x)$. `push` is what stands before $x$ in $w^+$ itself: $\\rho\\xi$.',
    },
    {
      name: 'the length of x instead of its square',
      answer: (example, rates) =>
        reference({ ...example, squared: Math.sqrt(example.squared) }, rates),
      diagnosis:
        'The denominator has $\\lVert x \\rVert$. A step along $x$ changes $x^\\top w$ by a multiple of $x^\\top x$; `squared` is that already.',
    },
    {
      name: 'the sign in the denominator',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 / (1 + delta * lambda);
        return { keep, push: (keep * delta * (y - keep * eta)) / (1 - delta * keep * squared) };
      },
      diagnosis:
        'The denominator has a minus, and vanishes at some rate. As the step is made the residual becomes *smaller*.',
    },
    {
      name: 'uphill along x',
      answer: (example, rates) => {
        const { keep, push } = reference(example, rates);
        return { keep, push: -push };
      },
      diagnosis:
        '`push` has the opposite sign: the residual of the example would grow. The gradient of $\\tfrac12 (y - x^\\top w)^2$ is $-(y - x^\\top w)\\,x$.',
    },
    {
      name: 'the penalty without δ',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const keep = 1 / (1 + lambda);
        return {
          keep,
          push: (keep * delta * (y - keep * eta)) / (1 + delta * keep * squared),
        };
      },
      diagnosis:
        'The factor is $1/(1 + \\lambda)$. For $\\delta \\to 0$ a step must do nothing: it is $\\delta\\lambda w^+$ that comes to the left.',
    },
  ],
  alternatives: [
    {
      name: 'as a system of two equations',
      answer({ y, eta, squared }, { delta, lambda }) {
        const a = 1 + delta * lambda;
        // a keep = 1 and a push = δ (y − keep η − push ‖x‖²).
        const M = [
          [a, 0],
          [delta * eta, a + delta * squared],
        ];
        const [keep, push] = solveDense(M, [1, delta * y]);
        return { keep: keep!, push: push! };
      },
    },
    {
      name: 'without a common factor',
      answer: ({ y, eta, squared }, { delta, lambda }) => {
        const a = 1 + delta * lambda;
        return { keep: 1 / a, push: (delta * (a * y - eta)) / (a * (a + delta * squared)) };
      },
    },
    {
      name: 'by bisection of the residual at the end',
      answer({ y, eta, squared }, { delta, lambda }) {
        const keep = 1 / (1 + delta * lambda);
        let [low, high] = [-1e6, 1e6];
        for (let k = 0; k < 200; k++) {
          const middle = (low + high) / 2;
          const after = y - keep * (eta + delta * middle * squared);
          if (after > middle) low = middle;
          else high = middle;
        }
        return { keep, push: keep * delta * low };
      },
    },
  ],
  hints: [
    'Bring all that contains $w^+$ itself to the left: $(1 + \\delta\\lambda)\\,w^+ = w + \\delta\\,(y - x^\\top w^+)\\,x$. The number $y - x^\\top w^+$ is the only unknown.',
    'With $\\rho = 1/(1 + \\delta\\lambda)$ and $\\xi = \\delta\\,(y - x^\\top w^+)$: $w^+ = \\rho\\,(w + \\xi x)$, and so $\\xi = \\delta\\,\\big(y - \\rho\\,(x^\\top w + \\xi\\lVert x \\rVert^2)\\big)$, which is linear in $\\xi$.',
    'Three lines:\n```ts\nconst rho = 1 / (1 + delta * lambda);\nconst xi = (delta * (y - rho * eta)) / /* … */;\nreturn { keep: rho, push: /* … */ };\n```',
  ],
};
