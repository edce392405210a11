import { cg } from '../../solvers';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  transposed,
} from '../linear';

/** The derivatives at the inner solution, as products only. */
interface Derivatives {
  /** `A = ∂²f/∂x²`, p × p, symmetric positive definite. */
  hessian: CountedOperator;
  /** `B = ∂²f/∂x∂θ`, p × h: `jvp(u) = B u`, `vjp(v) = Bᵀ v`. */
  mixed: { jvp(u: Float64Array): Float64Array; vjp(v: Float64Array): Float64Array };
  /** `∂g/∂x`, p numbers. */
  outerX: Float64Array;
  /** `∂g/∂θ`, h numbers. */
  outerTheta: Float64Array;
}

type Hypergradient = (derivatives: Derivatives) => Float64Array;

const solve = (A: CountedOperator, b: Float64Array) =>
  cg({ tolerance: 1e-12 }).solveSync(A, b).value;

/** `∂g/∂θ − factor · c`. */
const minus = (outerTheta: Float64Array, c: Float64Array, factor = 1) =>
  outerTheta.map((value, i) => value - factor * c[i]!);

const columns = (length: number, column: (unit: Float64Array) => Float64Array) =>
  Array.from({ length }, (_, j) => {
    const unit = new Float64Array(length);
    unit[j] = 1;
    return column(unit);
  });

const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

function derivatives(seed: number, A: Matrix, h: number): Derivatives {
  const B = countedMatrix(randomMatrix(seed, A.length, h));
  return {
    hessian: countedMatrix(A),
    mixed: { jvp: (u) => B.apply(u), vjp: (v) => B.transpose(v) },
    outerX: randomVector(seed + 1, A.length),
    outerTheta: randomVector(seed + 2, h),
  };
}

/** `shift · I + R Rᵀ` with R of normal numbers, n × rank. */
function positive(seed: number, n: number, rank: number, shift: number): Matrix {
  const R = randomMatrix(seed, n, rank);
  return shiftedMatrix(shift, product(R, transposed(R)));
}

/** CG needs a handful of products for I + rank 3, whatever its size. */
const WIDE = 60;
const ENOUGH = 30;

