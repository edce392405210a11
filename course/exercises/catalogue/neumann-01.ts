import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import { randomMatrix, randomVector, shiftedMatrix, transposed } from '../linear';

type Vector = Float64Array;
type Series = (A: CountedOperator, b: Vector, alpha: number, terms: number) => Vector;

/** `a x + y`. */
const axpy = (a: number, x: Vector, y: Vector) => y.map((value, i) => value + a * x[i]!);
const scaled = (a: number, x: Vector) => x.map((value) => a * value);

/** What a coefficient is multiplied by to become the next, the k-th one. */
const half = (k: number) => (2 * k - 1) / (2 * k);

/** The sum of c_k (I + inside A)ᵏ b for k below `terms`, with c_0 = 1 and c_k = c_{k−1} ratio(k). */
function powers(A: CountedOperator, b: Vector, inside: number, terms: number, ratio = half) {
  let [term, sum, coefficient] = [b, b, 1];
  for (let k = 1; k < terms; k++) {
    term = axpy(inside, A.apply(term), term);
    coefficient *= ratio(k);
    sum = axpy(coefficient, term, sum);
  }
  return sum;
}

const byRatio =
  (ratio: (k: number) => number, front: (alpha: number) => number = Math.sqrt): Series =>
  (A, b, alpha, terms) =>
    scaled(front(alpha), powers(A, b, -alpha, terms, ratio));

/** Symmetric, with eigenvalues around 2. */
function definite(seed: number, n: number) {
  const M = randomMatrix(seed, n, n, 0.3);
  const other = transposed(M);
  return shiftedMatrix(
    2,
    M.map((row, i) => row.map((value, j) => value + other[i]![j]!)),
  );
}

