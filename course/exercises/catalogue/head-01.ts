import type { Exercise } from '../exercise';
import { type Matrix, product, randomMatrix, randomVector, transposed } from '../linear';

/** A frozen network, which counts how often it is run. */
interface Frozen {
  /** Runs it on the whole batch: n rows of f numbers. */
  features(): Matrix;
  runs: number;
}

/** The head `z = tanh(x W₁ + b₁) W₂ + b₂`, or a direction for it. */
interface Head {
  /** f × h. */
  W1: Matrix;
  b1: number[];
  /** h × C. */
  W2: Matrix;
  b2: number[];
}

type HeadProduct = (frozen: Frozen, head: Head, direction: Head) => Head;

const addRow = (A: Matrix, row: number[]): Matrix => A.map((a) => a.map((x, j) => x + row[j]!));

const plus = (A: Matrix, B: Matrix): Matrix => A.map((row, i) => row.map((m, j) => m + B[i]![j]!));

const times = (A: Matrix, B: Matrix): Matrix => A.map((row, i) => row.map((m, j) => m * B[i]![j]!));

const columnSums = (A: Matrix): number[] =>
  transposed(A).map((column) => column.reduce((s, x) => s + x));

const softmax = (z: number[]): number[] => {
  const exponentials = z.map((value) => Math.exp(value - Math.max(...z)));
  const total = exponentials.reduce((sum, e) => sum + e);
  return exponentials.map((e) => e / total);
};

/** What a product does; mutants do something else. */
interface Rules {
  /** The probabilities of all logits, n rows of C. */
  probabilities(Z: Matrix): Matrix;
  /** The Hessian of the loss with respect to the logits of one example, times u. */
  curvature(p: number[], u: number[]): number[];
  /** What the sum over the examples is divided by. */
  divisor(n: number): number;
  /** Whether the hidden layer moves the logits, and the last layer does. */
  hiddenMoves: boolean;
  lastMoves: boolean;
  biasMoves: boolean;
  lastBiasMoves: boolean;
  /** The slope of the activation by its value a. */
  slope(a: number): number;
  /** The slope of tanh on the way back. */
  slopeBack: boolean;
  slopeForwards: boolean;
}

const right: Rules = {
  probabilities: (Z) => Z.map(softmax),
  curvature(p, u) {
    const mean = p.reduce((sum, value, c) => sum + value * u[c]!, 0);
    return p.map((value, c) => value * (u[c]! - mean));
  },
  divisor: (n) => n,
  slope: (a) => 1 - a * a,
  hiddenMoves: true,
  lastMoves: true,
  biasMoves: true,
  lastBiasMoves: true,
  slopeBack: true,
  slopeForwards: true,
};

function headProduct(
  frozen: Frozen,
  { W1, b1, W2, b2 }: Head,
  direction: Head,
  changed: Partial<Rules> = {},
): Head {
  const rules = { ...right, ...changed };
  const X = frozen.features();
  const A = addRow(product(X, W1), b1).map((row) => row.map(Math.tanh));
  const P = rules.probabilities(addRow(product(A, W2), b2));
  const slopes = A.map((row) => row.map(rules.slope));
  const moved = product(X, direction.W1);
  const RZ1 = rules.biasMoves ? addRow(moved, direction.b1) : moved;
  const RA = rules.slopeForwards ? times(slopes, RZ1) : RZ1;
  const zero = P.map((row) => row.map(() => 0));
  const lastMoved = product(A, direction.W2);
  const RZ = plus(
    rules.hiddenMoves ? product(RA, W2) : zero,
    rules.lastMoves ? (rules.lastBiasMoves ? addRow(lastMoved, direction.b2) : lastMoved) : zero,
  );
  const n = rules.divisor(X.length);
  const E = RZ.map((u, i) => rules.curvature(P[i]!, u).map((e) => e / n));
  const back = product(E, transposed(W2));
  const E1 = rules.slopeBack ? times(slopes, back) : back;
  return {
    W1: product(transposed(X), E1),
    b1: columnSums(E1),
    W2: product(transposed(A), E),
    b2: columnSums(E),
  };
}

function weights(seed: number, f: number, h: number, C: number): Head {
  return {
    W1: randomMatrix(seed, f, h, 0.7),
    b1: [...randomVector(seed + 1, h)],
    W2: randomMatrix(seed + 2, h, C),
    b2: [...randomVector(seed + 3, C)],
  };
}

function frozen(seed: number, n: number, f: number): Frozen {
  const network: Frozen = {
    runs: 0,
    features() {
      network.runs += 1;
      return randomMatrix(seed, n, f);
    },
  };
  return network;
}

