import { ShapeError } from '../errors';
import { random } from '../numbers';
import { checkOptionNames } from '../options';
import { checkSizes } from './initial';

/** Points with their classes, in double precision. */
export interface Points {
  /** n × `features` numbers, row by row. */
  x: Float64Array;
  /** n whole numbers from 0 on. */
  labels: Uint8Array;
}

export interface TwoLayerOptions {
  features: number;
  hidden: number;
  classes: number;
}

/** A loss at one place, with its derivatives. */
export interface Recorded {
  /** Mean cross-entropy in nats. */
  loss: number;
  gradient: Float64Array;
  /** `G v`: a product with the Gauss–Newton matrix. */
  product(v: Float64Array): Float64Array;
}

/** See {@link twoLayer}. */
export interface TwoLayer {
  /** How many parameters there are. */
  size: number;
  /** Where the parts are in the vector of parameters: `[from, to)`. */
  parts: Record<'W1' | 'b1' | 'W2' | 'b2', readonly [number, number]>;
  /** Weights uniform on ±√(6 / (fan-in + fan-out)), biases 0; the same for the same seed. */
  init(seed: number): Float64Array;
  /** Loss, gradient and curvature on all points. */
  record(w: Float64Array, points: Points): Recorded;
}

/**
 * A network of one hidden tanh layer and a softmax in double precision, derived by hand:
 *
 *     h = tanh(x W₁ + b₁),   z = h W₂ + b₂,   F = −(1/n) Σᵢ log softmax(zᵢ)_{yᵢ}.
 *
 * Its parameters are one `Float64Array`. On a few hundred points a gradient takes a tenth of a
 * millisecond, where tensors take one or more to start their kernels: for studies of many runs. For
 * networks of any other kind or size, {@link mlp}.
 *
 * The Gauss–Newton product is `Jᵀ H_z J v`, with `J v` by the R-operator forwards, `H_z` the softmax's
 * `diag(p) − ppᵀ` over n, and `Jᵀ u` by backpropagation.
 *
 * @throws ShapeError (from `record`) if parameters or points are not of that size
 * @see Schraudolph, [Fast curvature matrix-vector products for second-order gradient
 *   descent](https://doi.org/10.1162/08997660260028683), 2002.
 */
export function twoLayer(options: TwoLayerOptions): TwoLayer {
  checkOptionNames('twoLayer', options, ['features', 'hidden', 'classes']);
  const { features, hidden, classes } = options;
  checkSizes({ features, hidden, classes });
  const b1 = features * hidden;
  const W2 = b1 + hidden;
  const b2 = W2 + hidden * classes;
  const size = b2 + classes;

  /** `x W₁ + b₁` of one point, or the same with other weights. */
  const drive = (w: Float64Array, x: Float64Array, i: number, j: number) => {
    let sum = w[b1 + j]!;
    for (let k = 0; k < features; k++) sum += x[i * features + k]! * w[k * hidden + j]!;
    return sum;
  };

  /** Adds what a point's `∂/∂z`, in `u`, does to the parameters: `Jᵀ u`. */
  const back = (
    out: Float64Array,
    u: Float64Array,
    { w, x, h, i }: { w: Float64Array; x: Float64Array; h: Float64Array; i: number },
  ) => {
    for (let c = 0; c < classes; c++) out[b2 + c]! += u[c]!;
    for (let j = 0; j < hidden; j++) {
      const at = h[i * hidden + j]!;
      let sum = 0;
      for (let c = 0; c < classes; c++) {
        out[W2 + j * classes + c]! += at * u[c]!;
        sum += w[W2 + j * classes + c]! * u[c]!;
      }
      const slope = (1 - at * at) * sum;
      out[b1 + j]! += slope;
      for (let k = 0; k < features; k++) out[k * hidden + j]! += x[i * features + k]! * slope;
    }
  };

  return {
    size,
    parts: { W1: [0, b1], b1: [b1, W2], W2: [W2, b2], b2: [b2, size] },

    init(seed) {
      const draws = random(seed);
      const w = new Float64Array(size);
      const fill = (from: number, to: number, fans: number) => {
        const bound = Math.sqrt(6 / fans);
        for (let i = from; i < to; i++) w[i] = bound * (2 * draws.uniform() - 1);
      };
      fill(0, b1, features + hidden);
      fill(W2, b2, hidden + classes);
      return w;
    },

    record(w, { x, labels }) {
      const n = labels.length;
      checkLengths([w.length, x.length], [size, n * features], features);
      const h = new Float64Array(n * hidden);
      const p = new Float64Array(n * classes);
      const gradient = new Float64Array(size);
      const u = new Float64Array(classes);
      let loss = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < hidden; j++) h[i * hidden + j] = Math.tanh(drive(w, x, i, j));
        for (let c = 0; c < classes; c++) {
          let z = w[b2 + c]!;
          for (let j = 0; j < hidden; j++) z += h[i * hidden + j]! * w[W2 + j * classes + c]!;
          u[c] = z;
        }
        loss += crossEntropy(u, labels[i]!, p, i * classes) / n;
        for (let c = 0; c < classes; c++) {
          u[c] = (p[i * classes + c]! - (labels[i] === c ? 1 : 0)) / n;
        }
        back(gradient, u, { w, x, h, i });
      }

      const product = (v: Float64Array) => {
        const out = new Float64Array(size);
        for (let i = 0; i < n; i++) {
          for (let c = 0; c < classes; c++) u[c] = v[b2 + c]!;
          for (let j = 0; j < hidden; j++) {
            const at = h[i * hidden + j]!;
            const moved = (1 - at * at) * drive(v, x, i, j);
            for (let c = 0; c < classes; c++) {
              const k = W2 + j * classes + c;
              u[c]! += moved * w[k]! + at * v[k]!;
            }
          }
          let mean = 0;
          for (let c = 0; c < classes; c++) mean += p[i * classes + c]! * u[c]!;
          for (let c = 0; c < classes; c++) u[c] = (p[i * classes + c]! * (u[c]! - mean)) / n;
          back(out, u, { w, x, h, i });
        }
        return out;
      };
      return { loss, gradient, product };
    },
  };
}

/** The cross-entropy of logits z, in nats; writes their softmax into `p`, from `at` on. */
function crossEntropy(z: Float64Array, label: number, p: Float64Array, at: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < z.length; c++) top = Math.max(top, z[c]!);
  let total = 0;
  for (let c = 0; c < z.length; c++) {
    p[at + c] = Math.exp(z[c]! - top);
    total += p[at + c]!;
  }
  for (let c = 0; c < z.length; c++) p[at + c]! /= total;
  return top + Math.log(total) - z[label]!;
}

type Lengths = readonly [parameters: number, numbers: number];

function checkLengths(given: Lengths, expected: Lengths, features: number): void {
  if (given[0] === expected[0] && given[1] === expected[1]) return;
  const words = ([parameters, numbers]: Lengths) =>
    `${parameters} parameters, ${numbers} numbers of ${expected[1] / features} points`;
  throw new ShapeError({
    given: words(given),
    expected: words(expected),
    remedy: `Give points of ${features} numbers each, and parameters as init() makes them.`,
  });
}
