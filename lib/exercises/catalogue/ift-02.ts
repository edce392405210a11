import { cg, dense, minres } from '../../solvers';
import type { LinearOperator } from '../../spaces';
import type { Exercise } from '../exercise';
import { type Matrix, multiply, norm, randomMatrix, randomVector, transposed } from '../linear';

/** Least squares with fewer samples than weights, at an interpolating w. */
interface Interpolation {
  /** The features: n rows of p numbers, n < p, of rank n. */
  X: Float64Array[];
  /** How the targets move with θ: n rows of h numbers. */
  Z: Float64Array[];
  /** `∂g/∂w`, p numbers. */
  outer: Float64Array;
  /** τ > 0. */
  damping: number;
}

type Hypergradients = (given: Interpolation) => { leastNorm: Float64Array; damped: Float64Array };

const rowsOf = (M: Matrix) => M.map((row) => Float64Array.from(row));
const plain = (M: Float64Array[]): Matrix => M.map((row) => [...row]);
const apply = (M: Float64Array[], v: ArrayLike<number>) => multiply(plain(M), v);
const applyTransposed = (M: Float64Array[], u: ArrayLike<number>) =>
  multiply(transposed(plain(M)), u);
const plus = (x: Float64Array, a: number, y: Float64Array) =>
  x.map((value, i) => value + a * y[i]!);
const scaled = (a: number, x: Float64Array) => x.map((value) => a * value);

/** `(XXᵀ + shift)⁻¹ u`. */
function kernelSolve(X: Float64Array[], shift: number, u: Float64Array): Float64Array {
  const kernel: LinearOperator<Float64Array> = {
    apply: (v) => plus(apply(X, applyTransposed(X, v)), shift, v),
    dispose() {},
  };
  return dense({ tolerance: 1e-9 }).solveSync(kernel, u).value;
}

/** `Zᵀ(XXᵀ + shift)⁻¹ X ∂g/∂w`. */
const pulled = ({ X, Z, outer }: Interpolation, shift: number) =>
  applyTransposed(Z, kernelSolve(X, shift, apply(X, outer)));

/** `XᵀX/n + τI`. */
const weightsHessian = (X: Float64Array[], tau: number): LinearOperator<Float64Array> => ({
  apply: (v) => plus(scaled(1 / X.length, applyTransposed(X, apply(X, v))), tau, v),
  dispose() {},
});

