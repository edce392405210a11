import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import { randomMatrix, randomVector, shiftedMatrix } from '../linear';

type Neumann = (A: CountedOperator, b: Float64Array, alpha: number, terms: number) => Float64Array;

type Vector = Float64Array;

/** `a x + y`. */
const axpy = (a: number, x: Vector, y: Vector) => y.map((value, i) => value + a * x[i]!);

const scaled = (a: number, x: Vector) => x.map((value) => a * value);

/** The sum of the first powers of (I + factor Aᵀ), applied to b. */
function powers(A: CountedOperator, b: Vector, factor: number, terms: number): Vector {
  let term = b;
  let sum = b;
  for (let k = 1; k < terms; k++) {
    term = axpy(factor, A.transpose(term), term);
    sum = axpy(1, term, sum);
  }
  return sum;
}

const near = (seed: number, n: number) => shiftedMatrix(2, randomMatrix(seed, n, n, 0.4));

export const exercise: Exercise<Neumann> = {
  id: 'neumann-01',
  lesson: '09',
  title: 'Exactly K terms of the Neumann series of the transpose',
  difficulty: 1,
  minutes: 15,
  needs: ['09'],
  reference: (A, b, alpha, terms) => scaled(alpha, powers(A, b, -alpha, terms)),
  probes: [
    { name: 'four terms', args: () => [countedMatrix(near(1, 4)), randomVector(2, 4), 0.3, 4] },
    { name: 'one term', args: () => [countedMatrix(near(3, 3)), randomVector(4, 3), 0.2, 1] },
    { name: 'many terms', args: () => [countedMatrix(near(5, 5)), randomVector(6, 5), 0.25, 12] },
  ],
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
      name: 'A instead of its transpose',
      answer: (A, b, alpha, terms) =>
        scaled(alpha, powers({ ...A, transpose: (v) => A.apply(v) }, b, -alpha, terms)),
      diagnosis:
        'This is the series of $A^{-1}$, by products with $A$ itself. The adjoint of a problem whose matrix is not symmetric takes the transpose: `A.transpose(v)`.',
    },
    {
      name: 'α in each term',
      answer: (A, b, alpha, terms) => {
        let term = scaled(alpha, b);
        let sum = term;
        for (let k = 1; k < terms; k++) {
          term = scaled(alpha, axpy(-alpha, A.transpose(term), term));
          sum = axpy(1, term, sum);
        }
        return sum;
      },
      diagnosis:
        'Every term takes another factor $\\alpha$. It stands once in front of the whole sum: a term is the one before, multiplied by $I - \\alpha A^\\top$ and by nothing else.',
    },
    {
      name: 'sum and term are one array',
      answer: (A, b, alpha, terms) => {
        const both = scaled(alpha, b);
        for (let k = 1; k < terms; k++) {
          const product = A.transpose(both);
          for (let i = 0; i < both.length; i++) both[i]! -= alpha * product[i]!;
          for (let i = 0; i < both.length; i++) both[i]! += both[i]!;
        }
        return both;
      },
      diagnosis:
        '`sum = term` does not copy: both names mean the same array, and what is done to one in place is done to the other. Begin the sum with a copy, `term.slice()`.',
    },
    {
      name: 'the products are subtracted from the sum',
      answer: (A, b, alpha, terms) => {
        let term = scaled(alpha, b);
        let sum = term;
        for (let k = 1; k < terms; k++) {
          term = axpy(-alpha, A.transpose(term), term);
          sum = axpy(-1, term, sum);
        }
        return sum;
      },
      diagnosis:
        'The terms after the first are subtracted. The minus is inside: $(I - \\alpha A^\\top)^k$; the powers are added up.',
    },
    {
      name: 'the term is the product alone',
      answer: (A, b, alpha, terms) => {
        let term = scaled(alpha, b);
        let sum = term;
        for (let k = 1; k < terms; k++) {
          term = scaled(-alpha, A.transpose(term));
          sum = axpy(1, term, sum);
        }
        return sum;
      },
      diagnosis:
        'The powers are those of $-\\alpha A^\\top$: the identity is missing. The new term is the old one *minus* $\\alpha A^\\top$ times it.',
    },
    {
      name: 'the factor α in front',
      answer: (A, b, alpha, terms) => powers(A, b, -alpha, terms),
      diagnosis:
        'The sum of powers is right, but it is not multiplied by $\\alpha$. Without that factor the limit is $(\\alpha A^\\top)^{-1}b$. With one term the result should be $\\alpha b$.',
    },
    {
      name: 'one term too many',
      answer: (A, b, alpha, terms) => scaled(alpha, powers(A, b, -alpha, terms + 1)),
      diagnosis:
        'The sum has $K + 1$ terms: $k$ runs from $0$ to $K$. Here $K$ counts the terms, so it ends at $K - 1$. (Some papers and libraries count the other way; that is why the convention is tested.)',
    },
    {
      name: 'one term too few',
      answer: (A, b, alpha, terms) => scaled(alpha, powers(A, b, -alpha, Math.max(1, terms - 1))),
      diagnosis:
        'The sum has $K - 1$ terms where there are more than one. Count: the term $b$ is the first of the $K$, and the loop adds $K - 1$ more.',
    },
    {
      name: 'α twice',
      answer: (A, b, alpha, terms) => scaled(alpha ** 2, powers(A, b, -alpha, terms)),
      diagnosis:
        'The sum is multiplied by $\\alpha^2$: once on its way (in the first term, which all others inherit) and once at the end. With one term the result should be $\\alpha b$.',
    },
    {
      name: 'the term k = 0 is missing',
      answer: (A, b, alpha, terms) => {
        const sum = powers(A, b, -alpha, terms + 1);
        return scaled(alpha, axpy(-1, b, sum));
      },
      diagnosis:
        'The sum begins with $k = 1$. The power $0$ of a matrix is the identity: the first term is $b$.',
    },
    {
      name: 'α is missing inside the powers',
      answer: (A, b, alpha, terms) => scaled(alpha, powers(A, b, -1, terms)),
      diagnosis:
        'The powers are those of $I - A^\\top$. The series converges for $I - \\alpha A^\\top$, whose eigenvalues $\\alpha$ brings below 1 in size.',
    },
    {
      name: 'the sign inside the powers',
      answer: (A, b, alpha, terms) => scaled(alpha, powers(A, b, alpha, terms)),
      diagnosis:
        'The powers are those of $I + \\alpha A^\\top$, and the sum explodes. Check with numbers: $\\frac1a = \\alpha \\sum_k (1 - \\alpha a)^k$.',
    },
    {
      name: 'the last term instead of the sum',
      answer: (A, b, alpha, terms) => {
        let term = b;
        for (let k = 1; k < terms; k++) term = axpy(-alpha, A.transpose(term), term);
        return scaled(alpha, term);
      },
      diagnosis:
        'Only $\\alpha (I - \\alpha A^\\top)^{K-1} b$ is returned. The terms have to be added up on the way.',
    },
    {
      name: 'each power from the beginning',
      answer: (A, b, alpha, terms) => {
        let sum = scaled(0, b);
        for (let k = 0; k < terms; k++) {
          let term = b;
          for (let i = 0; i < k; i++) term = axpy(-alpha, A.transpose(term), term);
          sum = axpy(alpha, term, sum);
        }
        return sum;
      },
      diagnosis:
        'The numbers are right, but every power is computed anew, which takes about $K^2/2$ products. Each term is one product away from the one before.',
      caughtBy: 'costs one product a term',
    },
  ],
  alternatives: [
    {
      name: 'as fixed-point steps from 0',
      answer(A, b, alpha, terms) {
        let x = scaled(0, b);
        for (let k = 0; k < terms; k++) {
          const Ax = A.transpose(x);
          x = x.map((value, i) => value + alpha * (b[i]! - Ax[i]!));
        }
        return x;
      },
    },
    {
      name: 'in place, on plain numbers',
      answer(A, b, alpha, terms) {
        const term = Array.from(b, (value) => alpha * value);
        const sum = [...term];
        for (let k = 1; k < terms; k++) {
          const product = A.transpose(Float64Array.from(term));
          for (let i = 0; i < term.length; i++) {
            term[i]! -= alpha * product[i]!;
            sum[i]! += term[i]!;
          }
        }
        return sum;
      },
    },
  ],
  hints: [
    'A geometric series: each term is the one before, multiplied by the same matrix. Keep the term and the sum.',
    '$t_0 = b,\\quad t_{k+1} = t_k - \\alpha A^\\top t_k,\\quad$ and the result is $\\alpha\\,(t_0 + \\dots + t_{K-1})$.',
    'The loop makes `terms - 1` products:\n```ts\nlet term = b;\nlet sum = b;\nfor (let k = 1; k < terms; k++) {\n  const product = A.transpose(term);\n  term = // the next term\n  sum = sum.map((s, i) => s + term[i]);\n}\n```\nWhat is left to do with `sum`?',
  ],
};
