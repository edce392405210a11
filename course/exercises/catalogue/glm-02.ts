import { random } from 'implicit-lab';
import type { Exercise } from '../exercise';

/** `y` is 0 or 1, `eta` = xᵀw, `squared` = ‖x‖². */
interface Example {
  y: number;
  eta: number;
  squared: number;
}

interface Rates {
  delta: number;
  /** Of the penalty ½ λ ‖w‖². */
  lambda: number;
}

type Root = (example: Example, rates: Rates) => number;

const sigmoid = (z: number) => (z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z)));
const shrinking = ({ delta, lambda }: Rates) => 1 / (1 + delta * lambda);

/** `δ (y − h(ρ (η + ξ‖x‖²)))`: how far the step would go by the residual at ξ. */
const right = ({ y, eta, squared }: Example, rates: Rates, xi: number) =>
  rates.delta * (y - sigmoid(shrinking(rates) * (eta + xi * squared)));

/** By bisection, for a right-hand side that does not rise. */
function bisected(f: (xi: number) => number): number {
  let [low, high] = f(0) > 0 ? [0, f(0)] : [f(0), 0];
  for (let k = 0; k < 200; k++) {
    const middle = low + (high - low) / 2;
    if (middle < f(middle)) low = middle;
    else high = middle;
  }
  return low + (high - low) / 2;
}

const root: Root = (example, rates) => bisected((xi) => right(example, rates, xi));

/** Newton's method from 0, without a bracket. */
const newton =
  (iterations: number): Root =>
  (example, rates) => {
    const rho = shrinking(rates);
    let xi = 0;
    for (let k = 0; k < iterations; k++) {
      const h = sigmoid(rho * (example.eta + xi * example.squared));
      const slope = 1 + rates.delta * rho * example.squared * h * (1 - h);
      xi -= (xi - rates.delta * (example.y - h)) / slope;
    }
    return xi;
  };

const probe = (name: string, [y, eta, squared]: number[], [delta, lambda]: number[]) => ({
  name,
  args: (): Parameters<Root> => [
    { y: y!, eta: eta!, squared: squared! },
    { delta: delta!, lambda: lambda! },
  ],
});