function interpolation(seed: number, n: number, p: number, h: number, damping: number) {
  return {
    X: rowsOf(randomMatrix(seed, n, p)),
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
    damped: pulled(given, given.X.length * given.damping),
  }),
  probes: [
    { name: 'wide', args: () => [interpolation(10, 4, 9, 3, 0.7)] },
    { name: 'one sample', args: () => [interpolation(20, 1, 4, 2, 0.4)] },
    { name: 'weakly damped', args: () => [interpolation(30, 5, 12, 2, 0.05)] },
  ],
  properties: [
    {
      name: 'does not see the null space',
      async complaint({ args: [given], result, answer }) {
        const { X, outer } = given;
        // What is left of a vector when its part in the row space is taken out.
        const any = randomVector(99, outer.length);
        const inRows = applyTransposed(X, kernelSolve(X, 0, apply(X, any)));
        const moved = await answer({ ...given, outer: plus(outer, 1, plus(any, -1, inRows)) });
        const change = distance(moved.leastNorm, result.leastNorm);
        return change > 1e-6
          ? `A vector $u$ with $Xu = 0$ was added to ∂g/∂w, and \`leastNorm\` changed by ${change.toPrecision(2)} of its length. No target can move $w$ along $u$.`
          : undefined;
      },
    },
    {
      name: 'the damped tends to the least-norm one',
      async complaint({ args: [given], result, answer }) {
        const { damped } = await answer({ ...given, damping: 1e-7 });
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
        damped: scaled(-1, pulled(given, given.X.length * given.damping)),
      }),
      diagnosis:
        'Both have the opposite sign. There is a minus in $\\mathrm dg/\\mathrm d\\theta = -B^\\top A^{-1}\\partial_w g$ and another in $B = -X^\\top Z/n$.',
    },
    {
      name: 'the damping without n',
      answer: (given) => ({ leastNorm: pulled(given, 0), damped: pulled(given, given.damping) }),
      diagnosis:
        'The damping is added to $XX^\\top$, not to $A$. $A = X^\\top X/n$ has a $1/n$ in it: multiply $A + \\tau I$ by $n$ and see what becomes of $\\tau$.',
    },
    {
      name: 'the Hessian without its 1/n',
      answer: (given) => ({
        leastNorm: scaled(1 / given.X.length, pulled(given, 0)),
        damped: scaled(1 / given.X.length, pulled(given, given.damping)),
      }),
      diagnosis:
        'The results are those of $A = X^\\top X$ with $B = -X^\\top Z/n$. Both come from one $f$ and carry the same $1/n$.',
    },
    {
      name: 'an inverse too many',
      answer: ({ X, Z, outer, damping }) => {
        const twice = (shift: number) =>
          applyTransposed(Z, kernelSolve(X, shift, kernelSolve(X, shift, apply(X, outer))));
        return { leastNorm: twice(0), damped: twice(X.length * damping) };
      },
      diagnosis:
        'The inverse of $XX^\\top$ stands there twice. It is true that $(X^\\top X)^+ = X^\\top (XX^\\top)^{-2} X$; but $B^\\top$ brings another $X$, and $X X^\\top (XX^\\top)^{-2}$ is less than that.',
    },
    {
      name: 'damped in both',
      answer: (given) => {
        const damped = pulled(given, given.X.length * given.damping);
        return { leastNorm: damped, damped };
      },
      diagnosis:
        'The least-norm result is damped as well. Without damping $A$ has no inverse, but $XX^\\top$, which is n × n, has one.',
    },
    {
      name: 'nothing is solved',
      answer: ({ X, Z, outer }) => {
        const plainly = scaled(1 / X.length, applyTransposed(Z, apply(X, outer)));
        return { leastNorm: plainly, damped: plainly };
      },
      diagnosis:
        'That is $-B^\\top\\partial_w g$: the inverse Hessian is missing, in both results.',
    },
  ],
  alternatives: [
    {
      name: 'in the space of the weights: MINRES, and CG with damping',
      answer({ X, Z, outer, damping }) {
        const back = (v: Float64Array) => scaled(1 / X.length, applyTransposed(Z, apply(X, v)));
        const tight = { tolerance: 1e-12, maxIterations: 200 };
        return {
          leastNorm: back(minres(tight).solveSync(weightsHessian(X, 0), outer).value),
          damped: back(cg(tight).solveSync(weightsHessian(X, damping), outer).value),
        };
      },
    },
    {
      name: 'the outer gradient brought into the row space first, plain arrays',
      answer({ X, Z, outer, damping }) {
        const coefficients = kernelSolve(X, 0, apply(X, outer)); // of the part in the row space
        const kernel = (u: Float64Array) => apply(X, applyTransposed(X, u));
        const damped = kernelSolve(X, X.length * damping, kernel(coefficients));
        return {
          leastNorm: Array.from(applyTransposed(Z, coefficients)),
          damped: Array.from(applyTransposed(Z, damped)),
        };
      },
    },
  ],
  hints: [
    '$A$ is p × p of rank n < p, so it cannot be inverted; but everything that $B^\\top$ lets through lies in the row space of $X$, which has n dimensions. Bring the problem into that space.',
    'The push-through identity: $X\\,(X^\\top X + c I)^{-1} = (XX^\\top + c I)^{-1} X$. On the right there is an n × n matrix, which is invertible even for $c = 0$.',
    '$-B^\\top (A + \\tau I)^{-1}\\partial_w g = Z^\\top (XX^\\top + n\\tau I)^{-1} X\\,\\partial_w g$:\n```ts\nconst projected = apply(X, outer);\nconst solved = (shift: number) =>\n  dense({ tolerance: 1e-9 }).solveSync({ apply: (u) => /* XXᵀu + shift u */, dispose() {} }, projected).value;\nreturn { leastNorm: applyTransposed(Z, solved(0)), damped: /* which shift? */ };\n```',
  ],
};
