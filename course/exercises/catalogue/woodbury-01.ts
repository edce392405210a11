import { cg } from 'implicit-lab';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import { type Matrix, multiply, product, randomMatrix, randomVector, solveDense } from '../linear';

interface LowRank {
  /** J, m × p, with m much smaller than p. */
  jacobian: CountedOperator;
  /** S, m × m, symmetric, perhaps singular. */
  S: Matrix;
  delta: number;
}

type Woodbury = (matrix: LowRank, g: Float64Array) => Float64Array;

/** `J Jᵀ`, column by column. */
function gram(jacobian: CountedOperator, m: number): Matrix {
  const columns = Array.from({ length: m }, (_, i) => {
    const unit = new Float64Array(m);
    unit[i] = 1;
    return [...jacobian.apply(jacobian.transpose(unit))];
  });
  return columns[0]!.map((_, i) => columns.map((column) => column[i]!));
}

/** `I + factor · M`. */
const onePlus = (factor: number, M: Matrix): Matrix =>
  M.map((row, i) => row.map((value, j) => (i === j ? 1 : 0) + factor * value));

/** What the formula is made of; mutants do something else. */
interface Rules {
  inner(delta: number, S: Matrix, K: Matrix): Matrix;
  rightSide(S: Matrix, Jg: Float64Array): Float64Array;
  /** What the correction is multiplied by. */
  outer(delta: number): number;
}

const right: Rules = {
  inner: (delta, S, K) => onePlus(delta, product(S, K)),
  rightSide: (S, Jg) => multiply(S, Jg),
  outer: (delta) => delta,
};

function woodbury(
  { jacobian, S, delta }: LowRank,
  g: Float64Array,
  changed: Partial<Rules> = {},
): Float64Array {
  const rules = { ...right, ...changed };
  const K = gram(jacobian, S.length);
  const y = solveDense(rules.inner(delta, S, K), rules.rightSide(S, jacobian.apply(g)));
  const share = jacobian.transpose(y);
  return g.map((value, i) => value - rules.outer(delta) * share[i]!);
}

/** `(diag p − p pᵀ) / n` for each example on the diagonal: symmetric, and singular. */
function softmaxCurvature(seed: number, n: number, C: number): Matrix {
  const p = randomMatrix(seed, n, C).map((z) => {
    const exponentials = z.map(Math.exp);
    const total = exponentials.reduce((sum, e) => sum + e);
    return exponentials.map((e) => e / total);
  });
  return Array.from({ length: n * C }, (_, row) =>
    Array.from({ length: n * C }, (_, column) => {
      const [i, c] = [Math.floor(row / C), row % C];
      const [j, d] = [Math.floor(column / C), column % C];
      return i === j ? ((c === d ? p[i]![c]! : 0) - p[i]![c]! * p[i]![d]!) / n : 0;
    }),
  );
}

const PARAMETERS = 80;

