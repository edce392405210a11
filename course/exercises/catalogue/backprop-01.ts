import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  transposed,
} from '../linear';

/** What a pass forwards and the loss have left behind, for one example. */
interface Pass {
  /** `W₁ … W_L`, n × n each; `weights[l − 1]` is `W_l`. */
  weights: Matrix[];
  /** `a₀`, the input of the first layer. */
  input: number[];
  /** `tanh z₁ … tanh z_L`, with `z_l = W_l a_{l−1}` and `a_l = a_{l−1} + tanh z_l`. */
  bumps: number[][];
  /** `∂ℓ/∂a_L`. */
  outputGradient: number[];
  /** `∂²ℓ/∂a_L²`. */
  outputHessian: Matrix;
}

/** `H_{z₁}` and `H_{W₁}`, the latter with the columns of `W₁` stacked. */
interface FirstLayer {
  Hz: Matrix;
  HW: Matrix;
}

type HessianBackprop = (pass: Pass) => FirstLayer;

/** What the recursion does at a layer; mutants do something else. */
interface Rules {
  /** `tanh′` and `tanh″` by `t = tanh z`. */
  slope(t: number): number;
  bend(t: number): number;
  /** What tanh″ is multiplied by: ∂ℓ/∂a_l, or, wrongly, something else. */
  bent(g: number, slope: number): number;
  /** The Jacobian `∂a_l/∂a_{l−1}`, as it acts on the Hessian and on the gradient. */
  jacobian(W: Matrix, slopes: number[]): Matrix;
  gradientJacobian(W: Matrix, slopes: number[]): Matrix;
  /** The Hessian from above, brought below the layer. */
  carried(J: Matrix, H: Matrix): Matrix;
  /** The last way, from a₁ to z₁. */
  first(H: Matrix, slopes: number[]): Matrix;
  /** Whether the gradient is brought below a layer as well. */
  gradientMoves: boolean;
  /** Whether the bend of a layer above the first one counts. */
  bendAbove: boolean;
  /** Whether that of the first layer does. */
  bendFirst: boolean;
  kronecker(aa: Matrix, H: Matrix): Matrix;
}

const scaleRows = (d: number[], M: Matrix): Matrix => M.map((row, i) => row.map((m) => d[i]! * m));
const withShortcut = (W: Matrix, slopes: number[]) => shiftedMatrix(1, scaleRows(slopes, W));
const outer = (a: number[], b: number[]): Matrix => a.map((x) => b.map((y) => x * y));
const sum = (A: Matrix, B: Matrix): Matrix => A.map((row, i) => row.map((m, j) => m + B[i]![j]!));

const right: Rules = {
  slope: (t) => 1 - t * t,
  bend: (t) => -2 * t * (1 - t * t),
  bent: (g) => g,
  jacobian: withShortcut,
  gradientJacobian: withShortcut,
  carried: (J, H) => product(transposed(J), product(H, J)),
  first: (H, slopes) => transposed(scaleRows(slopes, transposed(scaleRows(slopes, H)))),
  gradientMoves: true,
  bendAbove: true,
  bendFirst: true,
  kronecker: (aa, H) =>
    aa.flatMap((row) => H.map((line) => row.flatMap((x) => line.map((h) => x * h)))),
};

function firstLayer(pass: Pass, changed: Partial<Rules> = {}): FirstLayer {
  const rules = { ...right, ...changed };
  const { weights, input, bumps, outputGradient, outputHessian } = pass;
  let g = outputGradient;
  let H = outputHessian;
  const bendOf = (slopes: number[], l: number) =>
    bumps[l]!.map((t, i) => rules.bend(t) * rules.bent(g[i]!, slopes[i]!));
  for (let l = weights.length - 1; l >= 1; l--) {
    const W = weights[l]!;
    const slopes = bumps[l]!.map(rules.slope);
    const bend = rules.bendAbove ? bendOf(slopes, l) : slopes.map(() => 0);
    H = sum(
      rules.carried(rules.jacobian(W, slopes), H),
      product(transposed(W), scaleRows(bend, W)),
    );
    if (rules.gradientMoves) g = [...multiply(transposed(rules.gradientJacobian(W, slopes)), g)];
  }
  const slopes = bumps[0]!.map(rules.slope);
  const bend = bendOf(slopes, 0);
  const Hz = rules
    .first(H, slopes)
    .map((row, i) => row.map((h, j) => (i === j && rules.bendFirst ? h + bend[i]! : h)));
  return { Hz, HW: rules.kronecker(outer(input, input), Hz) };
}