export const exercise: Exercise<HeadProduct> = {
  id: 'head-01',
  lesson: '07',
  title: 'The Gauss–Newton product of a head on frozen features',
  difficulty: 2,
  minutes: 30,
  needs: ['07', 'gnvp-01'],
  reference: (network, head, direction) => headProduct(network, head, direction),
  probes: [
    {
      name: 'small',
      args: () => [frozen(1, 4, 3), weights(2, 3, 2, 3), weights(12, 3, 2, 3)],
    },
    {
      name: 'wide',
      args: () => [frozen(21, 6, 7), weights(22, 7, 4, 5), weights(32, 7, 4, 5)],
    },
    {
      name: 'one example',
      args: () => [frozen(41, 1, 4), weights(42, 4, 4, 4), weights(52, 4, 4, 4)],
    },
  ],
  fresh: (seed) => [frozen(seed, 4, 3), weights(seed + 1, 3, 2, 3), weights(seed + 11, 3, 2, 3)],
  properties: [
    {
      name: 'runs the frozen network once',
      complaint: ({ args: [network] }) =>
        network.runs > 1
          ? `The frozen network was run ${network.runs} times. Its output does not change: keep it.`
          : undefined,
    },
    {
      name: 'has no negative curvature',
      complaint({ args: [, , direction], result }) {
        const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
        const curvature =
          dot(direction.W1.flat(), result.W1.flat()) +
          dot(direction.b1, result.b1) +
          dot(direction.W2.flat(), result.W2.flat()) +
          dot(direction.b2, result.b2);
        return curvature < -1e-12
          ? `vᵀGv = ${curvature.toPrecision(3)}; a Gauss–Newton matrix of a convex loss has none below 0.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'a softmax over the batch',
      answer: (frozen, head, direction) =>
        headProduct(frozen, head, direction, {
          probabilities: (Z) => transposed(transposed(Z).map(softmax)),
        }),
      diagnosis:
        'The softmax runs down the columns: over the *examples*, for each class. The probabilities of the classes of one example, a row of $z$, sum to 1.',
    },
    {
      name: 'only the last layer moves the logits',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { hiddenMoves: false }),
      diagnosis:
        'On the way forwards only $W_2$ and $b_2$ change $z$. The hidden units change too, by $R\\{a\\}$, and $W_2$ passes that on.',
    },
    {
      name: 'only the hidden layer moves the logits',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { lastMoves: false }),
      diagnosis:
        'On the way forwards only the hidden units change. $z = aW_2 + b_2$ depends on three things, and all of them move: $R\\{z\\} = R\\{a\\}W_2 + a\\dot W_2 + \\dot b_2$.',
    },
    {
      name: 'the direction of b₁ is forgotten',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { biasMoves: false }),
      diagnosis: '$\\dot b_1$ is missing in the change of $xW_1 + b_1$.',
    },
    {
      name: 'the direction of b₂ is forgotten',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { lastBiasMoves: false }),
      diagnosis: '$\\dot b_2$ is missing in the change of $aW_2 + b_2$.',
    },
    {
      name: 'the directions of both biases are forgotten',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { biasMoves: false, lastBiasMoves: false }),
      diagnosis:
        'On the way forwards only the matrices move. $\\dot b_1$ and $\\dot b_2$ are parts of the direction, too.',
    },
    {
      name: 'S is missing',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { curvature: (_, u) => u }),
      diagnosis:
        'Between the two walks nothing happens: that would be Gauss–Newton of a squared error. The curvature of the cross-entropy belongs there.',
    },
    {
      name: 'the mean over all outputs',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { divisor: (n) => n * head.b2.length }),
      diagnosis:
        'The factor is $1/(nC)$. The loss is the mean over the $n$ *examples*; the classes are added up inside the cross-entropy.',
    },
    {
      name: '1/n twice',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { divisor: (n) => n * n }),
      diagnosis:
        'The result is divided by $n$ twice. The mean over the examples stands once, between the two walks; the sums over them have no factor. With one example the two cannot be told apart.',
    },
    {
      name: 'p(1 − p)',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, {
          curvature: (p, u) => p.map((value, c) => value * (1 - value) * u[c]!),
        }),
      diagnosis:
        'Between the two walks stands $\\operatorname{diag}(p \\odot (1 - p))$, the diagonal of the right matrix. The logits of one example are coupled by the softmax: $\\operatorname{diag}(p) - pp^\\top$.',
    },
    {
      name: 'the slope of the logistic function',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { slope: (a) => a * (1 - a) }),
      diagnosis:
        'The slope is $a(1 - a)$, that of the logistic function. Here $a = \\tanh(\\cdot)$, with the slope $1 - a^2$.',
    },
    {
      name: 'the sign of S',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, {
          curvature: (p, u) => right.curvature(p, u).map((value) => -value),
        }),
      diagnosis:
        'Between the two walks stands $pp^\\top - \\operatorname{diag}(p)$. The cross-entropy is convex in the logits.',
    },
    {
      name: 'the slope of tanh on the way back',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { slopeBack: false }),
      diagnosis:
        'What comes back through $W_2$ belongs to $a$. On its way to $xW_1 + b_1$ it has to pass the slope $1 - a^2$ once more.',
    },
    {
      name: 'the slope of tanh on the way forwards',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { slopeForwards: false }),
      diagnosis:
        'The hidden units change by $(1 - a^2)$ times the change of $xW_1 + b_1$, not by all of it.',
    },
    {
      name: 'the mean over the examples',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, { divisor: () => 1 }),
      diagnosis:
        'The factor $1/n$ is missing: the loss is the *mean* over the batch. With one example the two cannot be told apart.',
    },
    {
      name: 'only the diagonal of the curvature of the loss',
      answer: (network, head, direction) =>
        headProduct(network, head, direction, {
          curvature: (p, u) => p.map((value, c) => value * u[c]!),
        }),
      diagnosis:
        'Between the two walks stands $\\operatorname{diag}(p)$ alone. The Hessian of the cross-entropy with respect to the logits is $\\operatorname{diag}(p) - pp^\\top$.',
    },
    {
      name: 'the frozen network is run again',
      answer(network, head, direction) {
        network.features();
        return headProduct(network, head, direction);
      },
      diagnosis:
        'The numbers are right, but the frozen network is run more than once. That it need not be is what makes a head cheap: ask for the features once and keep them.',
      caughtBy: 'runs the frozen network once',
    },
  ],
  alternatives: [
    {
      name: 'example by example',
      answer(network, { W1, b1, W2, b2 }, direction) {
        const X = network.features();
        const [h, C] = [b1.length, b2.length];
        const result: Head = {
          W1: W1.map((row) => row.map(() => 0)),
          b1: b1.map(() => 0),
          W2: W2.map((row) => row.map(() => 0)),
          b2: b2.map(() => 0),
        };
        for (const x of X) {
          const a: number[] = [];
          const Ra: number[] = [];
          for (let j = 0; j < h; j++) {
            let [z, R] = [b1[j]!, direction.b1[j]!];
            x.forEach((value, i) => {
              z += value * W1[i]![j]!;
              R += value * direction.W1[i]![j]!;
            });
            a[j] = Math.tanh(z);
            Ra[j] = (1 - a[j]! ** 2) * R;
          }
          const z = b2.map((b, c) => a.reduce((sum, value, j) => sum + value * W2[j]![c]!, b));
          const u = direction.b2.map((b, c) =>
            a.reduce(
              (sum, value, j) => sum + value * direction.W2[j]![c]! + Ra[j]! * W2[j]![c]!,
              b,
            ),
          );
          const e = right.curvature(softmax(z), u).map((value) => value / X.length);
          for (let j = 0; j < h; j++) {
            let back = 0;
            for (let c = 0; c < C; c++) {
              result.W2[j]![c]! += a[j]! * e[c]!;
              back += W2[j]![c]! * e[c]!;
            }
            back *= 1 - a[j]! ** 2;
            result.b1[j]! += back;
            x.forEach((value, i) => {
              result.W1[i]![j]! += value * back;
            });
          }
          e.forEach((value, c) => {
            result.b2[c]! += value;
          });
        }
        return result;
      },
    },
    {
      name: 'with a column of ones for the biases',
      answer(network, { W1, b1, W2, b2 }, direction) {
        const withOnes = (A: Matrix) => A.map((row) => [...row, 1]);
        const X = withOnes(network.features());
        const A = product(X, [...W1, b1]).map((row) => row.map(Math.tanh));
        const slopes = A.map((row) => row.map((a) => 1 - a * a));
        const P = product(withOnes(A), [...W2, b2]).map(softmax);
        const RA = times(slopes, product(X, [...direction.W1, direction.b1]));
        const RZ = plus(product(RA, W2), product(withOnes(A), [...direction.W2, direction.b2]));
        const E = RZ.map((u, i) => right.curvature(P[i]!, u).map((e) => e / X.length));
        const E1 = times(slopes, product(E, transposed(W2)));
        const first = product(transposed(X), E1);
        const second = product(transposed(withOnes(A)), E);
        return {
          W1: first.slice(0, -1),
          b1: first.at(-1)!,
          W2: second.slice(0, -1),
          b2: second.at(-1)!,
        };
      },
    },
  ],
  hints: [
    'Two walks, like a forward and a backward pass: the first carries the *change* of every quantity from the direction to the logits, the second carries a vector from the logits to the parameters. Between them stands the curvature of the loss. The features do not change, so their change is 0.',
    '$R\\{a\\} = (1 - a^2) \\odot (x\\dot W_1 + \\dot b_1)$, $R\\{z\\} = R\\{a\\}W_2 + a\\dot W_2 + \\dot b_2$; $e = \\frac1n\\, p \\odot (R\\{z\\} - p^\\top R\\{z\\})$; $e_1 = (1 - a^2) \\odot (eW_2^\\top)$. The result is $x^\\top e_1$, $\\sum e_1$, $a^\\top e$, $\\sum e$.',
    'With the helpers of the first cell, for the whole batch at once:\n```ts\nconst X = frozen.features();\nconst A = addRow(product(X, W1), b1).map((row) => row.map(Math.tanh));\nconst slopes = A.map((row) => row.map((a) => 1 - a * a));\nconst P = addRow(product(A, W2), b2).map(softmax);\nconst RA = timesEach(slopes, addRow(product(X, direction.W1), direction.b1));\n// RZ, then E row by row, then E1\nreturn { W1: product(transposed(X), E1), b1: columnSums(E1), W2: product(transposed(A), E), b2: columnSums(E) };\n```',
  ],
};
