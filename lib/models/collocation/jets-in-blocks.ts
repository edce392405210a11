import { Lease, SIMD_ROWS, upTo } from '../../numbers';
import type { JetBlocks } from './jet-blocks';
import { type Layer, layersOf } from './layers';
import type { Jet, JetFactors } from './tanh-network';

/** Numbers of a unit for all points of a block and all their parts, about: what a layer has fits into a cache. */
const TOGETHER = 128;

/** A constant of this file: what is exported elsewhere is looked up at each use. */
const FOUR = SIMD_ROWS;

/** Where something begins in the memory, in numbers. */
interface Places {
  /** W in groups of four rows, and Wᵀ. */
  weights: number;
  transposed: number;
  /** What the layer is given, its drive z, and the derivatives with respect to both: a row for each unit. */
  inputs: number;
  drives: number;
  pulls: number;
  driven: number;
  /** The sum of the derivatives with respect to W, rows of `upTo(4, fanIn)`. */
  sums: number;
}

/**
 * The jets of a tanh network at some points at a time by products of matrices in WebAssembly: a row for
 * each unit, with the values at all points, then the derivatives of each kind.
 *
 * @returns undefined where there is no WebAssembly or no room
 */
export function jetsInBlocks(sizes: readonly number[], w: Float64Array): JetBlocks | undefined {
  const layers = layersOf(sizes);
  const parts = 1 + 2 * sizes[0]!;
  const together = FOUR * Math.max(1, Math.floor(TOGETHER / FOUR / parts));
  const { places, scratch, length } = placesOf(layers, parts * together);
  const lease = Lease.of(length);
  return lease && new InBlocks(layers, places, scratch, together, lease, w);
}

/** @param most the most numbers of a unit */
function placesOf(layers: readonly Layer[], most: number) {
  let length = 0;
  const place = (numbers: number) => {
    const at = length;
    length += upTo(FOUR, numbers);
    return at;
  };
  const padded = (units: number) => upTo(FOUR, units);
  const places = layers.map(
    ({ fanIn, fanOut }): Places => ({
      weights: place(padded(fanOut) * fanIn),
      transposed: place(padded(fanIn) * fanOut),
      inputs: place(padded(fanIn) * most),
      drives: place(padded(fanOut) * most),
      pulls: place(padded(fanIn) * most),
      driven: place(padded(fanOut) * most),
      sums: place(padded(fanOut) * padded(fanIn)),
    }),
  );
  // Of one point: the inputs of a layer by parts, the derivatives with respect to z, and their product.
  const widest = Math.max(
    ...layers.flatMap(({ fanIn, fanOut }) => [padded(fanIn), padded(fanOut)]),
  );
  const scratch = [place(most * widest), place(most * widest), place(widest * widest)] as const;
  return { places, scratch, length };
}

class InBlocks implements JetBlocks {
  readonly #dimension: number;
  readonly #parts: number;
  /** Numbers of a part: the points of the block, filled up. */
  #width = 0;
  /** Derivatives with respect to the biases. */
  readonly #biases: Float64Array[];

  constructor(
    private readonly layers: readonly Layer[],
    private readonly places: readonly Places[],
    private readonly scratch: readonly [number, number, number],
    readonly together: number,
    private readonly lease: Lease,
    private readonly w: Float64Array,
  ) {
    this.#dimension = layers[0]!.fanIn;
    this.#parts = 1 + 2 * this.#dimension;
    this.#biases = layers.map(({ fanOut }) => new Float64Array(fanOut));
    const all = lease.numbers();
    for (const [l, { fanIn, fanOut, from }] of layers.entries()) {
      const { weights, transposed, sums } = places[l]!;
      group(all, weights, fanOut, fanIn, (i, j) => w[from + i * fanIn + j]!);
      group(all, transposed, fanIn, fanOut, (j, i) => w[from + i * fanIn + j]!);
      all.fill(0, sums, sums + upTo(FOUR, fanOut) * upTo(FOUR, fanIn));
    }
  }