export const exercise: Exercise<Root> = {
  id: 'glm-02',
  lesson: '03',
  title: 'The implicit logistic step with a penalty, in its bracket',
  difficulty: 2,
  minutes: 20,
  needs: ['03', 'glm-01'],
  reference: root,
  probes: [
    probe('ordinary', [1, -0.4, 2.5], [0.8, 0.5]),
    probe('class 0', [0, 0.7, 3], [1.5, 0.2]),
    probe('sure and wrong', [1, -9, 0.6], [40, 0.01]),
    probe('large rate', [0, 3, 4], [1e6, 1e-7]),
    probe('small rate', [1, 0.5, 2], [1e-6, 3]),
    probe('far out (xᵀw = 800)', [0, 800, 1], [900, 1e-4]),
    probe('far out on the other side (xᵀw = −800)', [1, -800, 1.5], [900, 0]),
  ],
  fresh: (seed) => {
    const { normal, uniform } = random(seed);
    const example = { y: uniform() < 0.5 ? 0 : 1, eta: 2 * normal(), squared: 0.5 + 3 * uniform() };
    return [example, { delta: 0.5 + 3 * uniform(), lambda: 0.1 + 0.5 * uniform() }];
  },
  properties: [
    {
      name: 'lies in its bracket',
      complaint({ args: [example, rates], result }) {
        const end = right(example, rates, 0);
        const inside = result * end >= 0 && Math.abs(result) <= Math.abs(end) * (1 + 1e-6);
        return inside
          ? undefined
          : `Your $\\xi = ${result.toPrecision(7)}$ is not between 0 and ${end.toPrecision(7)}, the right side of the equation at $\\xi = 0$.`;
      },
    },
    {
      name: 'satisfies its equation',
      complaint({ args: [example, rates], result }) {
        const value = right(example, rates, result);
        return Math.abs(value - result) > 1e-5 * Math.max(1, Math.abs(result)) * rates.delta
          ? `For your $\\xi = ${result.toPrecision(4)}$ the right side of the equation is ${value.toPrecision(4)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the penalty is forgotten',
      answer: (example, { delta }) => root(example, { delta, lambda: 0 }),
      diagnosis:
        'Your root is that for $\\lambda = 0$, as in the lesson: $\\rho$ is missing before $x^\\top w + \\xi\\lVert x \\rVert^2$.',
    },
    {
      name: 'ρ before ξ only',
      answer: ({ y, eta, squared }, rates) =>
        bisected((xi) => rates.delta * (y - sigmoid(eta + shrinking(rates) * xi * squared))),
      diagnosis:
        'In the argument of $h$, $\\rho$ stands before $\\xi\\lVert x \\rVert^2$ only. All of $w^+$ is shrunk: the old part of the prediction is $\\rho x^\\top w$.',
    },
    {
      name: 'ρ before xᵀw only',
      answer: ({ y, eta, squared }, rates) =>
        bisected((xi) => rates.delta * (y - sigmoid(shrinking(rates) * eta + xi * squared))),
      diagnosis:
        'In the argument of $h$, $\\rho$ stands before $x^\\top w$ only. The new part, $\\xi\\lVert x \\rVert^2$, is shrunk as well.',
    },
    {
      name: 'the explicit step',
      answer: ({ y, eta }, { delta }) => delta * (y - sigmoid(eta)),
      diagnosis: 'This is $\\delta\\,(y - h(x^\\top w))$, with the residual *before* the step.',
    },
    {
      name: 'the end of the bracket',
      answer: (example, rates) => right(example, rates, 0),
      diagnosis:
        'This is the right side at $\\xi = 0$: one end of the bracket. The root lies between it and 0.',
    },
    {
      name: 'one Newton iteration',
      answer: newton(1),
      diagnosis:
        'The equation was linearised at $\\xi = 0$ once. Where the model is sure and wrong the slope of $h$ there is nearly 0, so the linearisation sees no reason to stop. Go on, inside the bracket.',
    },
    {
      name: 'Newton without the bracket',
      answer: newton(100),
      diagnosis:
        "These are Newton's iterations, as far as they go: on some probes they jump to and fro between values outside the bracket. An iterate that leaves it has to be called back, by bisection for instance.",
    },
    {
      name: 'one fixed-point iteration',
      answer: (example, rates) => right(example, rates, right(example, rates, 0)),
      diagnosis:
        'The end of the bracket was put into the right side once. Repeating this converges only for small rates; otherwise it jumps to and fro between two values.',
    },
    {
      name: 'the wrong end moves',
      answer(example, rates) {
        const f = (xi: number) => right(example, rates, xi);
        let [low, high] = f(0) > 0 ? [0, f(0)] : [f(0), 0];
        for (let k = 0; k < 200; k++) {
          const middle = low + (high - low) / 2;
          if (middle < f(middle)) high = middle;
          else low = middle;
        }
        return low + (high - low) / 2;
      },
      diagnosis:
        'Of the two halves the one without the root is kept, and the bisection ends at an end of the bracket. Where $\\xi$ is smaller than the right side, the root lies *above*: the lower end moves.',
    },
    {
      name: 'the bracket of the lesson',
      answer(example, rates) {
        let [low, high] = [0, right(example, rates, 0)];
        for (let k = 0; k < 200; k++) {
          const middle = (low + high) / 2;
          if (middle < right(example, rates, middle)) low = middle;
          else high = middle;
        }
        return low;
      },
      diagnosis:
        'For $y = 1$ all is well. For $y = 0$ the right side at 0 is negative, and the bracket $[0, r]$ of the lesson is the wrong way round: its lower end is $r$.',
    },
    {
      name: 'the length of x instead of its square',
      answer: (example, rates) => root({ ...example, squared: Math.sqrt(example.squared) }, rates),
      diagnosis:
        'The root is that for $\\lVert x \\rVert$ in the place of $\\lVert x \\rVert^2$. The argument `squared` is $\\lVert x \\rVert^2$ already: no square root.',
    },
    {
      name: '‖x‖² is forgotten',
      answer: (example, rates) => root({ ...example, squared: 1 }, rates),
      diagnosis:
        'The right side has $\\xi$ where $\\xi\\lVert x \\rVert^2$ belongs. The step is a multiple of $x$, and changes $x^\\top w$ by a multiple of $x^\\top x$.',
    },
    {
      name: 'labels of −1 and 1',
      answer: (example, { delta, lambda }) => {
        const rho = shrinking({ delta, lambda });
        const s = 2 * example.y - 1;
        return bisected(
          (xi) => 2 * s * delta * sigmoid(-s * rho * (example.eta + xi * example.squared)),
        );
      },
      diagnosis:
        'Your root is that for twice the residual, as it comes out with labels of $-1$ and $1$. Here $y$ is 0 or 1 and the residual is $y - h$, at most 1 in size.',
    },
    {
      name: 'the step back',
      answer: (...given) => -root(...given),
      diagnosis: 'The sign: $\\xi$ is *added* in $w + \\xi x$, so it has the sign of $y - h$.',
    },
    {
      name: 'the new xᵀw',
      answer: (example, rates) =>
        shrinking(rates) * (example.eta + example.squared * root(example, rates)),
      diagnosis:
        'This is $x^\\top w^+$, the prediction after the step. The number $\\xi$ itself is asked for.',
    },
    {
      name: 'what stands before x in w⁺',
      answer: (example, rates) => shrinking(rates) * root(example, rates),
      diagnosis:
        'This is $\\rho\\xi$, the factor of $x$ in $w^+ = \\rho\\,(w + \\xi x)$. The number $\\xi$ itself is asked for.',
    },
    {
      name: 'the middle of the bracket',
      answer: (example, rates) => right(example, rates, 0) / 2,
      diagnosis:
        'This is half of the right side at 0: one bisection, or a bracket whose ends were never moved. Compare $\\xi$ with the right side in the middle, keep the half in which they cross, and repeat.',
    },
  ],
  alternatives: [
    {
      name: "Newton's method inside the bracket",
      answer(example, rates) {
        const rho = shrinking(rates);
        const end = right(example, rates, 0);
        let [low, high] = end > 0 ? [0, end] : [end, 0];
        let xi = 0;
        for (let k = 0; k < 300; k++) {
          const h = sigmoid(rho * (example.eta + xi * example.squared));
          const value = xi - rates.delta * (example.y - h);
          if (value < 0) low = xi;
          else high = xi;
          const next = xi - value / (1 + rates.delta * rho * example.squared * h * (1 - h));
          // Every third step bisects, for the places where Newton crawls.
          xi = next > low && next < high && k % 3 < 2 ? next : (low + high) / 2;
        }
        return xi;
      },
    },
    {
      name: 'for the prediction after the step',
      // z = ρ (η + δ (y − h(z)) ‖x‖²): the right side falls in z.
      answer({ y, eta, squared }, rates) {
        const rho = shrinking(rates);
        const at = (z: number) => rho * (eta + rates.delta * (y - sigmoid(z)) * squared);
        let [low, high] = [-1e7, 1e7];
        for (let k = 0; k < 300; k++) {
          const middle = (low + high) / 2;
          if (middle < at(middle)) low = middle;
          else high = middle;
        }
        const s = 2 * y - 1;
        return s * rates.delta * sigmoid(-s * low);
      },
    },
    {
      name: 'as the root of the logit, for the size of ξ',
      answer({ y, eta, squared }, rates) {
        // With s = ±1 and ξ = s·r: r = δ h(−ρ(sη + r‖x‖²)).
        const s = 2 * y - 1;
        return (
          s * bisected((r) => rates.delta * sigmoid(-shrinking(rates) * (s * eta + r * squared)))
        );
      },
    },
  ],
  hints: [
    'The left side, $\\xi$, rises; the right side falls. They cross once, between 0 and the value of the right side at $\\xi = 0$.',
    'Bisection: the bracket is $[0, r]$ or $[r, 0]$ with $r = \\delta\\,(y - h(\\rho x^\\top w))$. In the middle, if $\\xi$ is smaller than the right side, the root lies above. (And $h$ must not become NaN at $\\pm 800$: `1 / (1 + Math.exp(-z))` does not.)',
    'Nearly the code:\n```ts\nconst rho = 1 / (1 + delta * lambda);\nconst right = (xi: number) => delta * (y - h(rho * (eta + xi * squared)));\nlet [low, high] = right(0) > 0 ? [0, right(0)] : [right(0), 0];\nfor (let k = 0; k < 200; k++) {\n  const middle = (low + high) / 2;\n  if (middle < right(middle)) /* which end moves? */\n}\n```',
  ],
};