export const exercise: Exercise<Series> = {
  id: 'neumann-01',
  lesson: '09',
  title: 'The inverse square root, by exactly K terms of its series',
  difficulty: 1,
  minutes: 15,
  needs: ['09'],
  reference: byRatio(half),
  probes: [
    { name: 'four terms', args: () => [countedMatrix(definite(1, 4)), randomVector(2, 4), 0.3, 4] },
    { name: 'one term', args: () => [countedMatrix(definite(3, 3)), randomVector(4, 3), 0.2, 1] },
    {
      name: 'many terms',
      args: () => [countedMatrix(definite(5, 5)), randomVector(6, 5), 0.25, 12],
    },
  ],
  fresh: (seed) => [countedMatrix(definite(seed, 4)), randomVector(seed + 1, 4), 0.3, 6],
  properties: [
    {
      name: 'costs one product a term',
      complaint: ({ args: [A, , , terms] }) =>
        A.products > terms + 1
          ? `${terms} terms took ${A.products} products with A; ${terms} are plenty.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the Neumann series of the lesson',
      answer: byRatio(
        () => 1,
        (alpha) => alpha,
      ),
      diagnosis:
        'This is the geometric series, $\\alpha \\sum_k (I - \\alpha A)^k b$, whose limit is $A^{-1}b$. The series of $(1 - x)^{-1/2}$ has other coefficients, which fall.',
    },
    {
      name: 'all coefficients are 1',
      answer: byRatio(() => 1),
      diagnosis:
        'The factor in front is right, but all powers have the coefficient 1, as in the geometric series of $(1 - x)^{-1}$. What is the Taylor series of $(1 - x)^{-1/2}$?',
    },
    {
      name: 'α in front instead of its root',
      answer: byRatio(half, (alpha) => alpha),
      diagnosis:
        'The sum is right, and multiplied by $\\alpha$. From $A = \\frac1\\alpha(I - X)$ follows $A^{-1/2} = \\sqrt\\alpha\\,(I - X)^{-1/2}$.',
    },
    {
      name: 'divided by the root of α',
      answer: byRatio(half, (alpha) => 1 / Math.sqrt(alpha)),
      diagnosis:
        'The sum is divided by $\\sqrt\\alpha$. Where $A$ is the number $1/\\alpha$, all powers but the first vanish, and $A^{-1/2} = \\sqrt\\alpha$.',
    },
    {
      name: 'the factor √α in front',
      answer: byRatio(half, () => 1),
      diagnosis:
        'The sum of powers is right, but it is not multiplied by $\\sqrt\\alpha$. Without that factor the limit is $(\\alpha A)^{-1/2}b$.',
    },
    {
      name: 'the series of the root',
      answer: byRatio(
        (k) => (2 * k - 3) / (2 * k),
        (alpha) => 1 / Math.sqrt(alpha),
      ),
      diagnosis:
        'These are the coefficients of $(1 - x)^{1/2}$, with its factor $1/\\sqrt\\alpha$: the sum tends to $A^{1/2}b$. The exponent asked for is $-\\frac12$.',
    },
    {
      name: 'the coefficients of (1 + x)',
      answer: byRatio((k) => -half(k)),
      diagnosis:
        'The coefficients alternate: they are those of $(1 + x)^{-1/2}$. With $X = I - \\alpha A$ it is $\\alpha A = I - X$ whose inverse root is needed, and all coefficients are positive.',
    },
    {
      name: 'the coefficients begin one late',
      answer: byRatio((k) => half(k + 1)),
      diagnosis:
        'The coefficient of the first power is $\\frac34$ where it should be $\\frac12$: the ratios are taken one place too late.',
    },
    {
      name: 'ratios instead of coefficients',
      answer: (A, b, alpha, terms) => {
        let [term, sum] = [b, b];
        for (let k = 1; k < terms; k++) {
          term = axpy(-alpha, A.apply(term), term);
          sum = axpy(half(k), term, sum);
        }
        return scaled(Math.sqrt(alpha), sum);
      },
      diagnosis:
        'The $k$-th power has the coefficient $\\frac{2k-1}{2k}$. That is the *ratio* of one coefficient to the one before; they multiply up: $1, \\frac12, \\frac12\\cdot\\frac34, \\dots$',
    },
    {
      name: 'the coefficients multiplied up twice',
      answer: (A, b, alpha, terms) => {
        let [term, sum, coefficient] = [b, b, 1];
        for (let k = 1; k < terms; k++) {
          coefficient *= half(k);
          term = scaled(coefficient, axpy(-alpha, A.apply(term), term));
          sum = axpy(1, term, sum);
        }
        return scaled(Math.sqrt(alpha), sum);
      },
      diagnosis:
        'Each term inherits the coefficient of the one before, and is multiplied by its own whole coefficient besides. Either the term carries the coefficients, then it takes the ratio alone, or the sum does.',
    },
    {
      name: 'factorials in the coefficients',
      answer: byRatio((k) => half(k) / k),
      diagnosis:
        'Each coefficient is divided by $k!$ once too often. The $k$-th derivative of $(1 - x)^{-1/2}$ at 0 is $\\frac12\\cdot\\frac32\\cdots\\frac{2k-1}2$, and that over $k!$ is $\\frac{1\\cdot3\\cdots(2k-1)}{2\\cdot4\\cdots2k}$.',
    },
    {
      name: 'the factorials are missing',
      answer: byRatio((k) => (2 * k - 1) / 2),
      diagnosis:
        'The coefficients are the derivatives $\\frac12\\cdot\\frac32\\cdots\\frac{2k-1}2$ themselves, and grow. In a Taylor series the $k$-th derivative is divided by $k!$.',
    },
    {
      name: 'the term is the product alone',
      answer: (A, b, alpha, terms) => {
        let [term, sum, coefficient] = [b, b, 1];
        for (let k = 1; k < terms; k++) {
          term = scaled(-alpha, A.apply(term));
          coefficient *= half(k);
          sum = axpy(coefficient, term, sum);
        }
        return scaled(Math.sqrt(alpha), sum);
      },
      diagnosis:
        'The powers are those of $-\\alpha A$: the identity is missing. The new power is the old one *minus* $\\alpha A$ times it.',
    },
    {
      name: 'one term too many',
      answer: (A, b, alpha, terms) => scaled(Math.sqrt(alpha), powers(A, b, -alpha, terms + 1)),
      diagnosis:
        'The sum has $K + 1$ terms: $k$ runs from $0$ to $K$. Here $K$ counts the terms, so it ends at $K - 1$. (Some papers and libraries count the other way; that is why the convention is tested.)',
    },
    {
      name: 'one term too few',
      answer: (A, b, alpha, terms) =>
        scaled(Math.sqrt(alpha), powers(A, b, -alpha, Math.max(1, terms - 1))),
      diagnosis:
        'The sum has $K - 1$ terms where there are more than one. Count: the term $b$ is the first of the $K$, and the loop adds $K - 1$ more.',
    },
    {
      name: 'the term k = 0 is missing',
      answer: (A, b, alpha, terms) =>
        scaled(Math.sqrt(alpha), axpy(-1, b, powers(A, b, -alpha, terms + 1))),
      diagnosis:
        'The sum begins with $k = 1$. The power $0$ of a matrix is the identity: the first term is $b$.',
    },
    {
      name: 'α is missing inside the powers',
      answer: (A, b, alpha, terms) => scaled(Math.sqrt(alpha), powers(A, b, -1, terms)),
      diagnosis:
        'The powers are those of $I - A$. The series converges for $I - \\alpha A$, whose eigenvalues $\\alpha$ brings below 1 in size.',
    },
    {
      name: 'the sign inside the powers',
      answer: (A, b, alpha, terms) => scaled(Math.sqrt(alpha), powers(A, b, alpha, terms)),
      diagnosis:
        'The powers are those of $I + \\alpha A$, and the sum explodes. It is $X = I - \\alpha A$ whose powers are small.',
    },
    {
      name: 'the last term instead of the sum',
      answer: (A, b, alpha, terms) => {
        let [term, coefficient] = [b, 1];
        for (let k = 1; k < terms; k++) {
          term = axpy(-alpha, A.apply(term), term);
          coefficient *= half(k);
        }
        return scaled(Math.sqrt(alpha) * coefficient, term);
      },
      diagnosis: 'Only the term $k = K - 1$ is returned. The terms have to be added up on the way.',
    },
    {
      name: 'each power from the beginning',
      answer: (A, b, alpha, terms) => {
        let [sum, coefficient] = [scaled(0, b), 1];
        for (let k = 0; k < terms; k++) {
          let term = b;
          for (let i = 0; i < k; i++) term = axpy(-alpha, A.apply(term), term);
          if (k > 0) coefficient *= half(k);
          sum = axpy(Math.sqrt(alpha) * coefficient, term, sum);
        }
        return sum;
      },
      diagnosis:
        'The numbers are right, but every power is computed anew, which takes about $K^2/2$ products. Each power is one product away from the one before.',
      caughtBy: 'costs one product a term',
    },
  ],
  alternatives: [
    {
      name: "by Horner's rule",
      answer(A, b, alpha, terms) {
        let x = b;
        for (let k = terms - 1; k >= 1; k--) {
          const Ax = A.apply(x);
          x = x.map((value, i) => b[i]! + half(k) * (value - alpha * Ax[i]!));
        }
        return scaled(Math.sqrt(alpha), x);
      },
    },
    {
      name: 'the term carries its coefficient, in place, on plain numbers',
      answer(A, b, alpha, terms) {
        const term = Array.from(b, (value) => Math.sqrt(alpha) * value);
        const sum = [...term];
        for (let k = 1; k < terms; k++) {
          const product = A.apply(Float64Array.from(term));
          for (let i = 0; i < term.length; i++) {
            term[i] = (term[i]! - alpha * product[i]!) * (1 - 1 / (2 * k));
            sum[i]! += term[i]!;
          }
        }
        return sum;
      },
    },
    {
      name: 'all powers first, with binomial coefficients',
      answer(A, b, alpha, terms) {
        const list = [b];
        while (list.length < terms) list.push(axpy(-alpha, A.apply(list.at(-1)!), list.at(-1)!));
        const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
        return list.reduce(
          (sum, power, k) =>
            axpy((Math.sqrt(alpha) * factorial(2 * k)) / (4 ** k * factorial(k) ** 2), power, sum),
          scaled(0, b),
        );
      },
    },
  ],
  hints: [
    'With $X = I - \\alpha A$ it is $A = \\frac1\\alpha(I - X)$. The Neumann series is the Taylor series of $(1 - x)^{-1}$ with $X$ for $x$. Which Taylor series is wanted here?',
    '$(1 - x)^{-1/2} = 1 + \\frac12 x + \\frac12\\cdot\\frac34 x^2 + \\dots$: each coefficient is the one before, times $\\frac{2k-1}{2k}$. And $A^{-1/2} = \\sqrt\\alpha\\,(I - X)^{-1/2}$.',
    'The loop makes `terms - 1` products:\n```ts\nlet power = b;\nlet sum = b;\nlet coefficient = 1;\nfor (let k = 1; k < terms; k++) {\n  const product = A.apply(power);\n  power = // the next power, of I − αA\n  coefficient = // the next coefficient\n  sum = sum.map((s, i) => s + coefficient * power[i]);\n}\n```\nWhat is left to do with `sum`?',
  ],
};
