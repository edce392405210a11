import type { Exercise } from '../exercise';

/** `y` is 0 or 1, `eta` = xᵀθ, `squared` = ‖x‖². */
type Root = (y: number, eta: number, squared: number, gamma: number) => number;

const sigmoid = (z: number) => (z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z)));

/** `γ (y − h(η + ξ‖x‖²))`: how far the step would go by the residual at ξ. */
const right = (y: number, eta: number, squared: number, gamma: number, xi: number) =>
  gamma * (y - sigmoid(eta + xi * squared));

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

const root: Root = (...given) => bisected((xi) => right(...given, xi));

export const exercise: Exercise<Root> = {
  id: 'glm-02',
  lesson: '03',
  title: 'The implicit logistic step in its bracket',
  difficulty: 2,
  minutes: 20,
  needs: ['03', 'glm-01'],
  reference: root,
  probes: [
    { name: 'ordinary', args: () => [1, -0.4, 2.5, 0.8] },
    { name: 'class 0', args: () => [0, 0.7, 3, 1.5] },
    { name: 'sure and wrong', args: () => [1, -9, 0.6, 40] },
    { name: 'large rate', args: () => [0, 3, 4, 1e6] },
    { name: 'far out (xᵀθ = 800)', args: () => [0, 800, 1, 900] },
    { name: 'far out on the other side (xᵀθ = −800)', args: () => [1, -800, 1, 900] },
  ],
  properties: [
    {
      name: 'lies between 0 and the explicit step',
      complaint({ args: [y, eta, squared, gamma], result }) {
        const explicit = right(y, eta, squared, gamma, 0);
        const inside =
          result * explicit >= 0 && Math.abs(result) <= Math.abs(explicit) * (1 + 1e-9);
        return inside
          ? undefined
          : `Your $\\xi = ${result.toPrecision(4)}$ is not between 0 and the explicit step ${explicit.toPrecision(4)}. An iteration that leaves this bracket has to be called back.`;
      },
    },
    {
      name: 'solves ξ = γ (y − h(η + ξ‖x‖²))',
      complaint({ args, result }) {
        const value = right(...args, result);
        return Math.abs(value - result) > 1e-5 * Math.max(1, Math.abs(result)) * args[3]
          ? `For your $\\xi = ${result.toPrecision(4)}$ the right side of the equation is ${value.toPrecision(4)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the explicit step',
      answer: (...given) => right(...given, 0),
      diagnosis:
        'This is $\\gamma\\,(y - h(\\eta))$, the residual *before* the step. It is one end of the bracket.',
    },
    {
      name: 'one Newton iteration',
      answer(y, eta, squared, gamma) {
        const h = sigmoid(eta);
        return (gamma * (y - h)) / (1 + gamma * squared * h * (1 - h));
      },
      diagnosis:
        'The logistic function was linearised at $\\eta$ once. Where the model is sure and wrong its slope there is nearly 0, so the linearisation sees no reason to stop. Go on iterating, and inside of the bracket.',
    },
    {
      name: 'one fixed-point iteration',
      answer: (...given) => right(...given, right(...given, 0)),
      diagnosis:
        'The explicit step was put into the right side once. Repeating this converges only for $\\gamma\\lVert x \\rVert^2/4 < 1$; otherwise it jumps to and fro between two values.',
    },
    {
      name: 'the length of x instead of its square',
      answer: (y, eta, squared, gamma) => root(y, eta, Math.sqrt(squared), gamma),
      diagnosis:
        'The root is that for $\\lVert x \\rVert$ in the place of $\\lVert x \\rVert^2$. The argument `squared` is $\\lVert x \\rVert^2$ already: no square root.',
    },
    {
      name: '‖x‖² is forgotten',
      answer: (y, eta, _, gamma) => root(y, eta, 1, gamma),
      diagnosis:
        'The right side is $\\gamma\\,(y - h(\\eta + \\xi))$. The step is $\\xi x$, and it changes $x^\\top\\theta$ by $\\xi\\, x^\\top x$.',
    },
    {
      name: 'labels of −1 and 1',
      answer: (y, eta, squared, gamma) =>
        bisected((xi) => (2 * y - 1) * gamma * sigmoid(-(2 * y - 1) * (eta + xi * squared)) * 2),
      diagnosis:
        'Your root is that for twice the rate, as it comes out with labels of $-1$ and $1$ and the residual $y - \\tanh$. Here $y$ is 0 or 1 and the residual is $y - h(\\eta)$, at most 1 in size.',
    },
    {
      name: 'the step back',
      answer: (...given) => -root(...given),
      diagnosis:
        'The sign: $\\xi$ is *added* in $\\theta + \\xi x$, so it has the sign of the residual $y - h$.',
    },
    {
      name: 'the new xᵀθ',
      answer: (y, eta, squared, gamma) => eta + squared * root(y, eta, squared, gamma),
      diagnosis:
        'This is $\\eta + \\xi\\lVert x \\rVert^2$, the $x^\\top\\theta^+$ after the step. The number $\\xi$ itself is asked for.',
    },
    {
      name: 'the middle of the bracket',
      answer: (...given) => right(...given, 0) / 2,
      diagnosis:
        'This is half of the explicit step: one bisection, or a bracket whose ends were never moved. Compare $\\xi$ with the right side in the middle, keep the half in which they cross, and repeat.',
    },
  ],
  alternatives: [
    {
      name: "Newton's method inside of the bracket",
      answer(y, eta, squared, gamma) {
        const explicit = right(y, eta, squared, gamma, 0);
        let [low, high] = explicit > 0 ? [0, explicit] : [explicit, 0];
        let xi = 0;
        for (let k = 0; k < 300; k++) {
          const h = sigmoid(eta + xi * squared);
          const value = xi - gamma * (y - h);
          if (value < 0) low = xi;
          else high = xi;
          const newton = xi - value / (1 + gamma * squared * h * (1 - h));
          // Every third step bisects, for the places where Newton crawls.
          xi = newton > low && newton < high && k % 3 < 2 ? newton : (low + high) / 2;
        }
        return xi;
      },
    },
    {
      name: 'for the probability after the step',
      // π = h(η + γ (y − π)‖x‖²): falls in π on the right, rises on the left.
      answer(y, eta, squared, gamma) {
        let [low, high] = [0, 1];
        for (let k = 0; k < 1100; k++) {
          const middle = (low + high) / 2;
          if (middle < sigmoid(eta + gamma * (y - middle) * squared)) low = middle;
          else high = middle;
        }
        // For y = 1 the complement 1 − π is the number that may be tiny.
        if (y === 0) return -gamma * low;
        let [near, far] = [0, 1];
        for (let k = 0; k < 1100; k++) {
          const middle = (near + far) / 2;
          if (middle < sigmoid(-eta - gamma * middle * squared)) near = middle;
          else far = middle;
        }
        return gamma * near;
      },
    },
    {
      name: 'as the root of the logit, for the size of ξ',
      answer(y, eta, squared, gamma) {
        // With s = ±1 and ξ = s·r: r = γ h(−(sη + r‖x‖²)).
        const s = 2 * y - 1;
        return s * bisected((r) => gamma * sigmoid(-(s * eta + r * squared)));
      },
    },
  ],
  hints: [
    'The left side, $\\xi$, rises; the right side, $\\gamma\\,(y - h(\\eta + \\xi\\lVert x \\rVert^2))$, falls. They cross once, between 0 and the value of the right side at $\\xi = 0$.',
    'Bisection: the bracket is $[0, r]$ or $[r, 0]$ with $r = \\gamma\\,(y - h(\\eta))$. In the middle, if $\\xi$ is smaller than the right side, the root lies above. (And $h(\\eta)$ must not become NaN at $\\eta = \\pm 800$: `1 / (1 + Math.exp(-eta))` does not.)',
    'Nearly the code:\n```ts\nconst right = (xi: number) => gamma * (y - h(eta + xi * squared));\nlet [low, high] = right(0) > 0 ? [0, right(0)] : [right(0), 0];\nfor (let k = 0; k < 200; k++) {\n  const middle = (low + high) / 2;\n  if (middle < right(middle)) /* which end moves? */\n}\n```',
  ],
};
