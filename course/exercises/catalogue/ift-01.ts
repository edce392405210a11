import { gmres } from 'implicit-lab';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  norm,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

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

/** `q = b + J q`, iterated, with half of each step. */
function iterated(J: (v: Vector) => Vector, b: Vector, steps = 60): Vector {
  let q = b;
  for (let k = 0; k < steps; k++) q = axpy(0.5, axpy(-1, q, axpy(1, J(q), b)), q);
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

/** The last of them: one is asked for by every answer that runs on a probe. */
const jacobians = new Map<number, Matrix>();
const MOST_KEPT = 8;

/** −2 times a positive semidefinite matrix of norm 1, and a part of about `size` that is not symmetric. */
function jacobian(seed: number, p: number, size: number): Matrix {
  const known = jacobians.get(seed);
  if (known) return known;
  const R = randomMatrix(seed, p, p);
  const S = product(R, transposed(R));
  let v: Vector = randomVector(seed + 5, p);
  for (let k = 0; k < 200; k++) {
    const next = multiply(S, v);
    v = next.map((x) => x / norm(next));
  }
  const top = norm(multiply(S, v));
  const rest = randomMatrix(seed + 4, p, p, size / (2 * Math.sqrt(p)));
  const made = S.map((row, i) => row.map((s, j) => (-2 * s) / top + rest[i]![j]!));
  if (jacobians.size === MOST_KEPT) jacobians.clear();
  jacobians.set(seed, made);
  return made;
}

/**
 * A fixed point whose map is not a contraction: eigenvalues of its Jacobian reach −2.
 *
 * @param unit the size of the outer gradients
 */
function fixedPoint(seed: number, p: number, m: number, size: number, unit = 1): Watched {
  const inner = countedMatrix(jacobian(seed, p, size));
  const mixed = countedMatrix(randomMatrix(seed + 1, p, m));
  return {
    inner: { jvp: (v) => inner.apply(v), vjp: (q) => inner.transpose(q) },
    mixed: { jvp: (u) => mixed.apply(u), vjp: (q) => mixed.transpose(q) },
    outerW: randomVector(seed + 2, p, unit),
    outerLambda: randomVector(seed + 3, m, unit),
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
    // Seven digits of these are not seven digits of 1.
    { name: 'small gradients (10⁻⁶)', args: () => [fixedPoint(60, 5, 4, 0.6, 1e-6)] },
    { name: 'large', args: () => [fixedPoint(50, 150, 8, 0.4)] },
  ],
  fresh: (seed) => [fixedPoint(seed, 150, 8, 0.4)],
  properties: [
    {
      name: 'stays bounded',
      complaint({ args: [at], result, probe }) {
        const scale = norm(at.outerLambda) + norm(at.outerW) * at.outerLambda.length;
        return norm(result) > 1e3 * scale
          ? `On the ${probe} probe your result has the size ${norm(result).toExponential(0)}, where ${norm(reference(at)).toPrecision(2)} is right. The eigenvalues of $\\partial_w\\Phi$ reach $-2$ here, those of $I - \\partial_w\\Phi$ reach 3.`
          : undefined;
      },
    },
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
          ? `On the ${probe} probe, with ${at.outerW.length} weights, it took ${(at as Watched).counted.inner.products} products with $\\partial\\Phi/\\partial w$ or its transpose. ${ENOUGH} are allowed.`
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
      answer: (at) => {
        const rows = columnsOf(at.inner.jvp, at.outerW.length); // the rows of the transpose
        return assembled(at, solveDense(shiftedMatrix(1, rows), at.outerW));
      },
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
      name: 'two terms of the series',
      answer: (at) => assembled(at, axpy(1, at.inner.vjp(at.outerW), at.outerW)),
      diagnosis:
        'The series for $(I - (\\partial_w\\Phi)^\\top)^{-1}$ ends after two terms. More of them would not help here, since it diverges: the system needs another iteration.',
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
          const dw = iterated(at.inner.jvp, at.mixed.jvp(unit));
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
        let term = at.outerW.map((value) => 0.4 * value);
        let sum = term;
        while (Math.hypot(...term) > 1e-9 * Math.hypot(...at.outerW)) {
          const pulled = at.inner.vjp(term);
          term = term.map((value, i) => 0.6 * value + 0.4 * pulled[i]!);
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
        for (let k = 0; k < 80; k++) {
          const pulled = at.inner.vjp(q);
          q = q.map((value, i) => (2 * value + at.outerW[i]! + pulled[i]!) / 3);
        }
        return assembled(at, q);
      },
    },
  ],
  hints: [
    'Differentiate $w^*(\\lambda) = \\Phi(w^*(\\lambda), \\lambda)$ with respect to $\\lambda$, then use the chain rule on $E$. Do not form $\\mathrm dw^*/\\mathrm d\\lambda$.',
    '$\\dfrac{\\mathrm dE}{\\mathrm d\\lambda} = \\partial_\\lambda E + (\\partial_\\lambda\\Phi)^\\top q$ with $\\bigl(I - (\\partial_w\\Phi)^\\top\\bigr)\\,q = \\partial_w E$, and the matrix has eigenvalues with real parts between about $\\tfrac12$ and 3. Along an eigenvector with the eigenvalue $s$ of $I - (\\partial_w\\Phi)^\\top$ a step $q + \\theta\\,(\\partial_w E - (I - (\\partial_w\\Phi)^\\top) q)$ multiplies the error by $1 - \\theta s$. Which $\\theta$ makes it small for all of them?',
    'With half of each step, $\\theta = \\tfrac12$ (or by `gmres`, which is imported):\n```ts\nlet q = outerW;\nfor (let k = 0; k < 60; k++) {\n  const pulled = inner.vjp(q);\n  q = // halfway from q to outerW + pulled\n}\nconst c = mixed.vjp(q);\n// and now the direct term\n```',
  ],
};
