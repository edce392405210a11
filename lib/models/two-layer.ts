import { InputError, ShapeError } from '../errors';
import { random } from '../numbers';
import { checkFloat64, checkNoMore, checkOptionNames, checkRecord, shown } from '../options';
import { checkSizes } from './initial';

/** Points with their classes, in double precision. */
export interface Points {
  /** n × `features` numbers, row by row. */
  x: Float64Array;
  /** n whole numbers from 0 on, below `classes`. */
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
  /**
   * `G v`: a product with the Gauss–Newton matrix.
   *
   * @throws InputError for anything but a Float64Array, ShapeError for one of another length.
   */
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
 * @throws InputError for sizes that are not positive whole numbers. From `record`, ShapeError if
 *   parameters or points are not of that size, and InputError for a label that is not a class.
 * @see Schraudolph, [Fast curvature matrix-vector products for second-order gradient
 *   descent](https://doi.org/10.1162/08997660260028683), 2002.
 */
export function twoLayer(options: TwoLayerOptions): TwoLayer {
  checkNoMore('twoLayer', arguments, 1);
  checkOptionNames('twoLayer', options, ['features', 'hidden', 'classes']);
  const { features, hidden, classes } = options;
  checkSizes({ features, hidden, classes });
  const network = new Network(features, hidden, classes);
  const { size, W2, b1, b2 } = network;
  return {
    size,
    parts: { W1: [0, b1], b1: [b1, W2], W2: [W2, b2], b2: [b2, size] },
    init: (seed) => network.init(seed),
    record(w, points) {
      checkPoints(w, points, classes);
      checkLengths([w.length, points.x.length], [size, points.labels.length * features], features);
      const { product, ...recorded } = network.record(w, points);
      return {
        ...recorded,
        product(v) {
          checkFloat64(v, 'a direction of a recorded loss');
          checkLengths([v.length, points.x.length], [size, points.x.length], features);
          return product(v);
        },
      };
    },
  };
}

/** What a recording keeps: the weights, the points, h and the softmax p. */
interface Activations {
  w: Float64Array;
  x: Float64Array;
  h: Float64Array;
  p: Float64Array;
}

class Network {
  /** Where b₁, W₂ and b₂ begin, and where they end. */
  readonly b1: number;
  readonly W2: number;
  readonly b2: number;
  readonly size: number;

  constructor(
    private readonly features: number,
    private readonly hidden: number,
    private readonly classes: number,
  ) {
    this.b1 = features * hidden;
    this.W2 = this.b1 + hidden;
    this.b2 = this.W2 + hidden * classes;
    this.size = this.b2 + classes;
  }

  init(seed: number): Float64Array {
    const draws = random(seed);
    const w = new Float64Array(this.size);
    const fill = (from: number, to: number, fans: number) => {
      const bound = Math.sqrt(6 / fans);
      for (let i = from; i < to; i++) w[i] = bound * (2 * draws.uniform() - 1);
    };
    fill(0, this.b1, this.features + this.hidden);
    fill(this.W2, this.b2, this.hidden + this.classes);
    return w;
  }

  record(w: Float64Array, { x, labels }: Points): Recorded {
    const { hidden, classes, size } = this;
    const n = labels.length;
    const at = { w, x, h: new Float64Array(n * hidden), p: new Float64Array(n * classes) };
    const gradient = new Float64Array(size);
    const u = new Float64Array(classes);
    let loss = 0;
    for (let i = 0; i < n; i++) {
      this.#forward(at, i, u);
      loss += crossEntropy(u, labels[i]!, at.p, i * classes) / n;
      for (let c = 0; c < classes; c++) {
        u[c] = (at.p[i * classes + c]! - (labels[i] === c ? 1 : 0)) / n;
      }
      this.#back(gradient, u, at, i);
    }
    return { loss, gradient, product: (v) => this.#product(v, at, n) };
  }

  #product(v: Float64Array, at: Activations, n: number): Float64Array {
    const { classes, size } = this;
    const out = new Float64Array(size);
    const u = new Float64Array(classes);
    for (let i = 0; i < n; i++) {
      this.#push(v, at, i, u);
      let mean = 0;
      for (let c = 0; c < classes; c++) mean += at.p[i * classes + c]! * u[c]!;
      for (let c = 0; c < classes; c++) u[c] = (at.p[i * classes + c]! * (u[c]! - mean)) / n;
      this.#back(out, u, at, i);
    }
    return out;
  }

  /** Writes h of point i, and its logits into u. */
  #forward({ w, x, h }: Activations, i: number, u: Float64Array): void {
    const { hidden, classes, W2, b2 } = this;
    for (let j = 0; j < hidden; j++) h[i * hidden + j] = Math.tanh(this.#drive(w, x, i, j));
    for (let c = 0; c < classes; c++) {
      let z = w[b2 + c]!;
      for (let j = 0; j < hidden; j++) z += h[i * hidden + j]! * w[W2 + j * classes + c]!;
      u[c] = z;
    }
  }

  /** Writes into u how the logits of point i change with the parameters along v: `J v`. */
  #push(v: Float64Array, { w, x, h }: Activations, i: number, u: Float64Array): void {
    const { hidden, classes, W2, b2 } = this;
    for (let c = 0; c < classes; c++) u[c] = v[b2 + c]!;
    for (let j = 0; j < hidden; j++) {
      const at = h[i * hidden + j]!;
      const moved = (1 - at * at) * this.#drive(v, x, i, j);
      for (let c = 0; c < classes; c++) {
        const k = W2 + j * classes + c;
        u[c]! += moved * w[k]! + at * v[k]!;
      }
    }
  }

  /** Adds what `∂/∂z` of point i, in `u`, does to the parameters: `Jᵀ u`. */
  #back(out: Float64Array, u: Float64Array, { w, x, h }: Activations, i: number): void {
    const { features, hidden, classes, b1, W2, b2 } = this;
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
  }

  /** `x W₁ + b₁` of point i and unit j, or the same with other weights. */
  #drive(w: Float64Array, x: Float64Array, i: number, j: number): number {
    const { features, hidden, b1 } = this;
    let sum = w[b1 + j]!;
    for (let k = 0; k < features; k++) sum += x[i * features + k]! * w[k * hidden + j]!;
    return sum;
  }
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

/** @throws InputError for anything but arrays, and for a label that is not a class. */
function checkPoints(w: Float64Array, points: Points, classes: number): void {
  checkFloat64(w, 'the parameters of a network');
  checkRecord(points, 'points', '{ x, labels }');
  checkFloat64(points.x, 'the x of points');
  const wrong = Array.from(points.labels ?? [Number.NaN]).find(
    (label) => !(Number.isInteger(label) && label >= 0 && label < classes),
  );
  if (wrong === undefined) return;
  throw new InputError({
    given: `the label ${shown(wrong)}`,
    expected: `whole numbers from 0 to ${classes - 1}`,
    remedy: 'Make a network with more classes, or number them from 0 on.',
  });
}

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
