import type { Exercise } from '../exercise';
import { type Matrix, multiply, product, randomMatrix, randomVector, transposed } from '../linear';

/** What a pass forwards and the loss have left behind, for one example. */
interface Pass {
  /** `W₁ … W_L`; `weights[l − 1]` is `W_l`, n_l × n_{l−1}. */
  weights: Matrix[];
  /** `a₀ … a_{L−1}`: the input, and what tanh made of each hidden layer. */
  activations: number[][];
  /** `∂ℓ/∂z_L`. */
  outputGradient: number[];
  /** `∂²ℓ/∂z_L²`. */
  outputHessian: Matrix;
}

/** `H_{z₁}` and `H_{W₁}`, the latter with the columns of `W₁` stacked. */
interface FirstLayer {
  Hz: Matrix;
  HW: Matrix;
}

type HessianBackprop = (pass: Pass) => FirstLayer;

/** What the recursion does at one layer; mutants do something else. */
interface Rules {
  slope(a: number): number;
  bend(a: number): number;
  /** What σ″ is multiplied by: u = ∂ℓ/∂a, or, wrongly, ∂ℓ/∂z. */
  bent(u: number, slope: number): number;
  /** The term from above. */
  carried(W: Matrix, H: Matrix, slopes: number[]): Matrix;
  kronecker(aa: Matrix, H: Matrix): Matrix;
}

const right: Rules = {
  slope: (a) => 1 - a * a,
  bend: (a) => -2 * a * (1 - a * a),
  bent: (u) => u,
  carried: (W, H, slopes) => twoSided(product(transposed(W), product(H, W)), slopes),
  kronecker: (aa, H) => aa.flatMap((row) => H.map((line) => row.flatMap((x) => scaled(line, x)))),
};

const scaled = (line: number[], x: number) => line.map((h) => x * h);

const twoSided = (M: Matrix, slopes: number[]) =>
  M.map((row, i) => row.map((m, j) => slopes[i]! * m * slopes[j]!));

function firstLayer(pass: Pass, changed: Partial<Rules> = {}): FirstLayer {
  const { slope, bend, bent, carried, kronecker } = { ...right, ...changed };
  const { weights, activations, outputGradient, outputHessian } = pass;
  let dz = outputGradient;
  let H = outputHessian;
  for (let l = weights.length - 1; l >= 1; l--) {
    const W = weights[l]!;
    const a = activations[l]!;
    const slopes = a.map(slope);
    const u = [...multiply(transposed(W), dz)];
    H = carried(W, H, slopes).map((row, i) =>
      row.map((m, j) => (i === j ? m + bend(a[i]!) * bent(u[i]!, slopes[i]!) : m)),
    );
    dz = u.map((value, i) => value * slopes[i]!);
  }
  const a = activations[0]!;
  return { Hz: H, HW: kronecker(outer(a, a), H) };
}

const outer = (a: number[], b: number[]): Matrix => a.map((x) => b.map((y) => x * y));

/** A pass through a network of these sizes, with a softmax cross-entropy at its end. */
function pass(seed: number, sizes: number[]): Pass {
  const weights = sizes
    .slice(1)
    .map((rows, l) => randomMatrix(seed + l, rows, sizes[l]!, 1.2 / Math.sqrt(sizes[l]!)));
  const activations = [[...randomVector(seed + 50, sizes[0]!)]];
  for (const W of weights.slice(0, -1)) {
    activations.push([...multiply(W, activations.at(-1)!)].map(Math.tanh));
  }
  const z = multiply(weights.at(-1)!, activations.at(-1)!);
  const total = z.reduce((sum, value) => sum + Math.exp(value), 0);
  const p = [...z].map((value) => Math.exp(value) / total);
  return {
    weights,
    activations,
    outputGradient: p.map((value, c) => value - (c === 0 ? 1 : 0)),
    outputHessian: outer(p, p).map((row, i) => row.map((m, j) => (i === j ? p[i]! : 0) - m)),
  };
}

