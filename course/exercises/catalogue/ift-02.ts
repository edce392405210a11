import { cg, dense, type LinearOperator, minres } from 'implicit-lab';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  norm,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

/** Least squares with fewer examples than weights, at an interpolating w. */
interface Interpolation {
  /** The features, n × p with n < p, of rank n. */
  X: CountedOperator;
  /** How the targets move with λ: n rows of m numbers. */
  Z: Float64Array[];
  /** `∂E/∂w`, p numbers. */
  outer: Float64Array;
  /** τ > 0. */
  damping: number;
}

type Hypergradients = (given: Interpolation) => { leastNorm: Float64Array; damped: Float64Array };

const rowsOf = (M: Matrix) => M.map((row) => Float64Array.from(row));
const plain = (M: Float64Array[]): Matrix => M.map((row) => [...row]);
const pull = (Z: Float64Array[], u: ArrayLike<number>) => multiply(transposed(plain(Z)), u);
const plus = (x: Float64Array, a: number, y: Float64Array) =>
  x.map((value, i) => value + a * y[i]!);
const scaled = (a: number, x: Float64Array) => x.map((value) => a * value);

/** `(XXᵀ + shift)⁻¹ u`. */
function kernelSolve(X: CountedOperator, shift: number, u: Float64Array): Float64Array {
  const kernel: LinearOperator<Float64Array> = {
    apply: (v) => plus(X.apply(X.transpose(v)), shift, v),
    dispose() {},
  };
  return dense({ tolerance: 1e-9 }).solveSync(kernel, u).value;
}

/** `Zᵀ(XXᵀ + shift)⁻¹ X ∂E/∂w`. */
const pulled = ({ X, Z, outer }: Interpolation, shift: number) =>
  pull(Z, kernelSolve(X, shift, X.apply(outer)));

/** The number of examples. */
const examples = ({ Z }: Interpolation) => Z.length;

/** `XᵀX/n + τI`. */
const weightsHessian = ({ X, Z }: Interpolation, tau: number): LinearOperator<Float64Array> => ({
  apply: (v) => plus(scaled(1 / Z.length, X.transpose(X.apply(v))), tau, v),
  dispose() {},
});

function interpolation(seed: number, n: number, p: number, h: number, damping: number) {
  return {
    X: countedMatrix(randomMatrix(seed, n, p)),
    Z: rowsOf(randomMatrix(seed + 1, n, h)),
    outer: randomVector(seed + 2, p),
    damping,
  };
}

const distance = (a: Float64Array, b: Float64Array) => norm(plus(a, -1, b)) / norm(b);

