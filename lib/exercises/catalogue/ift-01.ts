import { gmres } from '../../solvers';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import { type Matrix, randomMatrix, randomVector, shiftedMatrix, solveDense } from '../linear';

type Vector = Float64Array;

/** A Jacobian by its products: `jvp(v) = J v`, `vjp(q) = Jᵀ q`. */
interface Products {
  jvp(v: Vector): Vector;
  vjp(q: Vector): Vector;
}

/** The derivatives of a map Φ and an outer objective E at the fixed point. */
interface FixedPoint {
  /** `∂Φ/∂w`, p × p. */
  inner: Products;
  /** `∂Φ/∂λ`, p × m. */
  mixed: Products;
  /** `∂E/∂w` and `∂E/∂λ`. */
  outerW: Vector;
  outerLambda: Vector;
}

/** The same, with the operators that count. */
interface Watched extends FixedPoint {
  counted: { inner: CountedOperator; mixed: CountedOperator };
}

type Hypergradient = (at: FixedPoint) => Vector;

const axpy = (a: number, x: Vector, y: Vector) => y.map((value, i) => value + a * x[i]!);

/** `q = b + factor J q`, iterated. */
function iterated(J: (v: Vector) => Vector, b: Vector, steps = 60, factor = 1): Vector {
  let q = b;
  for (let k = 0; k < steps; k++) q = axpy(factor, J(q), b);
  return q;
}

const assembled = (at: FixedPoint, q: Vector, sign = 1) =>
  axpy(sign, at.mixed.vjp(q), at.outerLambda);

const reference: Hypergradient = (at) => assembled(at, iterated(at.inner.vjp, at.outerW));

const columnsOf = (J: (v: Vector) => Vector, n: number): Matrix =>
  Array.from({ length: n }, (_, j) => {
    const unit = new Float64Array(n);
    unit[j] = 1;
    return [...J(unit)];
  });

/** A contraction that is not symmetric, by about `size`. */
function fixedPoint(seed: number, p: number, m: number, size: number): Watched {
  const inner = countedMatrix(randomMatrix(seed, p, p, size / (2 * Math.sqrt(p))));
  const mixed = countedMatrix(randomMatrix(seed + 1, p, m));
  return {
    inner: { jvp: (v) => inner.apply(v), vjp: (q) => inner.transpose(q) },
    mixed: { jvp: (u) => mixed.apply(u), vjp: (q) => mixed.transpose(q) },
    outerW: randomVector(seed + 2, p),
    outerLambda: randomVector(seed + 3, m),
    counted: { inner, mixed },
  };
}

const ENOUGH = 90;

