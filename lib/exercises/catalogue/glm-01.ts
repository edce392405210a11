import type { Exercise } from '../exercise';
import { norm, randomVector, shiftedMatrix, solveDense } from '../linear';

type Step = (theta: Float64Array, x: Float64Array, y: number, gamma: number) => Float64Array;

const plus = (a: Float64Array, t: number, b: ArrayLike<number>) =>
  a.map((value, i) => value + t * b[i]!);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

/** `θ + ξ x`, where ξ is made of the residual, ‖x‖² and γ. */
const alongX =
  (length: (residual: number, squared: number, gamma: number) => number): Step =>
  (theta, x, y, gamma) =>
    plus(theta, length(y - dot(x, theta), dot(x, x), gamma), x);

export const exercise: Exercise<Step> = {
  id: 'glm-01',
  lesson: '03',
  title: 'Implicit least squares in closed form',
  difficulty: 1,
  minutes: 10,
  needs: ['03'],
  reference: alongX((residual, squared, gamma) => (gamma * residual) / (1 + gamma * squared)),
  probes: [
    {
      name: 'ordinary',
      args: () => [randomVector(1, 4), randomVector(2, 4), 1.7, 0.3],
    },
    {
      name: 'large rate',
      args: () => [randomVector(3, 3), randomVector(4, 3), -0.4, 1000],
    },
    {
      name: 'many features',
      args: () => [randomVector(5, 1500), randomVector(6, 1500), 2, 0.05],
    },
    { name: 'zero features', args: () => [Float64Array.of(1, -2), new Float64Array(2), 3, 5] },
  ],
  properties: [
    {
      name: 'shrinks the residual of the example to 1/(1 + γ‖x‖²)',
      complaint({ args: [theta, x, y, gamma], result }) {
        const [before, after] = [y - dot(x, theta), y - dot(x, result)];
        const wanted = before / (1 + gamma * dot(x, x));
        return Math.abs(after - wanted) > 1e-6 * (Math.abs(before) + 1)
          ? `The residual $y - x^\\top\\theta$ goes from ${before.toPrecision(4)} to ${after.toPrecision(4)}; an implicit step leads to ${wanted.toPrecision(4)}.`
          : undefined;
      },
    },
    {
      name: 'moves along x',
      complaint({ args: [theta, x], result }) {
        const moved = plus(result, -1, theta);
        const squared = dot(x, x);
        const off = norm(squared > 0 ? plus(moved, -dot(moved, x) / squared, x) : moved);
        return off > 1e-6 * (norm(moved) + norm(theta))
          ? `Your step has a part of length ${off.toPrecision(3)} that is not along $x$. The gradient of this example is a multiple of $x$, wherever it is taken.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'an explicit step',
      answer: alongX((residual, _, gamma) => gamma * residual),
      diagnosis:
        'This is plain SGD, $\\theta + \\gamma(y - x^\\top\\theta)x$. The residual has to be the one *after* the step.',
    },
    {
      name: 'γ is missing in the denominator',
      answer: alongX((residual, squared, gamma) => (gamma * residual) / (1 + squared)),
      diagnosis:
        'The denominator is $1 + \\lVert x \\rVert^2$. Then the step for $\\gamma \\to 0$ is not the gradient step, and for $\\gamma \\to \\infty$ it explodes. The matrix to invert is $I + \\gamma xx^\\top$.',
    },
    {
      name: 'the length of x instead of its square',
      answer: alongX(
        (residual, squared, gamma) => (gamma * residual) / (1 + gamma * Math.sqrt(squared)),
      ),
      diagnosis:
        'The denominator has $\\gamma\\lVert x \\rVert$. The step changes $x^\\top\\theta$ by $\\xi\\, x^\\top x$, which is the *square* of the length.',
    },
    {
      name: 'the sign in the denominator',
      answer: alongX((residual, squared, gamma) => (gamma * residual) / (1 - gamma * squared)),
      diagnosis:
        'The denominator is $1 - \\gamma\\lVert x \\rVert^2$, which vanishes at some rate. As the step is made the residual becomes *smaller*: $\\xi = \\gamma(y - x^\\top\\theta - \\xi\\lVert x\\rVert^2)$.',
    },
    {
      name: 'the sign of the residual',
      answer: alongX((residual, squared, gamma) => (-gamma * residual) / (1 + gamma * squared)),
      diagnosis:
        'The step goes uphill: the residual of the example grows. The gradient of $\\tfrac12 (y - x^\\top\\theta)^2$ is $-(y - x^\\top\\theta)x$, and descent goes against it.',
    },
    {
      name: 'the outer product of the gradient',
      answer: alongX(
        (residual, squared, gamma) =>
          (gamma * residual) / (1 + gamma * residual * residual * squared),
      ),
      diagnosis:
        'The denominator is $1 + \\gamma\\lVert g \\rVert^2$ with the gradient $g$: that replaces the Hessian by $gg^\\top$. The Hessian of this example is $xx^\\top$; the residual has no place in it.',
    },
    {
      name: 'θ is shrunk',
      answer: (theta, x, y, gamma) =>
        plus(theta, gamma * y, x).map((value) => value / (1 + gamma * dot(x, x))),
      diagnosis:
        'You return $(\\theta + \\gamma yx)/(1 + \\gamma\\lVert x \\rVert^2)$. The matrix $I + \\gamma xx^\\top$ is not a multiple of the identity: across $x$, $\\theta$ stays what it is.',
    },
    {
      name: 'the step without θ',
      answer: (theta, x, y, gamma) =>
        x.map((value) => (gamma * (y - dot(x, theta)) * value) / (1 + gamma * dot(x, x))),
      diagnosis: 'This is $\\theta^+ - \\theta$. The new $\\theta$ is asked for.',
    },
  ],
  alternatives: [
    {
      name: 'by Sherman and Morrison, applied to θ + γyx',
      answer(theta, x, y, gamma) {
        const right = plus(theta, gamma * y, x);
        return plus(right, (-gamma * dot(x, right)) / (1 + gamma * dot(x, x)), x);
      },
    },
    {
      name: 'by elimination, where p is small',
      answer(theta, x, y, gamma) {
        if (x.length > 10) return exercise.reference(theta, x, y, gamma);
        const outer = Array.from(x, (a) => Array.from(x, (b) => a * b));
        return Array.from(solveDense(shiftedMatrix(1, outer, gamma), plus(theta, gamma * y, x)));
      },
    },
    {
      name: 'in one loop, dividing by 1/γ + ‖x‖²',
      answer(theta, x, y, gamma) {
        let [residual, weight] = [y, 1 / gamma];
        for (let j = 0; j < x.length; j++) {
          residual -= x[j]! * theta[j]!;
          weight += x[j]! * x[j]!;
        }
        return theta.map((value, j) => value + (residual / weight) * x[j]!);
      },
    },
  ],
  hints: [
    'Whatever $\\theta^+$ is, it is $\\theta + \\xi x$ with a number $\\xi$. Put that into the equation and solve for $\\xi$.',
    '$\\xi = \\gamma\\,(y - x^\\top\\theta - \\xi\\lVert x \\rVert^2)$ is linear in $\\xi$.',
    'Two dot products and one loop:\n```ts\nconst residual = y - dot(x, theta);\nconst xi = (gamma * residual) / /* … */;\nreturn theta.map((value, j) => value + xi * x[j]);\n```',
  ],
};
