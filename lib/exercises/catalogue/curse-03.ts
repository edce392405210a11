import { gaussGegenbauer, residualPolynomial, sobolev } from '../../unrolling';
import type { Exercise } from '../exercise';
import { type Matrix, solveDense } from '../linear';

type SobolevPolynomial = (
  mu: number,
  L: number,
  eta: number,
  t: number,
  lambdas: Float64Array,
) => Float64Array;

/** The Legendre polynomials up to a degree, and their derivatives. */
function legendre(m: number, degree: number) {
  const [values, slopes] = [
    [1, m],
    [0, 1],
  ] as [number[], number[]];
  for (let k = 1; k < degree; k++) {
    values.push(((2 * k + 1) * m * values[k]! - k * values[k - 1]!) / (k + 1));
    slopes.push(slopes[k - 1]! + (2 * k + 1) * values[k]!);
  }
  return { values: values.slice(0, degree + 1), slopes: slopes.slice(0, degree + 1) };
}

const dot = (x: readonly number[], y: ArrayLike<number>) =>
  x.reduce((sum, value, i) => sum + value * y[i]!, 0);

interface Variant {
  /** What the squared slope by m is weighed with; η/c² is right, with c = dλ/dm. */
  weigh?: (eta: number, c: number) => number;
  /** Where the condition P = 1 is put, as m. */
  condition?: (atZero: number) => number;
  normalised?: boolean;
  solved?: boolean;
  /** The degree that is used for t. */
  degree?: (t: number) => number;
}

const minimiser =
  ({
    weigh = (eta, c) => eta / c ** 2,
    condition = (m) => m,
    normalised = true,
    solved = true,
    degree: degreeOf = (t) => t,
  }: Variant): SobolevPolynomial =>
  (mu, L, eta, t, lambdas) => {
    const degree = degreeOf(t);
    const c = (L - mu) / 2;
    const map = (lambda: number) => (lambda - (L + mu) / 2) / c;
    const { nodes, weights } = gaussGegenbauer(0.5, degree + 1);
    const sampled = Array.from(nodes, (m) => legendre(m, degree));
    const M: Matrix = Array.from({ length: degree + 1 }, (_, i) =>
      Array.from({ length: degree + 1 }, (_, j) =>
        sampled.reduce(
          (sum, { values, slopes }, q) =>
            sum + weights[q]! * (values[i]! * values[j]! + weigh(eta, c) * slopes[i]! * slopes[j]!),
          0,
        ),
      ),
    );
    const phi = legendre(condition(map(0)), degree).values;
    const direction = solved ? solveDense(M, phi) : phi;
    const scale = normalised ? dot(phi, direction) : 1;
    return lambdas.map((lambda) => dot(legendre(map(lambda), degree).values, direction) / scale);
  };

const points = (mu: number, L: number) =>
  Float64Array.from({ length: 5 }, (_, i) => mu + ((L - mu) * i) / 4);

