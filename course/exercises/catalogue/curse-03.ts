import { random } from 'implicit-lab';
import { gaussGegenbauer } from 'implicit-lab/support';
import type { Exercise } from '../exercise';
import { type Matrix, solveDense } from '../linear';

/** Eigenvalues and how much each of them counts. */
interface Spectrum {
  s: Float64Array;
  weights: Float64Array;
}

type SobolevPolynomial = (
  spectrum: Spectrum,
  nu: number,
  t: number,
  points: Float64Array,
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
  /** What the squared slope by m is weighed with; ν/c² is right, with c = ds/dm. */
  weigh?: (nu: number, c: number) => number;
  /** Where the condition P = 1 is put, as m. */
  condition?: (atZero: number) => number;
  normalised?: boolean;
  solved?: boolean;
  /** Whether the eigenvalues count by their weights. */
  weighted?: boolean;
  /** The degree that is used for t. */
  degree?: (t: number) => number;
}

const minimiser =
  ({
    weigh = (nu, c) => nu / c ** 2,
    condition = (m) => m,
    normalised = true,
    solved = true,
    weighted = true,
    degree: degreeOf = (t) => t,
  }: Variant): SobolevPolynomial =>
  (spectrum, nu, t, points) => {
    const degree = degreeOf(t);
    const { s, weights } = weighted ? spectrum : plain(spectrum);
    const [mu, L] = [Math.min(...spectrum.s), Math.max(...spectrum.s)];
    const c = (L - mu) / 2;
    const map = (at: number) => (at - (L + mu) / 2) / c;
    const sampled = Array.from(s, (at) => legendre(map(at), degree));
    const M: Matrix = Array.from({ length: degree + 1 }, (_, i) =>
      Array.from({ length: degree + 1 }, (_, j) =>
        sampled.reduce(
          (sum, { values, slopes }, q) =>
            sum + weights[q]! * (values[i]! * values[j]! + weigh(nu, c) * slopes[i]! * slopes[j]!),
          0,
        ),
      ),
    );
    const phi = legendre(condition(map(0)), degree).values;
    const direction = solved ? solveDense(M, phi) : phi;
    const scale = normalised ? dot(phi, direction) : 1;
    return points.map((at) => dot(legendre(map(at), degree).values, direction) / scale);
  };

const plain = ({ s }: Spectrum): Spectrum => ({ s, weights: s.map(() => 1) });

/** n eigenvalues from μ to L, not in order, with weights of their own. */
function spectrumOf(seed: number, n: number, mu: number, L: number): Spectrum {
  const stream = random(seed);
  const s = Float64Array.from({ length: n }, (_, i) =>
    i === 0 ? L : i === 1 ? mu : mu * (L / mu) ** stream.uniform(),
  );
  return { s, weights: s.map(() => 0.2 + stream.uniform()) };
}

/** As many places as P has coefficients, between the eigenvalues at the ends. */
function nodesOf({ s }: Spectrum, t: number): Float64Array {
  const [mu, L] = [Math.min(...s), Math.max(...s)];
  return Float64Array.from({ length: t + 1 }, (_, k) => mu + ((L - mu) * (k + 0.5)) / (t + 1));
}

/** `Σ ρ P²` and `Σ ρ ν P′²` of the polynomial that has these values at the nodes. */
function sumsOf({ s, weights }: Spectrum, nu: number, nodes: Float64Array, at: Float64Array) {
  const c = (Math.max(...s) - Math.min(...s)) / 2;
  const middle = (Math.max(...s) + Math.min(...s)) / 2;
  const degree = nodes.length - 1;
  const basis = (x: number) => legendre((x - middle) / c, degree);
  const coefficients = solveDense(
    Array.from(nodes, (x) => basis(x).values),
    at,
  );
  const sums = { values: 0, slopes: 0 };
  s.forEach((x, q) => {
    const { values, slopes } = basis(x);
    sums.values += weights[q]! * dot(values, coefficients) ** 2;
    sums.slopes += (weights[q]! * nu * dot(slopes, coefficients) ** 2) / c ** 2;
  });
  return sums;
}