export const exercise: Exercise<HessianBackprop> = {
  id: 'backprop-01',
  lesson: '04',
  title: 'The Hessian, propagated backwards',
  difficulty: 2,
  minutes: 30,
  needs: ['04'],
  reference: (pass) => firstLayer(pass),
  probes: [
    { name: 'square', args: () => [pass(1, [3, 3, 3])] },
    { name: 'rectangular', args: () => [pass(11, [2, 4, 3])] },
    { name: 'two hidden layers', args: () => [pass(21, [2, 3, 4, 3])] },
    { name: 'no hidden layer', args: () => [pass(31, [2, 3])] },
  ],
  properties: [
    {
      name: 'gives symmetric matrices',
      complaint({ result: { Hz, HW } }) {
        for (const [name, M] of Object.entries({ Hz, HW })) {
          const gap = Math.max(
            ...M.flatMap((row, i) => row.map((m, j) => Math.abs(m - (M[j]?.[i] ?? 0)))),
          );
          if (gap > 1e-9) return `Entries of ${name} and of its transpose differ by up to ${gap}.`;
        }
        return undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the term with σ″',
      answer: (pass) => firstLayer(pass, { bend: () => 0 }),
      diagnosis:
        "Only what comes from above is there. The slope $\\sigma'(z_l)$ in $\\partial\\ell/\\partial z_l = \\sigma'(z_l) \\odot u_l$ depends on $z_l$ as well. (Without that term the result is the Gauss–Newton matrix, which is good for something, but not the Hessian.)",
    },
    {
      name: 'the order of the Kronecker product',
      answer: (pass) => firstLayer(pass, { kronecker: (aa, H) => right.kronecker(H, aa) }),
      diagnosis:
        '`HW` is $H_z \\otimes aa^\\top$. With the *columns* of $W$ stacked, entries $(i, j)$ and $(i + 1, j)$ of $W$ are neighbours, so the fast index belongs to $H_z$.',
    },
    {
      name: 'the gradient by z where that by a belongs',
      answer: (pass) => firstLayer(pass, { bent: (u, slope) => u * slope }),
      diagnosis:
        "$\\sigma''$ is multiplied by $\\partial\\ell/\\partial z_l$, which holds a factor $\\sigma'$ already. Differentiating $\\sigma'(z_l) \\odot u_l$ leaves $u_l = \\partial\\ell/\\partial a_l$ beside $\\sigma''$.",
    },
    {
      name: 'the slopes on one side only',
      answer: (pass) =>
        firstLayer(pass, {
          carried: (W, H, slopes) =>
            product(transposed(W), product(H, W)).map((row, i) => row.map((m) => slopes[i]! * m)),
        }),
      diagnosis:
        '$D_l$ multiplies from the left alone, and the matrix is not symmetric. One factor comes from $\\partial\\ell/\\partial z_l = D_l u_l$, the other from how $z_{l+1}$ changes with $z_l$.',
    },
    {
      name: 'the sign of σ″',
      answer: (pass) => firstLayer(pass, { bend: (a) => 2 * a * (1 - a * a) }),
      diagnosis:
        '$\\tanh$ bends down where it is positive: its second derivative has the sign of $-a$.',
    },
    {
      name: 'a factor of σ″',
      answer: (pass) => firstLayer(pass, { bend: (a) => -2 * a }),
      diagnosis:
        '$-2a$ is the derivative of $1 - a^2$ by $a$. By $z$ there is one more factor, $\\partial a/\\partial z$.',
    },
    {
      name: 'the weights are not transposed',
      answer: (pass) =>
        firstLayer(pass, {
          carried: (W, H, slopes) => twoSided(product(W, product(H, transposed(W))), slopes),
        }),
      diagnosis:
        'The sandwich is $W H W^\\top$. $W_{l+1}$ is $n_{l+1} \\times n_l$ and the result has to be $n_l \\times n_l$; on a square network the sizes do not tell.',
    },
  ],
  alternatives: [
    {
      name: 'column by column, with the R-operator',
      answer({ weights, activations, outputGradient, outputHessian }) {
        const L = weights.length;
        const gradients: number[][] = [];
        gradients[L] = outputGradient;
        const u: number[][] = [];
        for (let l = L - 1; l >= 1; l--) {
          u[l] = [...multiply(transposed(weights[l]!), gradients[l + 1]!)];
          gradients[l] = u[l]!.map((value, i) => value * (1 - activations[l]![i]! ** 2));
        }
        const n = weights[0]!.length;
        const columns = Array.from({ length: n }, (_, j) => {
          const Rz: number[][] = [];
          Rz[1] = Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));
          for (let l = 1; l < L; l++) {
            const Ra = Rz[l]!.map((value, i) => value * (1 - activations[l]![i]! ** 2));
            Rz[l + 1] = [...multiply(weights[l]!, Ra)];
          }
          let Rdz = [...multiply(outputHessian, Rz[L]!)];
          for (let l = L - 1; l >= 1; l--) {
            const Ru = multiply(transposed(weights[l]!), Rdz);
            Rdz = activations[l]!.map(
              (a, i) => (1 - a * a) * (Ru[i]! - 2 * a * Rz[l]![i]! * u[l]![i]!),
            );
          }
          return Rdz;
        });
        const Hz = transposed(columns);
        const [a] = activations as [number[]];
        const HW = Array.from({ length: n * a.length }, (_, row) =>
          Array.from(
            { length: n * a.length },
            (_, column) =>
              a[Math.floor(row / n)]! * a[Math.floor(column / n)]! * Hz[row % n]![column % n]!,
          ),
        );
        return { Hz, HW };
      },
    },
    {
      name: 'with matrices of slopes, recursively',
      answer({ weights, activations, outputGradient, outputHessian }) {
        const diagonal = (v: number[]): Matrix =>
          v.map((value, i) => v.map((_, j) => (i === j ? value : 0)));
        const at = (l: number): { dz: number[]; H: Matrix } => {
          if (l === weights.length) return { dz: outputGradient, H: outputHessian };
          const above = at(l + 1);
          const W = weights[l]!;
          const a = activations[l]!;
          const D = diagonal(a.map((x) => 1 - x * x));
          const u = [...multiply(transposed(W), above.dz)];
          const WD = product(W, D);
          const H = product(transposed(WD), product(above.H, WD));
          a.forEach((x, i) => {
            H[i]![i]! += -2 * x * (1 - x * x) * u[i]!;
          });
          return { dz: [...multiply(D, u)], H };
        };
        const { H } = at(1);
        const [a] = activations as [number[]];
        return { Hz: H, HW: right.kronecker(outer(a, a), H) };
      },
    },
  ],
  hints: [
    'Two quantities go down through the layers together: the vector $\\partial\\ell/\\partial z_l$, by ordinary backpropagation, and the matrix $H_{z_l}$. Begin with the two that are given for layer $L$.',
    "$u_l = W_{l+1}^\\top\\,\\partial\\ell/\\partial z_{l+1}$, then $H_{z_l} = D_l W_{l+1}^\\top H_{z_{l+1}} W_{l+1} D_l + \\operatorname{diag}(\\sigma''(z_l) \\odot u_l)$ and $\\partial\\ell/\\partial z_l = D_l u_l$. For tanh $\\sigma' = 1 - a^2$ and $\\sigma'' = -2a(1 - a^2)$. At the end $H_{W_1} = (a_0a_0^\\top) \\otimes H_{z_1}$.",
    'The loop:\n```ts\nlet dz = outputGradient;\nlet H = outputHessian;\nfor (let l = weights.length - 1; l >= 1; l--) {\n  const W = weights[l];            // W_{l+1}\n  const a = activations[l];\n  const slope = a.map((x) => 1 - x * x);\n  const u = multiply(transposed(W), dz);\n  // H: the sandwich, the slopes from both sides, and on the diagonal -2 a slope u\n  dz = u.map((value, i) => value * slope[i]);\n}\n```\nIn `HW`, row $(j, i)$ and column $(k, m)$ hold `a[j] * a[k] * Hz[i][m]`.',
  ],
};