export const exercise: Exercise<Hypergradient> = {
  id: 'ift-01',
  lesson: '08',
  title: 'The hypergradient by one solve',
  difficulty: 2,
  minutes: 20,
  needs: ['08'],
  reference: ({ hessian, mixed, outerX, outerTheta }) =>
    minus(outerTheta, mixed.vjp(solve(hessian, outerX))),
  probes: [
    { name: 'square', args: () => [derivatives(20, positive(21, 4, 4, 0.5), 4)] },
    { name: 'rectangular', args: () => [derivatives(30, positive(31, 5, 5, 0.5), 3)] },
    { name: 'large', args: () => [derivatives(40, positive(41, WIDE, 3, 1), 8)] },
  ],
  properties: [
    {
      name: 'uses products only',
      complaint({ args: [{ hessian }], result, probe }) {
        if (probe !== 'large' || result.length === 0 || hessian.products <= ENOUGH)
          return undefined;
        return `On the large probe (${WIDE} × ${WIDE}, identity plus rank 3) it took ${hessian.products} products with the Hessian. Conjugate gradients need about 5 for one right-hand side.`;
      },
    },
  ],
  mutants: [
    {
      name: 'the sign of the implicit term',
      answer: ({ hessian, mixed, outerX, outerTheta }) =>
        minus(outerTheta, mixed.vjp(solve(hessian, outerX)), -1),
      diagnosis:
        'The implicit term is added. Differentiate $\\partial_x f(x^*(\\theta), \\theta) = 0$: the two terms sum to 0, so $A\\,\\partial x^* = -B$, with a minus.',
    },
    {
      name: 'the direct term is missing',
      answer: ({ hessian, mixed, outerX, outerTheta }) =>
        minus(new Float64Array(outerTheta.length), mixed.vjp(solve(hessian, outerX))),
      diagnosis:
        'Only the way through $x^*$ is there. $g(x^*(\\theta), \\theta)$ depends on $\\theta$ in two ways, and $\\partial_\\theta g$ is the other.',
    },
    {
      name: 'only the implicit term, and its sign',
      answer: ({ hessian, mixed, outerX }) => mixed.vjp(solve(hessian, outerX)),
      diagnosis:
        'This is $B^\\top A^{-1}\\partial_x g$. Two things are missing: the minus of the implicit function theorem, $A\\,\\partial x^* = -B$, and the direct way in which $g$ depends on $\\theta$.',
    },
    {
      name: 'B instead of its transpose',
      answer: ({ hessian, mixed, outerX, outerTheta }) =>
        minus(outerTheta, mixed.jvp(solve(hessian, outerX))),
      diagnosis:
        'The product is $Bv$. $B$ is p × h and $v$ has p entries: what is wanted is $B^\\top v$, with h entries. On a square problem the sizes do not tell.',
    },
    {
      name: 'nothing is solved',
      answer: ({ mixed, outerX, outerTheta }) => minus(outerTheta, mixed.vjp(outerX)),
      diagnosis:
        'The inverse Hessian is missing, as if $A$ were the identity. How far $x^*$ moves depends on how curved $f$ is there.',
    },
    {
      name: 'A instead of its inverse',
      answer: ({ hessian, mixed, outerX, outerTheta }) =>
        minus(outerTheta, mixed.vjp(hessian.apply(outerX))),
      diagnosis:
        'The Hessian is multiplied, not solved with. The flatter $f$ is, the further $x^*$ moves: large curvature must make the implicit term small.',
    },
    {
      name: 'the hard order',
      answer: ({ hessian, mixed, outerX, outerTheta }) =>
        Float64Array.from(
          columns(outerTheta.length, (unit) => solve(hessian, mixed.jvp(unit))),
          (column, j) => outerTheta[j]! - dot(column, outerX),
        ),
      diagnosis:
        'The numbers are right, but the p × h matrix $A^{-1}B$ is formed, one solve for each hyperparameter (or $A$ is, one product for each parameter). From the left, $(\\partial_x g)^\\top A^{-1}$ is a single vector: one solve, then one product with $B^\\top$.',
      caughtBy: 'uses products only',
    },
  ],
  alternatives: [
    {
      name: 'its own conjugate gradients',
      answer({ hessian, mixed, outerX, outerTheta }) {
        const x = new Float64Array(outerX.length);
        const r = outerX.slice();
        let p = r.slice();
        let rr = dot(r, r);
        while (rr > 1e-26 * dot(outerX, outerX)) {
          const Ap = hessian.apply(p);
          const alpha = rr / dot(p, Ap);
          for (let i = 0; i < x.length; i++) {
            x[i]! += alpha * p[i]!;
            r[i]! -= alpha * Ap[i]!;
          }
          const before = rr;
          rr = dot(r, r);
          p = p.map((value, i) => r[i]! + (rr / before) * value);
        }
        return minus(outerTheta, mixed.vjp(x));
      },
    },
    {
      name: 'the sign taken into the right-hand side, asynchronous',
      async answer({ hessian, mixed, outerX, outerTheta }) {
        const { value } = await cg({ tolerance: 1e-10 }).solve(
          hessian,
          outerX.map((x) => -x),
        );
        const implicitTerm = mixed.vjp(value);
        return Array.from(outerTheta, (direct, j) => direct + implicitTerm[j]!);
      },
    },
  ],
  hints: [
    'Differentiate the inner condition $\\partial_x f(x^*(\\theta), \\theta) = 0$ by $\\theta$, then use the chain rule on $g$. Do not form $\\partial x^*/\\partial\\theta$.',
    '$\\dfrac{dg}{d\\theta} = \\partial_\\theta g - B^\\top v$ with $A v = \\partial_x g$.',
    'One solve and one product:\n```ts\nconst { value: v } = cg({ tolerance: 1e-12 }).solveSync(hessian, outerX);\nconst c = mixed.vjp(v);\n// and now the direct term\n```',
  ],
};
