import type { Exercise } from '../exercise';
import { norm, randomMatrix, randomVector } from '../linear';

type Field = (x: Float64Array) => Float64Array;
interface Comparison {
  /** `H v` by differences of the gradient. */
  difference: Float64Array;
  /** `uᵀ(Pv) − vᵀ(Pu)` for the products P that are to be tested. */
  asymmetry: number;
}
type Compare = (
  gradient: Field,
  product: Field,
  x: Float64Array,
  u: Float64Array,
  v: Float64Array,
) => Comparison;

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
const along = (x: Float64Array, t: number, v: Float64Array) =>
  x.map((value, i) => value + t * v[i]!);

const skew = (product: Field, u: Float64Array, v: Float64Array) =>
  dot(u, product(v)) - dot(v, product(u));

const central = (gradient: Field, x: Float64Array, v: Float64Array, t: number) => {
  const [ahead, behind] = [gradient(along(x, t, v)), gradient(along(x, -t, v))];
  return ahead.map((value, i) => (value - behind[i]!) / (2 * t));
};

const best = (x: Float64Array, v: Float64Array) => (Number.EPSILON ** (1 / 3) * norm(x)) / norm(v);

const compare: Compare = (gradient, product, x, u, v) => ({
  difference: central(gradient, x, v, best(x, v)),
  asymmetry: skew(product, u, v),
});

/** The relative error of a difference. */
function errorOf(
  [gradient, product, x, u, v]: Parameters<Compare>,
  { difference }: Comparison,
): number {
  const field = gradient as TracedField;
  const asked = field.points;
  // What the right answer asks for is not the learner's.
  field.points = [];
  const right = compare(gradient, product, x, u, v).difference;
  field.points = asked;
  return norm(along(difference, -1, right)) / norm(right);
}

/** Where the gradient was taken, as a sentence. */
function whereAsked([gradient, , x]: Parameters<Compare>): string {
  const steps = (gradient as TracedField).points.map((point) => along(point, -1, x));
  if (steps.length === 0) return 'The gradient was never taken.';
  const longest = Math.max(...steps.map(norm));
  const isMirrored = (step: Float64Array) =>
    steps.some((other) => norm(along(step, 1, other)) <= 1e-6 * longest);
  const sides = steps.every(isMirrored)
    ? 'in pairs on both sides of it'
    : 'not in pairs on both sides of it';
  return `The gradients were taken at up to ${(longest / norm(x)).toPrecision(2)} of the length of $x$ from $x$, ${sides}.`;
}

/** Changes the difference of the right answer only. */
const withStep =
  (difference: (gradient: Field, x: Float64Array, v: Float64Array) => Float64Array): Compare =>
  (gradient, product, x, u, v) => ({
    difference: difference(gradient, x, v),
    asymmetry: skew(product, u, v),
  });

/** A gradient that remembers where it was asked for. */
interface TracedField extends Field {
  points: Float64Array[];
}

/**
 * The gradient of a loss that changes over lengths of the size `scale`, by terms of second and third
 * order at `centre`: the first shows in one-sided differences, the other in all.
 */
function gradientOf(seed: number, centre: Float64Array, scale: number): TracedField {
  const A = randomMatrix(seed, centre.length + 1, centre.length);
  const at = (x: Float64Array) => A.map((row) => dot(row, x) / scale);
  const start = at(centre);
  const field: TracedField = Object.assign(
    (x: Float64Array) => {
      field.points.push(x.slice());
      const slope = at(x).map((z, i) => {
        const d = z - start[i]!;
        return scale * (z + 10 * d ** 2 + d ** 3);
      });
      return x.map((_, j) => A.reduce((sum, row, i) => sum + row[j]! * slope[i]!, 0));
    },
    { points: [] },
  );
  return field;
}

/** Products with a matrix that is not symmetric: the wrong Hessian that the test should reveal. */
const productOf =
  (seed: number, n: number): Field =>
  (v) =>
    Float64Array.from(randomMatrix(seed, n, n), (row) => dot(row, v));