/** A pass through L layers of n units, with a softmax cross-entropy of a_L at its end. */
function pass(seed: number, n: number, L: number): Pass {
  const weights = Array.from({ length: L }, (_, l) =>
    randomMatrix(seed + l, n, n, 1.2 / Math.sqrt(n)),
  );
  const input = [...randomVector(seed + 50, n)];
  const bumps: number[][] = [];
  let a = input;
  for (const W of weights) {
    const bump = [...multiply(W, a)].map(Math.tanh);
    bumps.push(bump);
    a = a.map((value, i) => value + bump[i]!);
  }
  const total = a.reduce((all, value) => all + Math.exp(value), 0);
  const p = a.map((value) => Math.exp(value) / total);
  return {
    weights,
    input,
    bumps,
    outputGradient: p.map((value, c) => value - (c === 0 ? 1 : 0)),
    outputHessian: outer(p, p).map((row, i) => row.map((m, j) => (i === j ? p[i]! : 0) - m)),
  };
}

export const exercise: Exercise<HessianBackprop> = {
  id: 'backprop-01',
  lesson: '04',
  title: 'The Hessian, propagated backwards through shortcuts',
  difficulty: 3,
  minutes: 35,
  needs: ['04'],
  reference: (given) => firstLayer(given),
  probes: [
    { name: 'two layers', args: () => [pass(1, 3, 2)] },
    { name: 'four layers', args: () => [pass(11, 2, 4)] },
    { name: 'wide', args: () => [pass(21, 4, 3)] },
    { name: 'one layer', args: () => [pass(31, 3, 1)] },
  ],
  fresh: (seed) => [pass(seed, 3, 3)],
  properties: [
    {
      name: 'gives symmetric matrices',
      complaint({ result: { Hz, HW } }) {
        for (const [name, M] of Object.entries({ Hz, HW })) {
          const gap = Math.max(
            ...M.flatMap((row, i) => row.map((m, j) => Math.abs(m - (M[j]?.[i] ?? 0)))),
          );
          if (gap > 1e-9) {
            return `Entries of \`${name}\` and of its transpose differ by up to ${gap.toPrecision(2)}.`;
          }
        }
        return undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the shortcut is forgotten',
      answer: (given) =>
        firstLayer(given, {
          jacobian: (W, d) => scaleRows(d, W),
          gradientJacobian: (W, d) => scaleRows(d, W),
        }),
      diagnosis:
        'This is the recursion of a network without shortcuts. Here $a_l = a_{l-1} + \\tanh(W_l a_{l-1})$: the derivative of a layer is $I + D_l W_l$.',
    },
    {
      name: 'the gradient stays that of the output',
      answer: (given) => firstLayer(given, { gradientMoves: false }),
      diagnosis:
        "In every layer the term with $\\sigma''$ has $\\partial\\ell/\\partial a_L$. It is $\\partial\\ell/\\partial a_l$ of the layer itself: bring the gradient down along with the Hessian. With one layer the two cannot be told apart.",
    },
    {
      name: 'the Hessian with respect to a₁',
      answer: (given) => firstLayer(given, { first: (H) => H, bendFirst: false }),
      diagnosis:
        'This is the Hessian with respect to $a_1$. Those with respect to $z_1$ and $W_1$ lie below one more $\\tanh$: its slopes on both sides, and its bend on the diagonal.',
    },
    {
      name: 'the shortcut is missing in the Hessian',
      answer: (given) => firstLayer(given, { jacobian: (W, d) => scaleRows(d, W) }),
      diagnosis:
        'The gradient passes through $I + D_l W_l$, the Hessian from above through $D_l W_l$ alone.',
    },
    {
      name: 'the shortcut is missing in the gradient',
      answer: (given) => firstLayer(given, { gradientJacobian: (W, d) => scaleRows(d, W) }),
      diagnosis:
        "The Hessian passes through $I + D_l W_l$, the gradient $\\partial\\ell/\\partial a_l$ through $D_l W_l$ alone. It is what $\\sigma''$ is multiplied by one layer below.",
    },
    {
      name: 'the cross terms',
      answer: (given) =>
        firstLayer(given, {
          carried: (J, H) => {
            const DW = shiftedMatrix(-1, J);
            return sum(H, product(transposed(DW), product(H, DW)));
          },
        }),
      diagnosis:
        '$(I + DW)^\\top H (I + DW)$ has four terms; $H DW$ and $(DW)^\\top H$ are missing.',
    },
    {
      name: 'the terms with σ″',
      answer: (given) => firstLayer(given, { bend: () => 0 }),
      diagnosis:
        "Only what comes from above is there. The slopes $\\sigma'(z_l)$ in the gradient depend on $z_l$ as well. (Without those terms the result is the Gauss–Newton matrix, which is good for something, but not the Hessian.)",
    },
    {
      name: 'σ″ of the first layer only',
      answer: (given) => firstLayer(given, { bendAbove: false }),
      diagnosis:
        "$\\sigma''$ is there at $z_1$, and missing in the layers above: each adds $W_l^\\top \\operatorname{diag}(\\sigma''(z_l) \\odot \\partial\\ell/\\partial a_l)\\, W_l$.",
    },
    {
      name: 'the gradient by z where that by a belongs',
      answer: (given) => firstLayer(given, { bent: (g, slope) => g * slope }),
      diagnosis:
        "$\\sigma''$ is multiplied by $\\partial\\ell/\\partial z_l$, which holds a factor $\\sigma'$ already. Differentiating $\\sigma'(z_l) \\odot \\partial\\ell/\\partial a_l$ leaves $\\partial\\ell/\\partial a_l$ next to $\\sigma''$.",
    },
    {
      name: 'the slope is missing',
      answer: (given) => firstLayer(given, { slope: () => 1 }),
      diagnosis:
        "The slopes $\\sigma'(z_l) = 1 - \\tanh^2 z_l$ are missing: the layers are passed as if $\\tanh$ were the identity.",
    },
    {
      name: 'the slopes on one side only',
      answer: (given) => firstLayer(given, { first: (H, slopes) => scaleRows(slopes, H) }),
      diagnosis:
        'From $a_1$ to $z_1$ the Hessian takes the slopes from the left alone, and is not symmetric. One factor comes from $\\partial\\ell/\\partial z_1 = D_1\\,\\partial\\ell/\\partial a_1$, the other from how $a_1$ changes with $z_1$.',
    },
    {
      name: 'the order of the Kronecker product',
      answer: (given) => firstLayer(given, { kronecker: (aa, H) => right.kronecker(H, aa) }),
      diagnosis:
        '`HW` is $H_z \\otimes aa^\\top$. With the *columns* of $W$ stacked, entries $(i, j)$ and $(i + 1, j)$ of $W$ are neighbours, so the fast index belongs to $H_z$.',
    },
    {
      name: 'the sign of σ″',
      answer: (given) => firstLayer(given, { bend: (t) => 2 * t * (1 - t * t) }),
      diagnosis:
        '$\\tanh$ bends down where it is positive: its second derivative has the sign of $-z$.',
    },
    {
      name: 'a factor of σ″',
      answer: (given) => firstLayer(given, { bend: (t) => -2 * t }),
      diagnosis:
        '$-2t$ is the derivative of $1 - t^2$ by $t = \\tanh z$. By $z$ there is one more factor, $\\partial t/\\partial z$.',
    },
    {
      name: 'the weights are transposed',
      answer: (given) => firstLayer({ ...given, weights: given.weights.map(transposed) }),
      diagnosis:
        'The layers are passed with $W_l^\\top$ where $W_l$ belongs, and the other way round. $W_l$ is square here, so the sizes do not tell.',
    },
  ],
  alternatives: [
    {
      name: 'column by column, with the R-operator',
      answer({ weights, input, bumps, outputGradient, outputHessian }) {
        const L = weights.length;
        const n = input.length;
        const gradients: number[][] = [];
        gradients[L] = outputGradient;
        for (let l = L - 1; l >= 1; l--) {
          const above = gradients[l + 1]!;
          const dz = bumps[l]!.map((t, i) => (1 - t * t) * above[i]!);
          const back = multiply(transposed(weights[l]!), dz);
          gradients[l] = above.map((value, i) => value + back[i]!);
        }
        const columns = Array.from({ length: n }, (_, j) => {
          const Rz: number[][] = [Array.from({ length: n }, (_, i) => (i === j ? 1 : 0))];
          let Ra = Rz[0]!.map((value, i) => (1 - bumps[0]![i]! ** 2) * value);
          for (let l = 1; l < L; l++) {
            Rz[l] = [...multiply(weights[l]!, Ra)];
            Ra = Ra.map((value, i) => value + (1 - bumps[l]![i]! ** 2) * Rz[l]![i]!);
          }
          let Rg = [...multiply(outputHessian, Ra)];
          const throughSlope = (l: number) =>
            bumps[l]!.map(
              (t, i) => (1 - t * t) * (Rg[i]! - 2 * t * Rz[l]![i]! * gradients[l + 1]![i]!),
            );
          for (let l = L - 1; l >= 1; l--) {
            const back = multiply(transposed(weights[l]!), throughSlope(l));
            Rg = Rg.map((value, i) => value + back[i]!);
          }
          return throughSlope(0);
        });
        const Hz = transposed(columns);
        const HW = Array.from({ length: n * n }, (_, row) =>
          Array.from(
            { length: n * n },
            (_, column) =>
              input[Math.floor(row / n)]! *
              input[Math.floor(column / n)]! *
              Hz[row % n]![column % n]!,
          ),
        );
        return { Hz, HW };
      },
    },
    {
      name: 'the four terms written out, recursively',
      answer({ weights, input, bumps, outputGradient, outputHessian }) {
        const at = (l: number): { g: number[]; H: Matrix } => {
          if (l === weights.length) return { g: outputGradient, H: outputHessian };
          const { g, H } = at(l + 1);
          const W = weights[l]!;
          const t = bumps[l]!;
          const DW = scaleRows(
            t.map((x) => 1 - x * x),
            W,
          );
          const HDW = product(H, DW);
          const bend = t.map((x, i) => -2 * x * (1 - x * x) * g[i]!);
          const inner = sum(
            product(transposed(DW), HDW),
            product(transposed(W), scaleRows(bend, W)),
          );
          const back = multiply(transposed(DW), g);
          return {
            g: g.map((value, i) => value + back[i]!),
            H: sum(sum(H, inner), sum(HDW, transposed(HDW))),
          };
        };
        const { g, H } = at(1);
        const t = bumps[0]!;
        const Hz = H.map((row, i) =>
          row.map((h, j) => {
            const carried = (1 - t[i]! ** 2) * h * (1 - t[j]! ** 2);
            return i === j ? carried - 2 * t[i]! * (1 - t[i]! ** 2) * g[i]! : carried;
          }),
        );
        return { Hz, HW: right.kronecker(outer(input, input), Hz) };
      },
    },
  ],
  hints: [
    'Two quantities go down through the layers together: the vector $\\partial\\ell/\\partial a_l$, by ordinary backpropagation, and the matrix $H_{a_l}$. Begin with the two that are given for layer $L$, and end with the way from $a_1$ to $z_1$.',
    "With $g_l = \\partial\\ell/\\partial a_l$, $D_l = \\operatorname{diag}\\sigma'(z_l)$ and $J_l = I + D_l W_l$: $g_{l-1} = J_l^\\top g_l$ and $H_{a_{l-1}} = J_l^\\top H_{a_l} J_l + W_l^\\top \\operatorname{diag}(\\sigma''(z_l) \\odot g_l)\\, W_l$. At the end $H_{z_1} = D_1 H_{a_1} D_1 + \\operatorname{diag}(\\sigma''(z_1) \\odot g_1)$ and $H_{W_1} = (a_0a_0^\\top) \\otimes H_{z_1}$. For $t = \\tanh z$, $\\sigma' = 1 - t^2$ and $\\sigma'' = -2t(1 - t^2)$.",
    'The loop:\n```ts\nlet g = outputGradient;\nlet H = outputHessian;\nfor (let l = weights.length - 1; l >= 1; l--) {\n  const W = weights[l];            // W_{l+1}\n  const t = bumps[l];              // tanh z_{l+1}\n  const J = W.map((row, i) => row.map((w, j) => (i === j ? 1 : 0) + (1 - t[i] ** 2) * w));\n  const bend = t.map((x, i) => -2 * x * (1 - x * x) * g[i]);\n  // H: the sandwich with J, and the one of bend with W\n  g = multiply(transposed(J), g);\n}\n```\nIn `HW`, row $(j, i)$ and column $(k, m)$ hold `input[j] * input[k] * Hz[i][m]`.',
  ],
};