export const exercise: Exercise<Woodbury> = {
  id: 'woodbury-01',
  lesson: '07',
  title: 'A few examples, many parameters: Woodbury',
  difficulty: 2,
  minutes: 25,
  needs: ['04b', '07'],
  reference: (matrix, g) => woodbury(matrix, g),
  probes: [
    {
      name: 'regular',
      args: () => [
        {
          jacobian: countedMatrix(randomMatrix(1, 3, 5)),
          S: [
            [2, 0.5, 0.1],
            [0.5, 1, -0.3],
            [0.1, -0.3, 0.7],
          ],
          delta: 0.6,
        },
        randomVector(2, 5),
      ],
    },
    {
      name: 'softmax',
      args: () => [
        {
          jacobian: countedMatrix(randomMatrix(11, 6, 9)),
          S: softmaxCurvature(12, 2, 3),
          delta: 5,
        },
        randomVector(13, 9),
      ],
    },
    {
      name: 'wide',
      args: () => [
        {
          jacobian: countedMatrix(randomMatrix(21, 8, PARAMETERS)),
          S: softmaxCurvature(22, 2, 4),
          delta: 2,
        },
        randomVector(23, PARAMETERS),
      ],
    },
    {
      name: 'steep, of low rank',
      args: () => [
        {
          jacobian: countedMatrix(randomMatrix(31, 4, 7, 3000)),
          S: [
            [0.25, -0.25, 0, 0],
            [-0.25, 0.25, 0, 0],
            [0, 0, 0, 0],
            [0, 0, 0, 0],
          ],
          delta: 0.3,
        },
        randomVector(33, 7),
      ],
    },
    {
      name: 'one output',
      args: () => [
        { jacobian: countedMatrix(randomMatrix(41, 1, 3)), S: [[0.8]], delta: 1.5 },
        randomVector(42, 3),
      ],
    },
  ],
  fresh: (seed) => [
    {
      jacobian: countedMatrix(randomMatrix(seed, 8, PARAMETERS)),
      S: softmaxCurvature(seed + 1, 2, 4),
      delta: 2,
    },
    randomVector(seed + 2, PARAMETERS),
  ],
  properties: [
    {
      name: 'forms nothing of the size of the parameters',
      complaint: ({ probe, args: [{ jacobian, S }, g] }) =>
        jacobian.products > 4 * S.length + 8
          ? `On the ${probe} probe (${S.length} outputs, ${g.length} parameters) it took ${jacobian.products} products with J or its transpose. Two for each output, and a few more, are enough.`
          : undefined,
    },
    {
      name: 'solves the system',
      complaint({ args: [{ jacobian, S, delta }, g], result, probe }) {
        const before = jacobian.products;
        const curved = jacobian.transpose(multiply(S, jacobian.apply(result)));
        jacobian.products = before;
        const gap = g.map((value, i) => value - result[i]! - delta * curved[i]!);
        const size = (v: Float64Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
        const relative = size(gap) / size(g);
        // What the steepest direction makes of an error of the size that is tolerated.
        const allowed = probe === 'steep, of low rank' ? 1 : 1e-6;
        return relative > allowed
          ? `On the ${probe} probe the residual ‖g − (I + δJᵀSJ)s‖ is ${relative.toPrecision(2)} of ‖g‖.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'δ is missing in the small system',
      answer: (matrix, g) => woodbury(matrix, g, { inner: (_, S, K) => onePlus(1, product(S, K)) }),
      diagnosis:
        'The small matrix is $I + SJJ^\\top$. The step size belongs to $S$ everywhere: think of $\\delta S$ as one matrix.',
    },
    {
      name: 'δ is missing in the correction',
      answer: (matrix, g) => woodbury(matrix, g, { outer: () => 1 }),
      diagnosis:
        'The small system is right, but what is taken from $g$ is $J^\\top y$. For $\\delta \\to 0$ nothing may be taken away: the factor $\\delta$ stands in front.',
    },
    {
      name: 'the sign of the correction',
      answer: (matrix, g) => woodbury(matrix, g, { outer: (delta) => -delta }),
      diagnosis:
        'The correction is added. $(I + \\delta G)^{-1}$ makes vectors shorter, for instance $\\frac1{1 + a} = 1 - \\frac{a}{1 + a}$.',
    },
    {
      name: 'S is missing on the right-hand side',
      answer: (matrix, g) => woodbury(matrix, g, { rightSide: (_, Jg) => Jg }),
      diagnosis:
        'The small system is solved for $Jg$. Without $S$ there the correction does not vanish where $S$ is 0.',
    },
    {
      name: 'the order of S and the Gram matrix',
      answer: (matrix, g) =>
        woodbury(matrix, g, { inner: (delta, S, K) => onePlus(delta, product(K, S)) }),
      diagnosis:
        'The small matrix is $I + \\delta JJ^\\top S$, with $SJg$ on the right. The two do not commute: with $SJg$ on the right, $S$ stands on the left of $JJ^\\top$.',
    },
    {
      name: 'S is missing in the small system',
      answer: (matrix, g) => woodbury(matrix, g, { inner: (delta, _, K) => onePlus(delta, K) }),
      diagnosis: 'The small matrix is $I + \\delta JJ^\\top$, as if $S$ were the identity.',
    },
    {
      name: 'the identity is missing in the small system',
      answer: (matrix, g) =>
        woodbury(matrix, g, {
          inner: (delta, S, K) => product(S, K).map((row) => row.map((x) => delta * x)),
        }),
      diagnosis:
        'The small matrix is $\\delta SJJ^\\top$, without the identity. Then the correction takes away all of what $J$ sees; and where $S$ is singular, the small matrix is, too.',
    },
    {
      name: 'a regularised inverse of S',
      answer: ({ jacobian, S, delta }, g) => {
        const m = S.length;
        const K = gram(jacobian, m);
        const shifted = S.map((row, i) => row.map((s, j) => (i === j ? s + 1e-8 : s)));
        const inverse = Array.from({ length: m }, (_, j) => [
          ...solveDense(
            shifted,
            S.map((_, i) => (i === j ? 1 : 0)),
          ),
        ]);
        const M = K.map((row, i) => row.map((k, j) => inverse[j]![i]! / delta + k));
        const share = jacobian.transpose(solveDense(M, jacobian.apply(g)));
        return g.map((value, i) => value - share[i]!);
      },
      diagnosis:
        'These are the numbers that come out when $S$ is inverted with a little added to its diagonal. Where $S$ is singular and $J$ is large, that little is a curvature of its own, which nothing in the problem has. The formula can be written without an inverse of $S$.',
    },
    {
      name: 'the large matrix is formed',
      answer({ jacobian, S, delta }, g) {
        const p = g.length;
        const columns = Array.from({ length: p }, (_, j) => {
          const unit = new Float64Array(p);
          unit[j] = 1;
          return [...jacobian.transpose(multiply(S, jacobian.apply(unit)))];
        });
        return solveDense(onePlus(delta, columns), g);
      },
      diagnosis:
        'The numbers are right, but a p × p matrix is formed and factorized. The rank of $J^\\top SJ$ is at most the number of outputs, and a system of that size is enough.',
      caughtBy: 'forms nothing of the size of the parameters',
    },
  ],
  alternatives: [
    {
      name: 'with S outside of the small system',
      answer({ jacobian, S, delta }, g) {
        const K = gram(jacobian, S.length);
        const y = solveDense(onePlus(delta, product(K, S)), jacobian.apply(g));
        const share = jacobian.transpose(multiply(S, y));
        return g.map((value, i) => value - delta * share[i]!);
      },
    },
    {
      name: 'conjugate gradients on the large system',
      answer({ jacobian, S, delta }, g) {
        const A = {
          apply(v: Float64Array) {
            const curved = jacobian.transpose(multiply(S, jacobian.apply(v)));
            return v.map((value, i) => value + delta * curved[i]!);
          },
          dispose() {},
        };
        return cg({ tolerance: 1e-10 }).solveSync(A, g).value;
      },
    },
  ],
  hints: [
    'Write $s = g - \\delta J^\\top y$ with an unknown $y$ of $m$ numbers, put it into the system, and ask what $y$ has to satisfy.',
    '$(I_m + \\delta\\,S JJ^\\top)\\,y = S J g$ and $s = g - \\delta J^\\top y$. The columns of $JJ^\\top$ come from unit vectors of length $m$: one product with $J^\\top$ and one with $J$ each.',
    'With `solveDense(M, b)` and `multiply(M, v)`:\n```ts\nconst m = S.length;\nconst columns = Array.from({ length: m }, (_, j) => {\n  const unit = new Float64Array(m);\n  unit[j] = 1;\n  return multiply(S, jacobian.apply(jacobian.transpose(unit)));  // S J Jᵀ e_j\n});\nconst M = S.map((_, i) => columns.map((column, j) => (i === j ? 1 : 0) + delta * column[i]));\nconst y = solveDense(M, /* the right-hand side */);\n```',
  ],
};