export const exercise: Exercise<SobolevPolynomial> = {
  id: 'curse-03',
  lesson: '13',
  title: 'The best polynomial for a known spectrum',
  difficulty: 3,
  minutes: 30,
  needs: ['13', 'curse-02'],
  reference: minimiser({}),
  probes: [
    {
      name: 'degree 4',
      args: () => [spectrumOf(1, 12, 0.2, 3), 0.7, 4, Float64Array.of(0.2, 1, 2.5, 3.2)],
    },
    {
      name: 'ill-conditioned',
      args: () => [spectrumOf(2, 20, 0.02, 1), 0.03, 6, Float64Array.of(0.01, 0.3, 1)],
    },
    {
      name: 'degree 1',
      args: () => [spectrumOf(3, 3, 0.5, 2), 0.1, 1, Float64Array.of(0.5, 1.5)],
    },
    {
      name: 'fewer eigenvalues than coefficients',
      args: () => [spectrumOf(4, 4, 0.4, 1.7), 1.3, 5, Float64Array.of(0, 0.4, 0.9, 1.3, 1.7)],
    },
  ],
  fresh: (seed) => {
    const { uniform } = random(seed);
    const at = Float64Array.from({ length: 4 }, () => 3 * uniform());
    return [spectrumOf(seed, 12, 0.2, 3), 0.3 + uniform(), 4, at];
  },
  properties: [
    {
      name: 'P(0) = 1',
      async complaint({ args: [spectrum, nu, t], answer }) {
        const [atZero] = await answer(spectrum, nu, t, Float64Array.of(0));
        return Math.abs(atZero! - 1) > 1e-6
          ? `It is a residual polynomial only if P(0) = 1; yours has P(0) = ${atZero!.toPrecision(5)}.`
          : undefined;
      },
    },
    {
      name: 'is a polynomial of degree t',
      async complaint({ args: [spectrum, nu, t], answer }) {
        const nodes = Float64Array.from({ length: t + 2 }, (_, i) => 0.1 + i / (t + 1));
        let values = Array.from(await answer(spectrum, nu, t, nodes));
        const size = Math.max(...values.map(Math.abs));
        for (let k = 0; k <= t; k++) {
          values = values.slice(1).map((value, i) => value - values[i]!);
        }
        return Math.abs(values[0]!) > 1e-6 * 2 ** t * size
          ? `The differences of order ${t + 1} of your values should vanish, but are ${values[0]!.toPrecision(3)}.`
          : undefined;
      },
    },
    {
      name: 'makes the sum as small as it can be',
      async complaint({ probe, args: [spectrum, nu, t], answer }) {
        const nodes = nodesOf(spectrum, t);
        const yours = sumsOf(spectrum, nu, nodes, await answer(spectrum, nu, t, nodes));
        const least = sumsOf(spectrum, nu, nodes, minimiser({})(spectrum, nu, t, nodes));
        const total = ({ values, slopes }: typeof yours) => values + slopes;
        return total(yours) > 1.0001 * total(least)
          ? `On the ${probe} probe your $P$ makes the sum ${total(yours).toPrecision(4)}, of which ${yours.slopes.toPrecision(4)} comes from the slopes. It can be ${total(least).toPrecision(4)}, with ${least.slopes.toPrecision(4)} from the slopes.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the weights are forgotten',
      answer: minimiser({ weighted: false }),
      diagnosis:
        'All eigenvalues count alike. Eigenvalue $s_i$ has the weight $\\rho_i$ in the sum.',
    },
    {
      name: 'the integral over the interval',
      answer: ({ s }, nu, t, points) => {
        const [mu, L] = [Math.min(...s), Math.max(...s)];
        const { nodes, weights } = gaussGegenbauer(0.5, t + 1);
        const even = Float64Array.from(nodes, (m) => (L + mu) / 2 + (m * (L - mu)) / 2);
        return minimiser({})(
          // The ends are there for the interval, and count nothing.
          { s: Float64Array.of(...even, mu, L), weights: Float64Array.of(...weights, 0, 0) },
          nu,
          t,
          points,
        );
      },
      diagnosis:
        'The minimum is that of an integral over $[\\mu, L]$, as in the lesson. Here the spectrum is known: the sum runs over its eigenvalues, by their weights.',
    },
    {
      name: 'the slope is not weighed',
      answer: minimiser({ weigh: () => 0 }),
      diagnosis:
        "The minimum is that of $\\sum\\rho_i P(s_i)^2$ alone, without $\\nu P'^2$. It is small on the spectrum, and steep at its end: the curse is back.",
    },
    {
      name: 'the derivative with respect to m instead of s',
      answer: minimiser({ weigh: (nu) => nu }),
      diagnosis:
        'The slopes that `legendre` gives are by $m$. By $s$ each takes the factor $\\mathrm dm/\\mathrm ds = \\frac{2}{L - \\mu}$, and there are two of them in the square.',
    },
    {
      name: 'the factor of the derivative only once',
      answer: minimiser({ weigh: (nu, c) => nu / c }),
      diagnosis:
        "$P'^2$ has two derivatives in it; the factor $\\mathrm dm/\\mathrm ds$ has to be there squared.",
    },
    {
      name: 'the factor of the derivative upside down',
      answer: minimiser({ weigh: (nu, c) => nu * c ** 2 }),
      diagnosis:
        'The slopes are multiplied by $\\frac{L-\\mu}{2} = \\mathrm ds/\\mathrm dm$. A function of $s$ is steeper in $s$ where the interval is shorter: divide.',
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
        '$\\varphi$ is taken at $m = 0$, which is $s = \\frac{L+\\mu}{2}$, the middle of the interval. The condition is at $s = 0$, which lies outside: $m(0) = -\\frac{L+\\mu}{L-\\mu} < -1$.',
    },
    {
      name: 'the condition is put at μ',
      answer: minimiser({ condition: () => -1 }),
      diagnosis:
        '$\\varphi$ is taken at $m = -1$, which is $s = \\mu$. The condition is at $s = 0$, below the interval: $m(0) < -1$.',
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
      name: 'as 1 + s times a polynomial, by least squares',
      answer({ s, weights }, nu, t, points) {
        const [mu, L] = [Math.min(...s), Math.max(...s)];
        const map = (at: number) => (2 * at - L - mu) / (L - mu);
        // s ℓⱼ(m(s)) for j < t, and its derivative by s.
        const basis = (at: number) => {
          const { values, slopes } = legendre(map(at), t);
          return {
            values: values.slice(0, t).map((value) => at * value),
            slopes: slopes.slice(0, t).map((slope, j) => values[j]! + (2 / (L - mu)) * at * slope),
          };
        };
        const M: Matrix = Array.from({ length: t }, () => new Array<number>(t).fill(0));
        const right = new Array<number>(t).fill(0);
        for (const [q, at] of s.entries()) {
          const { values, slopes } = basis(at);
          for (let i = 0; i < t; i++) {
            right[i]! -= weights[q]! * values[i]!;
            for (let j = 0; j < t; j++) {
              M[i]![j]! += weights[q]! * (values[i]! * values[j]! + nu * slopes[i]! * slopes[j]!);
            }
          }
        }
        const c = solveDense(M, right);
        return points.map((at) => 1 + dot(basis(at).values, c));
      },
    },
    {
      name: 'with a multiplier, in powers of s',
      answer({ s, weights }, nu, t, points) {
        // c₀ = 1 is the condition; the others are free.
        const powers = (at: number) => Array.from({ length: t }, (_, j) => at ** (j + 1));
        const slopes = (at: number) => Array.from({ length: t }, (_, j) => (j + 1) * at ** j);
        const M: Matrix = Array.from({ length: t }, (_, i) =>
          Array.from({ length: t }, (_, j) =>
            s.reduce(
              (sum, at, q) =>
                sum +
                weights[q]! *
                  (powers(at)[i]! * powers(at)[j]! + nu * slopes(at)[i]! * slopes(at)[j]!),
              0,
            ),
          ),
        );
        const right = Array.from({ length: t }, (_, i) =>
          s.reduce((sum, at, q) => sum - weights[q]! * powers(at)[i]!, 0),
        );
        const c = solveDense(M, right);
        return Float64Array.from(points, (at) => 1 + dot(powers(at), c));
      },
    },
  ],
  hints: [
    'Write the sum as $c^\\top M c$: put $P = \\sum_j c_j \\ell_j$ in and multiply out. Then it is a quadratic form under one linear condition.',
    "$M_{ij} = \\sum_k \\rho_k \\bigl(\\ell_i \\ell_j + \\tfrac{\\nu}{c^2}\\, \\ell_i' \\ell_j'\\bigr)$ at $m(s_k)$, with $c = \\frac{L - \\mu}{2}$, and the coefficients are $M^{-1}\\varphi / (\\varphi^\\top M^{-1}\\varphi)$.",
    'One row of polynomials for each eigenvalue:\n```ts\nconst rows = Array.from(spectrum.s, (s) => legendre(m(s), t));\n// M[i][j]: the sum over k of weights[k] * (values[i] * values[j] + … * slopes[i] * slopes[j])\nconst phi = legendre(m(0), t).values;\nconst direction = solve(M, phi);\n```\nThe result at a point is `dot(legendre(m(point), t).values, direction)`, divided by what makes it 1 at 0.',
  ],
};