  jets(points: readonly Float64Array[]): Jet[] {
    const all = this.lease.numbers();
    this.#width = upTo(FOUR, points.length);
    this.#enter(all, points);
    const last = this.layers.length - 1;
    for (let l = 0; l <= last; l++) {
      const { weights, inputs, drives } = this.places[l]!;
      const { fanIn, fanOut } = this.layers[l]!;
      this.#combine(weights, fanOut, fanIn, inputs, drives);
      this.#addBiases(all, l);
      if (l < last) this.#bend(all, l);
    }
    const [out, width, d] = [this.places[last]!.drives, this.#width, this.#dimension];
    return points.map((_, i) => {
      const [first, second] = [new Float64Array(d), new Float64Array(d)];
      for (let k = 0; k < d; k++) {
        first[k] = all[out + (1 + k) * width + i]!;
        second[k] = all[out + (1 + d + k) * width + i]!;
      }
      return { value: all[out + i]!, first, second };
    });
  }

  addPulled(factors: readonly JetFactors[]): void {
    const all = this.#backwards(factors);
    const row = 8 * this.#row;
    for (const [l, { fanIn, fanOut }] of this.layers.entries()) {
      const { driven, inputs, sums } = this.places[l]!;
      const [a, end] = [8 * driven, 8 * driven + upTo(2, fanOut) * row];
      const next = 8 * upTo(FOUR, fanIn);
      for (let j = 0; j < fanIn; j += FOUR) {
        const b = 8 * inputs + j * row;
        this.lease.machine.add(a, end, row, b, row, 8 * (sums + j), next, row);
      }
      const biases = this.#biases[l]!;
      for (let i = 0; i < fanOut; i++) {
        const from = driven + i * this.#row;
        for (let at = from; at < from + this.#width; at++) biases[i]! += all[at]!;
      }
    }
  }

  pulledSum(): Float64Array {
    const all = this.lease.numbers();
    const sum = new Float64Array(this.layers.at(-1)!.end);
    for (const [l, { fanIn, fanOut, from, biases }] of this.layers.entries()) {
      const { sums } = this.places[l]!;
      const next = upTo(FOUR, fanIn);
      for (let i = 0; i < fanOut; i++) {
        const row = sums + i * next;
        sum.set(all.subarray(row, row + fanIn), from + i * fanIn);
      }
      sum.set(this.#biases[l]!, biases);
    }
    return sum;
  }

  pullEach(factors: readonly JetFactors[], rows: readonly Float64Array[]): void {
    const all = this.#backwards(factors);
    const [, , product] = this.scratch;
    const row = this.#row;
    for (const [l, { fanIn, fanOut, from, biases }] of this.layers.entries()) {
      const { driven } = this.places[l]!;
      const next = upTo(FOUR, fanIn);
      for (const [point, out] of rows.entries()) {
        this.#outer(all, l, point);
        for (let i = 0, to = from; i < fanOut; i++) {
          for (let at = product + i * next, end = at + fanIn; at < end; at++) out[to++] = all[at]!;
          out[biases + i] = all[driven + i * row + point]!;
        }
      }
    }
  }

  end(): void {
    this.lease.end();
  }

  /** Numbers from one unit to the next. */
  get #row(): number {
    return this.#parts * this.#width;
  }

  /** The points and their derivatives as what the first layer is given; the last point fills up. */
  #enter(all: Float64Array, points: readonly Float64Array[]): void {
    const { inputs } = this.places[0]!;
    const [row, width, d] = [this.#row, this.#width, this.#dimension];
    all.fill(0, inputs, inputs + d * row);
    for (let k = 0; k < d; k++) {
      const at = inputs + k * row;
      for (let i = 0; i < width; i++) all[at + i] = points[Math.min(i, points.length - 1)]![k]!;
      all.fill(1, at + (1 + k) * width, at + (2 + k) * width);
    }
  }

  /** The rows at `to` become sums of those at `from`. */
  #combine(factors: number, rows: number, of: number, from: number, to: number): void {
    const { combine } = this.lease.machine;
    const [row, group] = [8 * this.#row, 8 * FOUR * of];
    const end = 8 * factors + (upTo(FOUR, rows) / FOUR) * group;
    combine(8 * factors, end, group, 8 * from, row, 8 * to, row, row);
  }

  #addBiases(all: Float64Array, l: number): void {
    const { fanOut, biases } = this.layers[l]!;
    for (let i = 0; i < fanOut; i++) {
      const from = this.places[l]!.drives + i * this.#row;
      const bias = this.w[biases + i]!;
      for (let at = from; at < from + this.#width; at++) all[at]! += bias;
    }
  }

  /** tanh of the drives of a layer, and its derivatives by the chain rule. */
  #bend(all: Float64Array, l: number): void {
    const [width, d, row] = [this.#width, this.#dimension, this.#row];
    const orders = d * width;
    const { drives } = this.places[l]!;
    const { inputs } = this.places[l + 1]!;
    for (let i = 0; i < this.layers[l]!.fanOut; i++) {
      const [z, a] = [drives + i * row, inputs + i * row];
      for (let at = 0; at < width; at++) {
        const t = Math.tanh(all[z + at]!);
        const t1 = 1 - t * t;
        const t2 = -2 * t * t1;
        all[a + at] = t;
        for (let k = at + width; k <= at + orders; k += width) {
          const slope = all[z + k]!;
          all[a + k] = t1 * slope;
          all[a + k + orders] = t2 * slope * slope + t1 * all[z + k + orders]!;
        }
      }
    }
  }

  /** The derivatives with respect to the drives of all layers. */
  #backwards(factors: readonly JetFactors[]): Float64Array {
    const all = this.lease.numbers();
    const last = this.layers.length - 1;
    const [seeds, width, d] = [this.places[last]!.driven, this.#width, this.#dimension];
    all.fill(0, seeds, seeds + this.#row);
    for (const [i, { value, first, second }] of factors.entries()) {
      all[seeds + i] = value ?? 0;
      for (let k = 0; k < d; k++) {
        all[seeds + (1 + k) * width + i] = first?.[k] ?? 0;
        all[seeds + (1 + d + k) * width + i] = second?.[k] ?? 0;
      }
    }
    for (let l = last; l > 0; l--) {
      const { transposed, driven, pulls } = this.places[l]!;
      const { fanIn, fanOut } = this.layers[l]!;
      this.#combine(transposed, fanIn, fanOut, driven, pulls);
      this.#pullBend(all, l);
    }
    return all;
  }

  /** From the derivatives with respect to what layer l is given to those with respect to the drives before it. */
  #pullBend(all: Float64Array, l: number): void {
    const [width, d, row] = [this.#width, this.#dimension, this.#row];
    const orders = d * width;
    const { inputs, pulls } = this.places[l]!;
    const { drives, driven } = this.places[l - 1]!;
    for (let i = 0; i < this.layers[l]!.fanIn; i++) {
      const [z, a, u, out] = [drives, inputs, pulls, driven].map((place) => place + i * row) as [
        number,
        number,
        number,
        number,
      ];
      for (let at = 0; at < width; at++) {
        const t = all[a + at]!;
        const t1 = 1 - t * t;
        const t2 = -2 * t * t1;
        const t3 = t1 * (6 * t * t - 2);
        let sum = t1 * all[u + at]!;
        for (let k = at + width; k <= at + orders; k += width) {
          const slope = all[z + k]!;
          const bent = all[z + k + orders]!;
          const u1 = all[u + k]!;
          const u2 = all[u + k + orders]!;
          sum += t2 * slope * u1 + (t3 * slope * slope + t2 * bent) * u2;
          all[out + k] = t1 * u1 + 2 * t2 * slope * u2;
          all[out + k + orders] = t1 * u2;
        }
        all[out + at] = sum;
      }
    }
  }

  /** `Σ_c ū_c a_cᵀ` of one point, in the last scratch place. */
  #outer(all: Float64Array, l: number, point: number): void {
    const [given, factors, product] = this.scratch;
    const { inputs, driven } = this.places[l]!;
    const { fanIn, fanOut } = this.layers[l]!;
    const [row, width, parts] = [this.#row, this.#width, this.#parts];
    const next = upTo(FOUR, fanIn);
    for (let j = 0; j < fanIn; j++) {
      const from = inputs + j * row + point;
      for (let c = 0; c < parts; c++) all[given + c * next + j] = all[from + c * width]!;
    }
    for (let i = 0; i < fanOut; i++) {
      const from = driven + i * row + point;
      const to = factors + parts * (i - (i % FOUR)) + (i % FOUR);
      for (let c = 0; c < parts; c++) all[to + FOUR * c] = all[from + c * width]!;
    }
    const group = 8 * FOUR * parts;
    const end = 8 * factors + (upTo(FOUR, fanOut) / FOUR) * group;
    const { combine } = this.lease.machine;
    combine(8 * factors, end, group, 8 * given, 8 * next, 8 * product, 8 * next, 8 * next);
  }
}

/** A matrix in groups of four rows, for each column four numbers; zeros fill up. */
function group(
  all: Float64Array,
  at: number,
  rows: number,
  columns: number,
  entry: (row: number, column: number) => number,
): void {
  let to = at;
  for (let first = 0; first < rows; first += FOUR) {
    for (let j = 0; j < columns; j++) {
      for (let i = first; i < first + FOUR; i++) all[to++] = i < rows ? entry(i, j) : 0;
    }
  }
}