export const exercise: Exercise<SobolevPolynomial> = {
  id: 'curse-03',
  lesson: '13',
  title: 'The Sobolev polynomial by brute force',
  difficulty: 3,
  minutes: 30,
  needs: ['13', 'curse-02'],
  reference: minimiser({}),
  probes: [
    { name: 'degree 4', args: () => [0.2, 3, 0.7, 4, points(0.2, 3)] },
    { name: 'ill-conditioned', args: () => [0.02, 1, 5, 7, points(0.02, 1)] },
    { name: 'degree 1', args: () => [0.5, 2, 0.1, 1, points(0.5, 2)] },
  ],
  properties: [
    {
      name: 'P(0) = 1',
      async complaint({ args: [mu, L, eta, t], answer }) {
        const [atZero] = await answer(mu, L, eta, t, Float64Array.of(0));
        return Math.abs(atZero! - 1) > 1e-6
          ? `It is a residual polynomial only if P(0) = 1; yours has P(0) = ${atZero!.toPrecision(5)}.`
          : undefined;
      },
    },
    {
      name: 'is a polynomial of degree t',
      async complaint({ args: [mu, L, eta, t], answer }) {
        const nodes = Float64Array.from({ length: t + 2 }, (_, i) => mu + ((L - mu) * i) / (t + 1));
        let values = Array.from(await answer(mu, L, eta, t, nodes));
        const size = Math.max(...values.map(Math.abs));
        for (let k = 0; k <= t; k++) {
          values = values.slice(1).map((value, i) => value - values[i]!);
        }
        return Math.abs(values[0]!) > 1e-6 * 2 ** t * size
          ? `The differences of order ${t + 1} of your values should vanish, but are ${values[0]!.toPrecision(3)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the slope is not weighed',
      answer: minimiser({ weigh: () => 0 }),
      diagnosis:
        "The minimum is that of $\\int P^2$ alone, without $\\eta P'^2$. It is small on the interval, and steep at its end: the curse is back.",
    },
    {
      name: 'the derivative by m instead of λ',
      answer: minimiser({ weigh: (eta) => eta }),
      diagnosis:
        'The slopes that `legendre` gives are by $m$. By $\\lambda$ each takes the factor $\\mathrm dm/\\mathrm d\\lambda = \\frac{2}{L - \\mu}$, and there are two of them in the square.',
    },
    {
      name: 'the factor of the derivative only once',
      answer: minimiser({ weigh: (eta, c) => eta / c }),
      diagnosis:
        "$P'^2$ has two derivatives in it; the factor $\\mathrm dm/\\mathrm d\\lambda$ has to be there squared.",
    },
    {
      name: 'the factor of the derivative upside down',
      answer: minimiser({ weigh: (eta, c) => eta * c ** 2 }),
      diagnosis:
        'The slopes are multiplied by $\\frac{L-\\mu}{2} = \\mathrm d\\lambda/\\mathrm dm$. A function of $\\lambda$ is steeper in $\\lambda$ where the interval is shorter: divide.',
    },
    {
      name: 'not normalised',
      answer: minimiser({ normalised: false }),
      diagnosis:
        '$M^{-1}\\varphi$ has the right direction, but the condition $P(0) = 1$ sets its length: divide by $\\varphi^\\top M^{-1}\\varphi$.',
    },
    {
      name: 'the condition is put in the middle',
      answer: minimiser({ condition: () => 0 }),
      diagnosis:
        '$\\varphi$ is taken at $m = 0$, which is $\\lambda = \\frac{L+\\mu}{2}$, the middle of the interval. The condition is at $\\lambda = 0$, which lies outside: $m(0) = -\\frac{L+\\mu}{L-\\mu} < -1$.',
    },
    {
      name: 'the condition is put at μ',
      answer: minimiser({ condition: () => -1 }),
      diagnosis:
        '$\\varphi$ is taken at $m = -1$, which is $\\lambda = \\mu$. The condition is at $\\lambda = 0$, below the interval: $m(0) < -1$.',
    },
    {
      name: 'nothing is solved',
      answer: minimiser({ solved: false }),
      diagnosis:
        'The coefficients are multiples of $\\varphi$ itself. That would be right if the Legendre polynomials were orthonormal in this inner product, with $M$ the identity. They are not: solve $M c = \\varphi$.',
    },
    {
      name: 'one degree too low',
      answer: minimiser({ degree: (t) => Math.max(1, t - 1) }),
      diagnosis:
        'The polynomial has degree $t - 1$: there are $t + 1$ coefficients, $j = 0, \\dots, t$.',
    },
  ],
  alternatives: [
    {
      name: 'by the recurrence of the library',
      answer: (mu, L, eta, t, lambdas) => {
        const polynomial = residualPolynomial(sobolev({ eta }), { mu, L }, t);
        return lambdas.map((lambda) => polynomial(lambda).value);
      },
    },
    {
      name: "as 1 + λ times a polynomial, by least squares and Simpson's rule",
      answer(mu, L, eta, t, lambdas) {
        const map = (lambda: number) => (2 * lambda - L - mu) / (L - mu);
        // λ ℓⱼ(m(λ)) for j < t, and its derivative by λ.
        const basis = (lambda: number) => {
          const { values, slopes } = legendre(map(lambda), t);
          return {
            values: values.slice(0, t).map((value) => lambda * value),
            slopes: slopes
              .slice(0, t)
              .map((slope, j) => values[j]! + (2 / (L - mu)) * lambda * slope),
          };
        };
        const N = 2000;
        const M: Matrix = Array.from({ length: t }, () => new Array<number>(t).fill(0));
        const right = new Array<number>(t).fill(0);
        for (let q = 0; q <= N; q++) {
          const { values, slopes } = basis(mu + ((L - mu) * q) / N);
          const weight = q === 0 || q === N ? 1 : q % 2 === 1 ? 4 : 2;
          for (let i = 0; i < t; i++) {
            right[i]! -= weight * values[i]!;
            for (let j = 0; j < t; j++) {
              M[i]![j]! += weight * (values[i]! * values[j]! + eta * slopes[i]! * slopes[j]!);
            }
          }
        }
        const c = solveDense(M, right);
        return lambdas.map((lambda) => 1 + dot(basis(lambda).values, c));
      },
    },
  ],
  hints: [
    'Write the integral as $c^\\top M c$: put $P = \\sum_j c_j \\ell_j$ in and multiply out. Then it is a quadratic form under one linear condition.',
    "$M_{ij} = \\int_{-1}^{1} \\bigl(\\ell_i \\ell_j + \\tfrac{\\eta}{c^2}\\, \\ell_i' \\ell_j'\\bigr)\\,\\mathrm dm$ with $c = \\frac{L - \\mu}{2}$ (the factor $\\mathrm d\\lambda = c\\,\\mathrm dm$ in front does not matter), and the coefficients are $M^{-1}\\varphi / (\\varphi^\\top M^{-1}\\varphi)$.",
    'With $t + 1$ nodes the quadrature is exact:\n```ts\nconst nodes = gaussLegendre(t + 1).map((node) => ({ ...node, ...legendre(node.m, t) }));\n// M[i][j]: the sum over the nodes of weight * (values[i] * values[j] + … * slopes[i] * slopes[j])\nconst phi = legendre(m(0), t).values;\nconst direction = solve(M, phi);\n```\nThe result at λ is `dot(legendre(m(lambda), t).values, direction)`, divided by what makes it 1 at 0.',
  ],
};