const probe = (name: string, seed: number, n: number, scale: number, length: number) => ({
  name,
  args(): Parameters<Compare> {
    const x = randomVector(seed + 2, n, scale);
    return [
      gradientOf(seed, x, scale),
      productOf(seed + 1, n),
      x,
      randomVector(seed + 3, n),
      randomVector(seed + 4, n, length),
    ];
  },
});

export const exercise: Exercise<Compare> = {
  id: 'hvp-02',
  lesson: '00',
  title: 'A ruler for Hessian products',
  difficulty: 2,
  minutes: 20,
  needs: ['00', 'hvp-01'],
  reference: compare,
  tolerance: 2e-8,
  probes: [
    probe('ordinary', 10, 4, 1, 1),
    probe('long direction', 20, 3, 1, 1e4),
    probe('short direction', 30, 3, 1, 1e-6),
    probe('far away (x of size 10⁶)', 40, 3, 1e6, 1),
    probe('near 0 (x of size 10⁻³)', 60, 5, 1e-3, 1),
  ],
  fresh: (seed) => probe('', seed, 5, 1, 1).args(),
  properties: [
    {
      name: 'measures to eight digits',
      complaint({ args, result }) {
        const error = errorOf(args, result);
        return error > 2e-8
          ? `\`difference\` is wrong by ${error.toPrecision(2)} of its length. ${whereAsked(args)}`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'a one-sided difference',
      answer: withStep((gradient, x, v) => {
        const t = (Math.sqrt(Number.EPSILON) * norm(x)) / norm(v);
        const start = gradient(x);
        return gradient(along(x, t, v)).map((value, i) => (value - start[i]!) / t);
      }),
      diagnosis:
        'This is $\\big(g(x + \\varepsilon v) - g(x)\\big)/\\varepsilon$ with about the best step it has, $\\varepsilon \\sim u^{1/2}$. Its truncation error is of first order in $\\varepsilon$; a difference that looks both ways loses that term, for the price of one more gradient.',
    },
    {
      name: 'the factor 2 in the denominator',
      answer: withStep((gradient, x, v) =>
        central(gradient, x, v, best(x, v)).map((value) => 2 * value),
      ),
      diagnosis:
        'The result is twice $Hv$: from $x - \\varepsilon v$ to $x + \\varepsilon v$ it is a way of $2\\varepsilon$.',
    },
    {
      name: 'the step does not know the length of v',
      answer: withStep((gradient, x, v) =>
        central(gradient, x, v, Number.EPSILON ** (1 / 3) * norm(x)),
      ),
      diagnosis:
        'The step is right for a $v$ of length 1. On the probe with a long direction $\\varepsilon v$ is far too long, with a short one it drowns in rounding. What matters is the length of $\\varepsilon v$.',
    },
    {
      name: 'the step does not know the size of x',
      answer: withStep((gradient, x, v) =>
        central(gradient, x, v, Number.EPSILON ** (1 / 3) / norm(v)),
      ),
      diagnosis:
        'The step is right for an $x$ of size 1. Numbers of size $10^6$ are rounded to some $10^{-10}$, so that a step of $10^{-5}$ is itself known to five digits only. What matters is the length of $\\varepsilon v$ next to that of $x$.',
    },
    {
      name: 'the step knows neither x nor v',
      answer: withStep((gradient, x, v) => central(gradient, x, v, Number.EPSILON ** (1 / 3))),
      diagnosis:
        'The step is $u^{1/3}$ on every probe. That is right where $x$ and $v$ have a length near 1; on the others $\\varepsilon v$ is far too long next to $x$, or drowns in rounding.',
    },
    {
      name: 'as small a step as possible',
      answer: withStep((gradient, x, v) => central(gradient, x, v, (1e-12 * norm(x)) / norm(v))),
      diagnosis:
        'The step is about $10^{-12}$: smaller is not better. The rounding errors of the two gradients are divided by it. See the left branch of the V in the lesson.',
    },
    {
      name: 'a step for the eye',
      answer: withStep((gradient, x, v) => central(gradient, x, v, (1e-2 * norm(x)) / norm(v))),
      diagnosis:
        'The step is about a hundredth of $x$, where the truncation error, $\\varepsilon^2/6$ times a third derivative of the gradient, is still large. It is a good step in float32.',
    },
    {
      name: 'the direction is not scaled back',
      answer: withStep((gradient, x, v) =>
        central(gradient, x, v, best(x, v)).map((value) => value / norm(v)),
      ),
      diagnosis:
        'This is the derivative along $v/\\lVert v \\rVert$. If you make $v$ a unit vector for the difference, multiply the result by the length that you took away.',
    },
    {
      name: 'uᵀPu − vᵀPv for the asymmetry',
      answer: (gradient, product, x, u, v) => ({
        ...compare(gradient, product, x, u, v),
        asymmetry: dot(u, product(u)) - dot(v, product(v)),
      }),
      diagnosis:
        'Each vector was multiplied by its own product. Symmetry says that $u$ and $v$ can *change places*: $u^\\top (Pv) = v^\\top (Pu)$.',
    },
    {
      name: 'the size of the asymmetry, without its sign',
      answer: (gradient, product, x, u, v) => ({
        ...compare(gradient, product, x, u, v),
        asymmetry: Math.abs(skew(product, u, v)),
      }),
      diagnosis:
        'The absolute value was taken. The number itself is asked for, which changes its sign when $u$ and $v$ change places.',
    },
    {
      name: 'the sign of the asymmetry',
      answer: (gradient, product, x, u, v) => ({
        ...compare(gradient, product, x, u, v),
        asymmetry: skew(product, v, u),
      }),
      diagnosis: '`asymmetry` is $v^\\top(Pu) - u^\\top(Pv)$, with $u$ and $v$ exchanged.',
    },
    {
      name: 'the sum instead of the difference for the asymmetry',
      answer: (gradient, product, x, u, v) => ({
        ...compare(gradient, product, x, u, v),
        asymmetry: dot(u, product(v)) + dot(v, product(u)),
      }),
      diagnosis:
        'For a symmetric $P$ the two numbers are equal; a test should return 0 then. Yours returns twice their value.',
    },
  ],
  alternatives: [
    {
      name: 'along a unit vector, scaled back',
      answer(gradient, product, x, u, v) {
        const length = norm(v);
        const unit = v.map((value) => value / length);
        const t = 2 ** -17 * Math.max(norm(x), 1e-8);
        return {
          difference: central(gradient, x, unit, t).map((value) => value * length),
          asymmetry: skew(product, u, v),
        };
      },
    },
    {
      name: 'extrapolated from two steps (Richardson)',
      answer(gradient, product, x, u, v) {
        const t = 20 * best(x, v);
        const [fine, coarse] = [central(gradient, x, v, t / 2), central(gradient, x, v, t)];
        return {
          difference: fine.map((value, i) => (4 * value - coarse[i]!) / 3),
          asymmetry: skew(product, u, v),
        };
      },
    },
    {
      name: 'with the largest entries for the sizes, on plain numbers',
      answer(gradient, product, x, u, v) {
        const size = (a: Float64Array) => Math.max(...a.map(Math.abs));
        const t = (6e-6 * size(x)) / size(v);
        return {
          difference: Array.from(central(gradient, x, v, t)),
          asymmetry: dot(product(v), u) - dot(product(u), v),
        };
      },
    },
  ],
  hints: [
    'Look at the table of three differences in the lesson. Which has the deepest V, and at which step? That step was for $x$ and $v$ of size 1.',
    '$Hv \\approx \\dfrac{g(x + \\varepsilon v) - g(x - \\varepsilon v)}{2\\varepsilon}$ with $\\varepsilon \\lVert v \\rVert \\approx u^{1/3} \\lVert x \\rVert$, and `Number.EPSILON` for $u$. For the asymmetry, two products and two dot products.',
    'Nearly the code:\n```ts\nconst epsilon = (Number.EPSILON ** (1 / 3) * norm(x)) / norm(v);\nconst ahead = gradient(x.map((value, i) => value + epsilon * v[i]));\nconst behind = // the same, the other way\nreturn { difference: ahead.map(/* … */), asymmetry: dot(u, product(v)) - /* … */ };\n```',
  ],
};
