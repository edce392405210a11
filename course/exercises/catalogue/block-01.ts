import { cg } from 'implicit-lab';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

/** Where a step starts, and which of the n parameters move how. */
interface Start {
  w: Float64Array;
  /** `∇f(w)`, p numbers. */
  gradient: Float64Array;
  /** The Gauss–Newton matrix, n × n, positive semidefinite, by its products. */
  curvature: CountedOperator;
  /** The parameters that step implicitly, by their index. */
  implicit: number[];
  /** Those that take a gradient step; all others are frozen. */
  explicit: number[];
  delta: number;
}

type PartialStep = (start: Start) => Float64Array;

const take = (v: Float64Array, block: number[]) => Float64Array.from(block, (i) => v[i]!);

/** The p numbers that are `part` on the block and 0 elsewhere. */
function put(part: Float64Array, block: number[], n: number): Float64Array {
  const v = new Float64Array(n);
  for (const [k, i] of block.entries()) v[i] = part[k]!;
  return v;
}

/** `I + factor H_BB` by its products. */
const shiftedBlock = (curvature: CountedOperator, block: number[], n: number, factor: number) => ({
  apply(v: Float64Array) {
    const Hv = take(curvature.apply(put(v, block, n)), block);
    return v.map((value, i) => value + factor * Hv[i]!);
  },
  dispose() {},
});

const solve = (A: { apply(v: Float64Array): Float64Array; dispose(): void }, b: Float64Array) =>
  cg({ tolerance: 1e-12 }).solveSync(A, b).value;

/** A block of the curvature as a matrix, one product a column. */
function blockOf(curvature: CountedOperator, rows: number[], columns: number[], n: number): Matrix {
  const all = columns.map((j) => take(curvature.apply(put(Float64Array.of(1), [j], n)), rows));
  return transposed(all.map((column) => [...column]));
}

/** w after moving each block by its own step, times a rate. */
function moved(w: Float64Array, steps: [number[], Float64Array][], rate: number): Float64Array {
  const end = w.slice();
  for (const [block, step] of steps) {
    for (const [k, i] of block.entries()) end[i]! -= rate * step[k]!;
  }
  return end;
}

/** `g_B − δ H_BR g_R`, where the rest may be another list, and counted with another factor. */
function pulled(
  { w, gradient, curvature, implicit, explicit, delta }: Start,
  { rest = explicit, factor = delta }: { rest?: number[]; factor?: number } = {},
): Float64Array {
  const coupling = take(curvature.apply(put(take(gradient, rest), rest, w.length)), implicit);
  return take(gradient, implicit).map((g, i) => g - factor * coupling[i]!);
}

/** The step by the right system, from a right-hand side. */
function stepped(given: Start, b: Float64Array): Float64Array {
  const { w, gradient, curvature, implicit, explicit, delta } = given;
  const block = shiftedBlock(curvature, implicit, w.length, delta);
  const steps: [number[], Float64Array][] = [
    [implicit, solve(block, b)],
    [explicit, take(gradient, explicit)],
  ];
  return moved(w, steps, delta);
}

const reference: PartialStep = (given) => stepped(given, pulled(given));

/** The step by a system whose vectors are written to, or read from, the wrong places. */
function misread(
  given: Start,
  places: Record<'before' | 'after', (v: Float64Array) => Float64Array>,
): Float64Array {
  const { w, gradient, curvature, implicit, explicit, delta } = given;
  const system = {
    apply(v: Float64Array) {
      const Hv = places.after(curvature.apply(places.before(v)));
      return v.map((value, k) => value + delta * Hv[k]!);
    },
    dispose() {},
  };
  return moved(
    w,
    [
      [implicit, solve(system, pulled(given))],
      [explicit, take(gradient, explicit)],
    ],
    delta,
  );
}

/** Rows of a matrix of the given rank, so that `R Rᵀ` is positive semidefinite. */
const gaussNewton = (seed: number, n: number, rank: number): Matrix => {
  const R = randomMatrix(seed, n, rank);
  return product(R, transposed(R));
};