export const exercise: Exercise<Hypergradient> = {
  id: 'ift-01',
  lesson: '08',
  title: 'The hypergradient of a fixed point',
  difficulty: 2,
  minutes: 20,
  needs: ['08'],
  reference,
  probes: [
    { name: 'square', args: () => [fixedPoint(20, 4, 4, 0.7)] },
    { name: 'tall', args: () => [fixedPoint(30, 6, 3, 0.6)] },
    { name: 'wide', args: () => [fixedPoint(40, 3, 5, 0.5)] },
    { name: 'large', args: () => [fixedPoint(50, 150, 8, 0.4)] },
  ],
  properties: [
    {
      name: 'takes one product with ∂Φ/∂λ',
      complaint: ({ args: [at], probe }) =>
        (at as Watched).counted.mixed.products > 2
          ? `On the ${probe} probe, with ${at.outerLambda.length} hyperparameters, it took ${(at as Watched).counted.mixed.products} products with $\\partial\\Phi/\\partial\\lambda$ or its transpose. One is enough, whatever $m$ is.`
          : undefined,
    },
    {
      name: 'uses products only',
      complaint: ({ args: [at], probe }) =>
        (at as Watched).counted.inner.products > ENOUGH
          ? `On the ${probe} probe, with ${at.outerW.length} weights, it took ${(at as Watched).counted.inner.products} products with $\\partial\\Phi/\\partial w$ or its transpose. About 30 are enough for ten digits.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the sign of the implicit term',
      answer: (at) => assembled(at, iterated(at.inner.vjp, at.outerW), -1),
      diagnosis:
        'The implicit term is subtracted. That is right for an argmin, where $H\\,\\mathrm dw^* = -B\\,\\mathrm d\\lambda$. Here $w^* = \\Phi(w^*, \\lambda)$, so $\\mathrm dw^* = \\partial_w\\Phi\\,\\mathrm dw^* + \\partial_\\lambda\\Phi\\,\\mathrm d\\lambda$: a plus.',
    },
    {
      name: 'the system is not transposed',
      answer: (at) => assembled(at, iterated(at.inner.jvp, at.outerW)),
      diagnosis:
        'The system is solved with $I - \\partial_w\\Phi$. For a Hessian that is the same; here the matrix is not symmetric, and the adjoint takes its transpose. Which of `jvp` and `vjp` is it?',
    },
    {
      name: 'the system with a plus',
      answer: (at) => assembled(at, iterated(at.inner.vjp, at.outerW, 60, -1)),
      diagnosis:
        'The system is solved with $I + (\\partial_w\\Phi)^\\top$. From $\\mathrm dw^* = \\partial_w\\Phi\\,\\mathrm dw^* + \\dots$ bring $\\mathrm dw^*$ to one side: $I - \\partial_w\\Phi$.',
    },
    {
      name: 'the identity is missing in the system',
      answer: (at) => {
        const rows = columnsOf(at.inner.jvp, at.outerW.length); // the rows of the transpose
        return assembled(at, solveDense(rows, at.outerW));
      },
      diagnosis:
        'The system is solved with $(\\partial_w\\Phi)^\\top$ alone. The fixed point satisfies $w - \\Phi(w, \\lambda) = 0$, and the derivative of $w$ is the identity.',
    },
    {
      name: 'nothing is solved',
      answer: (at) => assembled(at, at.outerW),
      diagnosis:
        'That is $\\partial_\\lambda E + (\\partial_\\lambda\\Phi)^\\top \\partial_w E$: the effect of the *last* application of $\\Phi$ only. $w^*$ on the right-hand side depends on $\\lambda$, too.',
    },
    {
      name: 'one step of the iteration',
      answer: (at) => assembled(at, iterated(at.inner.vjp, at.outerW, 1)),
      diagnosis:
        'The series for $(I - (\\partial_w\\Phi)^\\top)^{-1}$ ends after two terms. Go on until nothing changes.',
    },
    {
      name: 'the direct term is missing',
      answer: (at) => at.mixed.vjp(iterated(at.inner.vjp, at.outerW)),
      diagnosis:
        'Only the way through $w^*$ is there. $E(w^*, \\lambda)$ depends on $\\lambda$ directly as well.',
    },
    {
      name: '∂Φ/∂λ is not transposed',
      answer: (at) => axpy(1, at.mixed.jvp(iterated(at.inner.vjp, at.outerW)), at.outerLambda),
      diagnosis:
        'The adjoint is multiplied by $\\partial_\\lambda\\Phi$, not by its transpose. That fits only where there are as many hyperparameters as weights.',
    },
    {
      name: 'a derivative for each hyperparameter',
      answer: (at) => {
        const m = at.outerLambda.length;
        return at.outerLambda.map((direct, j) => {
          const unit = new Float64Array(m);
          unit[j] = 1;
          const dw = iterated(at.inner.jvp, at.mixed.jvp(unit), 40);
          return dw.reduce((sum, x, i) => sum + x * at.outerW[i]!, direct);
        });
      },
      diagnosis:
        'The numbers are right, but $\\mathrm dw^*/\\mathrm d\\lambda$ is computed column by column, a linear system for each hyperparameter. Of that $p \\times m$ matrix only the product with $\\partial_w E$ is wanted: begin there.',
      caughtBy: 'takes one product with ∂Φ/∂λ',
    },
    {
      name: 'the matrix is formed',
      answer: (at) => {
        const rows = columnsOf(at.inner.jvp, at.outerW.length);
        return assembled(at, solveDense(shiftedMatrix(1, rows, -1), at.outerW));
      },
      diagnosis:
        'The numbers are right, but $\\partial_w\\Phi$ was formed, one product for each weight. An iteration needs its products only, and few of them.',
      caughtBy: 'uses products only',
    },
  ],
  alternatives: [
    {
      name: 'by GMRES',
      answer(at) {
        const A = {
          apply: (q: Vector) => axpy(-1, at.inner.vjp(q), q),
          dispose() {},
        };
        return assembled(at, gmres({ tolerance: 1e-11 }).solveSync(A, at.outerW).value);
      },
    },
    {
      name: 'as a sum of terms, until they are small, as plain numbers',
      answer(at) {
        let [term, sum] = [at.outerW, at.outerW];
        while (Math.hypot(...term) > 1e-12) {
          term = at.inner.vjp(term);
          sum = axpy(1, term, sum);
        }
        const pulled = at.mixed.vjp(sum);
        return Array.from(at.outerLambda, (direct, j) => direct + pulled[j]!);
      },
    },
    {
      name: 'asynchronous, from zero',
      async answer(at) {
        let q: Vector = new Float64Array(at.outerW.length);
        for (let k = 0; k < 70; k++) q = axpy(1, at.inner.vjp(q), at.outerW);
        return assembled(at, q);
      },
    },
  ],
  hints: [
    'Differentiate $w^*(\\lambda) = \\Phi(w^*(\\lambda), \\lambda)$ with respect to $\\lambda$, then use the chain rule on $E$. Do not form $\\mathrm dw^*/\\mathrm d\\lambda$.',
    '$\\dfrac{\\mathrm dE}{\\mathrm d\\lambda} = \\partial_\\lambda E + (\\partial_\\lambda\\Phi)^\\top q$ with $\\bigl(I - (\\partial_w\\Phi)^\\top\\bigr)\\,q = \\partial_w E$, that is $q = \\partial_w E + (\\partial_w\\Phi)^\\top q$.',
    'The last equation can be iterated, since $\\Phi$ is a contraction:\n```ts\nlet q = outerW;\nfor (let k = 0; k < 60; k++) {\n  const pulled = inner.vjp(q);\n  q = // outerW and pulled\n}\nconst c = mixed.vjp(q);\n// and now the direct term\n```',
  ],
};