export const exercise: Exercise<Hypergradients> = {
  id: 'ift-02',
  lesson: '08',
  title: 'Where the Hessian is singular',
  difficulty: 3,
  minutes: 30,
  needs: ['08', 'ift-01'],
  reference: (given) => ({
    leastNorm: pulled(given, 0),
    damped: pulled(given, examples(given) * given.damping),
  }),
  probes: [
    { name: 'wide', args: () => [interpolation(10, 4, 9, 3, 0.7)] },
    { name: 'one sample', args: () => [interpolation(20, 1, 4, 2, 0.4)] },
    { name: 'weakly damped', args: () => [interpolation(30, 5, 12, 4, 0.05)] },
    { name: 'many weights', args: () => [interpolation(40, 3, 200, 2, 0.2)] },
  ],
  fresh: (seed) => [interpolation(seed, 3, 200, 2, 0.2)],
  properties: [
    {
      name: 'works in the space of the examples',
      complaint: ({ args: [given], probe }) =>
        given.X.products > 8 * examples(given) + 24
          ? `On the ${probe} probe, with ${examples(given)} examples and ${given.outer.length} weights, it took ${given.X.products} products with $X$ or its transpose. Two n × n systems need about ${4 * examples(given) + 2}.`
          : undefined,
    },
    {
      name: 'does not see the null space',
      async complaint({ args: [given], result, answer }) {
        const { X, outer } = given;
        const before = X.products;
        // What is left of a vector when its part in the row space is taken out.
        const any = randomVector(99, outer.length);
        const inRows = X.transpose(kernelSolve(X, 0, X.apply(any)));
        const moved = await answer({ ...given, outer: plus(outer, 1, plus(any, -1, inRows)) });
        X.products = before;
        const change = distance(moved.leastNorm, result.leastNorm);
        return change > 1e-6
          ? `A vector $u$ with $Xu = 0$ was added to $\\partial E/\\partial w$, and \`leastNorm\` changed by ${change.toPrecision(2)} of its length. No target can move $w$ along $u$.`
          : undefined;
      },
    },
    {
      name: 'the damped tends to the least-norm one',
      async complaint({ args: [given], result, answer }) {
        const before = given.X.products;
        const { damped } = await answer({ ...given, damping: 1e-7 });
        given.X.products = before;
        const apart = distance(damped, result.leastNorm);
        return apart > 1e-4
          ? `With a damping of 1e-7, \`damped\` is ${apart.toPrecision(2)} of its length away from \`leastNorm\`.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the sign',
      answer: (given) => ({
        leastNorm: scaled(-1, pulled(given, 0)),
        damped: scaled(-1, pulled(given, examples(given) * given.damping)),
      }),
      diagnosis:
        'Both have the opposite sign. There is a minus in $\\mathrm dE/\\mathrm d\\lambda = -B^\\top H^{-1}\\partial_w E$ and another in $B = -X^\\top Z/n$.',
    },
    {
      name: 'the damping without n',
      answer: (given) => ({ leastNorm: pulled(given, 0), damped: pulled(given, given.damping) }),
      diagnosis:
        'The damping is added to $XX^\\top$, not to $H$. $H = X^\\top X/n$ has a $1/n$ in it: multiply $H + \\tau I$ by $n$ and see what becomes of $\\tau$.',
    },
    {
      name: 'the Hessian without its 1/n',
      answer: (given) => ({
        leastNorm: scaled(1 / examples(given), pulled(given, 0)),
        damped: scaled(1 / examples(given), pulled(given, given.damping)),
      }),
      diagnosis:
        'The results are those of $H = X^\\top X$ with $B = -X^\\top Z/n$. Both come from one $f$ and carry the same $1/n$.',
    },
    {
      name: 'an inverse too many',
      answer: ({ X, Z, outer, damping }) => {
        const twice = (shift: number) =>
          pull(Z, kernelSolve(X, shift, kernelSolve(X, shift, X.apply(outer))));
        return { leastNorm: twice(0), damped: twice(Z.length * damping) };
      },
      diagnosis:
        'The inverse of $XX^\\top$ stands there twice. It is true that $(X^\\top X)^+ = X^\\top (XX^\\top)^{-2} X$; but $B^\\top$ brings another $X$, and $X X^\\top (XX^\\top)^{-2}$ is less than that.',
    },
    {
      name: 'B without its 1/n',
      answer: (given) => ({
        leastNorm: scaled(examples(given), pulled(given, 0)),
        damped: scaled(examples(given), pulled(given, examples(given) * given.damping)),
      }),
      diagnosis:
        'The results are those of $H = X^\\top X/n$ with $B = -X^\\top Z$. Both come from one $f$ and carry the same $1/n$.',
    },
    {
      name: 'a p × p matrix is formed',
      answer: (given) => {
        const { X, Z, outer, damping } = given;
        const p = outer.length;
        const H = Array.from({ length: p }, (_, j) => {
          const unit = new Float64Array(p);
          unit[j] = 1;
          return [...scaled(1 / Z.length, X.transpose(X.apply(unit)))];
        });
        const back = (tau: number) =>
          scaled(1 / Z.length, pull(Z, X.apply(solveDense(shiftedMatrix(tau, H), outer))));
        return { leastNorm: back(1e-7), damped: back(damping) };
      },
      diagnosis:
        'The numbers are right, but a $p \\times p$ matrix was formed, with a tiny damping for the pseudo-inverse. All that $B^\\top$ lets through lies in a space of $n$ dimensions: an n × n matrix is enough, and needs no damping.',
      caughtBy: 'works in the space of the examples',
    },
    {
      name: 'damped in both',
      answer: (given) => {
        const damped = pulled(given, examples(given) * given.damping);
        return { leastNorm: damped, damped };
      },
      diagnosis:
        'The least-norm result is damped as well. Without damping $H$ has no inverse, but $XX^\\top$, which is n × n, has one.',
    },
    {
      name: 'nothing is solved',
      answer: ({ X, Z, outer }) => {
        const plainly = scaled(1 / Z.length, pull(Z, X.apply(outer)));
        return { leastNorm: plainly, damped: plainly };
      },
      diagnosis:
        'That is $-B^\\top\\partial_w E$: the inverse Hessian is missing, in both results.',
    },
  ],
  alternatives: [
    {
      name: 'by products in the space of the weights: MINRES, and CG with damping',
      answer(given) {
        const { X, Z, outer, damping } = given;
        const back = (v: Float64Array) => scaled(1 / Z.length, pull(Z, X.apply(v)));
        const tight = { tolerance: 1e-12, maxIterations: 2 * Z.length + 2 };
        return {
          leastNorm: back(minres(tight).solveSync(weightsHessian(given, 0), outer).value),
          damped: back(cg(tight).solveSync(weightsHessian(given, damping), outer).value),
        };
      },
    },
    {
      name: 'the outer gradient brought into the row space first, plain arrays',
      answer({ X, Z, outer, damping }) {
        const coefficients = kernelSolve(X, 0, X.apply(outer)); // of the part in the row space
        const damped = kernelSolve(X, Z.length * damping, X.apply(X.transpose(coefficients)));
        return {
          leastNorm: Array.from(pull(Z, coefficients)),
          damped: Array.from(pull(Z, damped)),
        };
      },
    },
    {
      name: 'the n × n matrix once, by elimination',
      answer({ X, Z, outer, damping }) {
        const n = Z.length;
        const K = Array.from({ length: n }, (_, j) => {
          const unit = new Float64Array(n);
          unit[j] = 1;
          return [...X.apply(X.transpose(unit))];
        });
        const Xg = X.apply(outer);
        const solved = (shift: number) => pull(Z, solveDense(shiftedMatrix(shift, K), Xg));
        return { leastNorm: solved(0), damped: solved(n * damping) };
      },
    },
  ],
  hints: [
    '$H$ is p × p of rank n < p, so it cannot be inverted; but everything that $B^\\top$ lets through lies in the row space of $X$, which has n dimensions. Bring the problem into that space.',
    'The push-through identity: $X\\,(X^\\top X + c I)^{-1} = (XX^\\top + c I)^{-1} X$. On the right there is an n × n matrix, which is invertible even for $c = 0$.',
    '$-B^\\top (H + \\tau I)^{-1}\\partial_w E = Z^\\top (XX^\\top + n\\tau I)^{-1} X\\,\\partial_w E$:\n```ts\nconst projected = X.apply(outer);\nconst solved = (shift: number) =>\n  dense({ tolerance: 1e-9 }).solveSync({ apply: (u) => /* XXᵀu + shift u */, dispose() {} }, projected).value;\nreturn { leastNorm: pull(Z, solved(0)), damped: /* which shift? */ };\n```',
  ],
};