function start(
  seed: number,
  H: Matrix,
  blocks: { implicit: number[]; explicit: number[] },
  delta: number,
): Start {
  const n = H.length;
  return {
    w: randomVector(seed, n),
    gradient: randomVector(seed + 1, n),
    curvature: countedMatrix(H),
    ...blocks,
    delta,
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const LARGE = 80;
/** CG needs about 4 products for I + rank 3. */
const ENOUGH = 30;

export const exercise: Exercise<PartialStep> = {
  id: 'block-01',
  lesson: '05',
  title: 'A block that steps implicitly, and accounts for the rest',
  difficulty: 2,
  minutes: 20,
  needs: ['05'],
  reference,
  probes: [
    {
      name: 'mixed',
      args: () => [start(1, gaussNewton(3, 7, 7), { implicit: [4, 0, 3], explicit: [1, 6] }, 0.3)],
    },
    {
      name: 'large rate',
      args: () => [start(11, gaussNewton(13, 6, 4), { implicit: [1, 2], explicit: [5, 0] }, 20)],
    },
    {
      name: 'large',
      args: () => [
        start(
          21,
          gaussNewton(23, LARGE, 3),
          { implicit: range(0, 50), explicit: range(50, 70) },
          0.1,
        ),
      ],
    },
  ],
  fresh: (seed) => [
    start(
      seed,
      gaussNewton(seed + 2, LARGE, 3),
      { implicit: range(10, 60), explicit: range(60, 75) },
      0.1,
    ),
  ],
  properties: [
    {
      name: 'leaves frozen parameters alone',
      complaint({ args: [{ w, implicit, explicit }], result }) {
        const at = w.findIndex(
          (value, i) =>
            !implicit.includes(i) && !explicit.includes(i) && Math.abs(result[i]! - value) > 1e-6,
        );
        return at < 0
          ? undefined
          : `Parameter ${at} is in neither list, but went from ${w[at]!.toPrecision(4)} to ${result[at]!.toPrecision(4)}.`;
      },
    },
    {
      name: 'takes a gradient step outside of the block',
      complaint({ args: [{ w, gradient, explicit, delta }], result }) {
        const at = explicit.find(
          (i) => Math.abs(result[i]! - (w[i]! - delta * gradient[i]!)) > 1e-6 * (1 + delta),
        );
        return at === undefined
          ? undefined
          : `Parameter ${at} should go from ${w[at]!.toPrecision(4)} to w − δg = ${(w[at]! - delta * gradient[at]!).toPrecision(4)}, but went to ${result[at]!.toPrecision(4)}.`;
      },
    },
    {
      name: 'uses products only',
      complaint({ args: [{ w, curvature }] }) {
        return w.length < LARGE || curvature.products <= ENOUGH
          ? undefined
          : `On the large probe (a block of 50, of rank 3) it took ${curvature.products} products. Conjugate gradients need about 5.`;
      },
    },
  ],
  mutants: [
    {
      name: 'the block does not see the rest move',
      answer: (given) => stepped(given, take(given.gradient, given.implicit)),
      diagnosis:
        'The block’s right-hand side is $g_B$ alone, as in the lesson, which drops $H_{BR}$. Here it stays: while the block moves, so does the rest, and that changes the slope that the block will find at the end.',
    },
    {
      name: 'the sign of the coupling',
      answer: (given) => stepped(given, pulled(given, { factor: -given.delta })),
      diagnosis:
        'The right-hand side is $g_B + \\delta H_{BR}\\,g_R$. In the first row of the system the coupling stands on the *left*, with a plus; on the right its sign changes.',
    },
    {
      name: 'δ is missing in the coupling',
      answer: (given) => stepped(given, pulled(given, { factor: 1 })),
      diagnosis:
        'The right-hand side is $g_B - H_{BR}\\,g_R$. The rest moves by $-\\delta g_R$, so that the slope of the block changes by $-\\delta H_{BR}\\,g_R$.',
    },
    {
      name: 'the coupling with parameters that are frozen',
      answer(given) {
        const rest = [...given.w.keys()].filter((i) => !given.implicit.includes(i));
        return stepped(given, pulled(given, { rest }));
      },
      diagnosis:
        'The right-hand side counts the gradient of all parameters outside of the block. Only those in `explicit` move; what is frozen does not change the slope.',
    },
    {
      name: 'all of them step implicitly',
      answer({ w, gradient, curvature, implicit, explicit, delta }) {
        const both = [...implicit, ...explicit];
        const step = solve(shiftedBlock(curvature, both, w.length, delta), take(gradient, both));
        return moved(w, [[both, step]], delta);
      },
      diagnosis:
        'The parameters that should take a gradient step are part of the linear system. The point of a partial step is that the system stays small: only the block $B$ is in it.',
    },
    {
      name: 'the block of the solution, not the solution of the block',
      answer({ w, gradient, curvature, implicit, explicit, delta }) {
        const all = w.map((_, i) => i);
        const whole = shiftedBlock(curvature, [...all], w.length, delta);
        const step = take(solve(whole, gradient), implicit);
        return moved(
          w,
          [
            [implicit, step],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        );
      },
      diagnosis:
        'The system was solved for all $p$ parameters, and the entries of the block were taken from its solution. A block of an inverse is not the inverse of the block: take rows and columns of $B$ first, then solve.',
    },
    {
      name: 'the rest stands still',
      answer({ w, gradient, curvature, implicit, delta }) {
        const block = shiftedBlock(curvature, implicit, w.length, delta);
        return moved(w, [[implicit, solve(block, take(gradient, implicit))]], delta);
      },
      diagnosis:
        'Only the block moves. The parameters in `explicit` take the plain gradient step $-\\delta g_R$; only those in neither list are frozen.',
    },
    {
      name: 'frozen parameters move',
      answer(given) {
        const { w, implicit } = given;
        const others = [...w.keys()].filter((i) => !implicit.includes(i));
        return reference({ ...given, explicit: others });
      },
      diagnosis:
        'Everything outside of the block takes a gradient step. Parameters in neither list are frozen: they stay what they are.',
    },
    {
      name: 'δ is missing in the system',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const step = solve(shiftedBlock(curvature, implicit, w.length, 1), pulled(given));
        return moved(
          w,
          [
            [implicit, step],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        );
      },
      diagnosis:
        'The matrix is $I + H_{BB}$. The curvature counts as much as the step is long: $I + \\delta H_{BB}$. Without it, a small step would not be a gradient step.',
    },
    {
      name: 'the sign of δH',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const H = blockOf(curvature, implicit, implicit, w.length);
        const step = solveDense(shiftedMatrix(1, H, -delta), pulled(given));
        return moved(
          w,
          [
            [implicit, step],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        );
      },
      diagnosis:
        'The matrix is $I - \\delta H_{BB}$, which has a pole where $\\delta s = 1$ for an eigenvalue $s$. The slope at the end is $g + H(w^+ - w)$; with $w^+ - w = -\\delta s$ on the other side, the sign becomes a plus.',
    },
    {
      name: 'δ twice',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const block = shiftedBlock(curvature, implicit, w.length, delta);
        const step = solve(block, pulled(given)).map((s) => delta * s);
        return moved(
          w,
          [
            [implicit, step],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        );
      },
      diagnosis:
        'The block’s step is multiplied by δ twice. The solution $s_B$ of the system becomes a step by one factor δ.',
    },
    {
      name: 'the block’s step is not multiplied by δ',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const block = shiftedBlock(curvature, implicit, w.length, delta);
        const step = solve(block, pulled(given)).map((s) => s / delta);
        const steps: [number[], Float64Array][] = [
          [implicit, step],
          [explicit, take(gradient, explicit)],
        ];
        return moved(w, steps, delta);
      },
      diagnosis:
        'The block moves by $s_B$, not by $\\delta s_B$. The solution $s_B$ of the system takes the place of the gradient, and the learning rate comes before it.',
    },
    {
      name: 'the block goes uphill',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const block = shiftedBlock(curvature, implicit, w.length, delta);
        const step = solve(block, pulled(given)).map((s) => -s);
        const steps: [number[], Float64Array][] = [
          [implicit, step],
          [explicit, take(gradient, explicit)],
        ];
        return moved(w, steps, delta);
      },
      diagnosis:
        'The block’s step is added: $w_B + \\delta s_B$. It has to go against the gradient.',
    },
    {
      name: 'all of them step explicitly',
      answer: ({ w, gradient, implicit, explicit, delta }) =>
        moved(
          w,
          [
            [implicit, take(gradient, implicit)],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        ),
      diagnosis:
        'The block takes a plain gradient step, too. Nothing is solved: for the parameters in `implicit`, $g_B$ has to be replaced by the solution $s_B$ of the system.',
    },
    {
      name: 'the wrong entries of the product',
      answer: (given) =>
        misread(given, {
          before: (v) => put(v, given.implicit, given.w.length),
          after: (Hv) => Hv.slice(0, given.implicit.length),
        }),
      diagnosis:
        'Of the product with $H$ the *first* entries are taken, `product[k]`. Entry $k$ of the block is parameter `implicit[k]`: the product has to be read there. On the large probe, whose block comes first, it makes no difference.',
    },
    {
      name: 'the block is written to the first entries',
      answer: (given) =>
        misread(given, {
          before(v) {
            const padded = new Float64Array(given.w.length);
            padded.set(v);
            return padded;
          },
          after: (Hv) => take(Hv, given.implicit),
        }),
      diagnosis:
        'Before the product with $H$ the block is put at the *first* entries, `padded[k]`. Entry $k$ of the block is parameter `implicit[k]`.',
    },
    {
      name: 'the block is formed',
      answer(given) {
        const { w, gradient, curvature, implicit, explicit, delta } = given;
        const H = blockOf(curvature, implicit, implicit, w.length);
        const step = solveDense(shiftedMatrix(1, H, delta), pulled(given));
        return moved(
          w,
          [
            [implicit, step],
            [explicit, take(gradient, explicit)],
          ],
          delta,
        );
      },
      diagnosis:
        'The numbers are right, but $H_{BB}$ was computed column by column, one product for each parameter of the block. Conjugate gradients ask for products only, and for few of them.',
      caughtBy: 'uses products only',
    },
  ],
  alternatives: [
    {
      name: 'on vectors of full length, masked',
      answer({ w, gradient, curvature, implicit, explicit, delta }) {
        const inBlock = w.map((_, i) => (implicit.includes(i) ? 1 : 0));
        const masked = {
          apply: (v: Float64Array) => {
            const Hv = curvature.apply(v.map((value, i) => value * inBlock[i]!));
            return v.map((value, i) => value + delta * inBlock[i]! * Hv[i]!);
          },
          dispose() {},
        };
        const shift = curvature.apply(gradient.map((g, i) => (explicit.includes(i) ? g : 0)));
        const b = gradient.map((g, i) => (g - delta * shift[i]!) * inBlock[i]!);
        const s = cg({ tolerance: 1e-10 }).solveSync(masked, b).value;
        return w.map((value, i) => {
          if (inBlock[i]) return value - delta * s[i]!;
          return explicit.includes(i) ? value - delta * gradient[i]! : value;
        });
      },
    },
    {
      name: 'divided by δ, asynchronous, as plain numbers',
      async answer({ w, gradient, curvature, implicit, explicit, delta }) {
        const block = {
          apply(v: Float64Array) {
            const Hv = take(curvature.apply(put(v, implicit, w.length)), implicit);
            return v.map((value, i) => value / delta + Hv[i]!);
          },
          dispose() {},
        };
        const end = Array.from(w);
        for (const i of explicit) end[i] = w[i]! - delta * gradient[i]!;
        // The slope of the block where the rest has arrived.
        const change = curvature.apply(w.map((value, i) => end[i]! - value));
        const slope = take(gradient, implicit).map((g, k) => g + change[implicit[k]!]!);
        const { value } = await cg({ tolerance: 1e-11 }).solve(block, slope);
        for (const [k, i] of implicit.entries()) end[i] = w[i]! - value[k]!;
        return end;
      },
    },
  ],
  hints: [
    'Three kinds of parameters: those of `explicit` take their gradient, those of the block need a linear system of their own size, all others nothing. Begin with the second row of the system; what it says goes into the first. A product with $H_{BB}$ can be had from a product with $H$: what goes in outside of the block, and what is done with what comes out there?',
    '$(I + \\delta H_{BB})\\,s_B = g_B - \\delta H_{BR}\\,g_R$, $\\quad w_B^+ = w_B - \\delta s_B$, $\\quad w_R^+ = w_R - \\delta g_R$. And $H_{BB}v = P\\,H\\,P^\\top v$, where $P^\\top$ puts zeros outside of the block and $P$ takes the block out; $H_{BR}\\,g_R$ likewise, with $g_R$ put where the rest is.',
    'The operator of the system:\n```ts\nconst system = {\n  apply(v: Float64Array) {\n    const padded = new Float64Array(w.length);\n    implicit.forEach((i, k) => { padded[i] = v[k]; });\n    const product = curvature.apply(padded);\n    return v.map((value, k) => value + delta * product[implicit[k]]);\n  },\n  dispose() {},\n};\nconst { value: s } = cg({ tolerance: 1e-12 }).solveSync(system, /* g_B − δ H_BR g_R */);\n```',
  ],
};
