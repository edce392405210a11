import { InputError, ShapeError } from '../../errors';
import { random } from '../../numbers';
import { checkFloat64, checkList, checkNoMore, checkOptionNames } from '../../options';
import { checkSizes } from '../initial';
import { type Layer, layersOf } from './layers';

/** A function of d coordinates at a point: its value and its pure derivatives up to order two. */
export interface Jet {
  /** `u`. */
  value: number;
  /** `∂u/∂x_k`, d numbers. */
  first: Float64Array;
  /** `∂²u/∂x_k²`, d numbers. */
  second: Float64Array;
}

/** Factors of the parts of a {@link Jet}; missing ones are 0. */
export interface JetFactors {
  value?: number;
  /** d numbers. */
  first?: ArrayLike<number>;
  /** d numbers. */
  second?: ArrayLike<number>;
}

/** See {@link tanhNetwork}. */
export interface TanhNetwork {
  /** d, the widths of the hidden layers, 1. */
  readonly sizes: readonly number[];
  /** How many parameters there are, p. */
  readonly size: number;
  /** Weights uniform on ±√(6 / (fan-in + fan-out)), biases 0; the same for the same seed. */
  init(seed: number): Float64Array;
  /** `u(x; w)`, `∂u/∂x_k` and `∂²u/∂x_k²`. */
  jet(w: Float64Array, x: Float64Array): Jet;
  /**
   * The jet at a point, and what pulls it back: `pull(factors, out)` adds to `out`, p numbers, the
   * derivative with respect to w of `⟨factors, jet⟩`. The pull is that of the last point evaluated.
   */
  record(
    w: Float64Array,
    x: Float64Array,
  ): { jet: Jet; pull(factors: JetFactors, out: Float64Array): void };
}

/**
 * A tanh network `u(x; w)` of d inputs and one output in double precision, with its derivatives with
 * respect to the inputs, and theirs with respect to the parameters: what an equation such as
 * `−Δu = f` asks of it.
 *
 * Forwards each unit carries `(a, ∂ₖa, ∂ₖ²a)`, 1 + 2d numbers. A layer `z = W a + b` maps each of them
 * by W; `t = tanh z` has
 *
 *     ∂ₖt = t′ ∂ₖz,    ∂ₖ²t = t″ (∂ₖz)² + t′ ∂ₖ²z,    t′ = 1 − t²,  t″ = −2 t t′.
 *
 * Backwards the same numbers are pulled back once, so the gradient of a residual at one point costs
 * about 3 (1 + 2d) products with the weights, of p multiplications each. Mixed derivatives
 * `∂²u/∂x_j∂x_k` are not computed.
 *
 * `collocation` evaluates its points in blocks, by products of matrices in WebAssembly: on networks of a
 * hundred to two thousand parameters a gradient takes a fifth to a quarter of the time that `record` takes point by
 * point (`npm run bench -- descent pinn-step`). Without WebAssembly it goes point by point.
 *
 * When not to use it: a network of more than some thousand parameters, or a loss without derivatives
 * with respect to inputs; `mlp` with tensors is faster there.
 *
 * @param options `sizes`: d, the widths of the hidden layers, and 1
 * @throws InputError for sizes that make no such network; ShapeError (when evaluated) for parameters
 * or points of another length
 */
export function tanhNetwork(options: { sizes: readonly number[] }): TanhNetwork {
  checkNoMore('tanhNetwork', arguments, 1);
  checkOptionNames('tanhNetwork', options, ['sizes']);
  const sizes = checkedSizes(options.sizes);
  const dimension = sizes[0]!;
  const layers = layersOf(sizes);
  const size = layers.at(-1)!.end;
  const parts = 1 + 2 * dimension;
  // What each layer is given, part by part: a, ∂₁a …, ∂₁²a …; and the drive z of the layer.
  const inputs = layers.map(({ fanIn }) => block(parts, fanIn));
  const drives = layers.map(({ fanOut }) => block(parts, fanOut));
  const pulls = layers.map(({ fanIn }) => block(parts, fanIn));
  const driven = layers.map(({ fanOut }) => block(parts, fanOut));
  const last = layers.length - 1;

  function forwards(w: Float64Array, x: Float64Array): Jet {
    checkLength(w, size, 'the parameters');
    checkLength(x, dimension, 'a point');
    const [first] = inputs;
    for (let j = 0; j < dimension; j++) {
      first![0]![j] = x[j]!;
      for (let k = 0; k < dimension; k++) first![1 + k]![j] = j === k ? 1 : 0;
    }
    for (let l = 0; l <= last; l++) {
      affine(w, layers[l]!, inputs[l]!, drives[l]!);
      if (l < last) bend(drives[l]!, inputs[l + 1]!, dimension);
    }
    const out = drives[last]!;
    return {
      value: out[0]![0]!,
      first: Float64Array.from({ length: dimension }, (_, k) => out[1 + k]![0]!),
      second: Float64Array.from({ length: dimension }, (_, k) => out[1 + dimension + k]![0]!),
    };
  }

  function backwards(w: Float64Array, { value, first, second }: JetFactors, out: Float64Array) {
    checkLength(out, size, 'what a pull adds to');
    const seed = driven[last]!;
    seed[0]![0] = value ?? 0;
    for (let k = 0; k < dimension; k++) {
      seed[1 + k]![0] = first?.[k] ?? 0;
      seed[1 + dimension + k]![0] = second?.[k] ?? 0;
    }
    for (let l = last; l >= 0; l--) {
      addOuter(layers[l]!, driven[l]!, inputs[l]!, out);
      if (l === 0) break;
      pullAffine(w, layers[l]!, driven[l]!, pulls[l]!);
      pullBend(drives[l - 1]!, inputs[l]!, pulls[l]!, driven[l - 1]!, dimension);
    }
  }

  const network: TanhNetwork = {
    sizes,
    size,
    init(seed) {
      const stream = random(seed);
      const w = new Float64Array(size);
      for (const { from, fanIn, fanOut } of layers) {
        const bound = Math.sqrt(6 / (fanIn + fanOut));
        for (let i = 0; i < fanIn * fanOut; i++) w[from + i] = bound * (2 * stream.uniform() - 1);
      }
      return w;
    },
    jet: forwards,
    record: (w, x) => ({
      jet: forwards(w, x),
      pull: (factors, out) => backwards(w, factors, out),
    }),
  };
  made.set(network.record, { sizes, jet: network.jet });
  return network;
}

/** Networks by their functions, so that one with a function of its own is not taken for one. */
const made = new WeakMap<
  TanhNetwork['record'],
  { sizes: readonly number[]; jet: TanhNetwork['jet'] }
>();

/** The sizes of a network whose functions are those of `tanhNetwork`; undefined of another one. */
export function sizesOfMade(network: TanhNetwork): readonly number[] | undefined {
  const known = made.get(network.record);
  return known?.jet === network.jet ? known?.sizes : undefined;
}

/** 1 + 2d parts of some units each. */
type Block = Float64Array[];

const block = (parts: number, units: number): Block =>
  Array.from({ length: parts }, () => new Float64Array(units));

/** `z = W a + b`, and W times each derivative of a; four rows of W at once. */
function affine(w: Float64Array, { fanIn, fanOut, from, biases }: Layer, a: Block, z: Block) {
  const [step2, step3] = [2 * fanIn, 3 * fanIn];
  for (let c = 0; c < a.length; c++) {
    const into = a[c]!;
    const out = z[c]!;
    let i = 0;
    let at = from;
    for (; i + 3 < fanOut; i += 4, at += step3) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let j = 0; j < fanIn; j++, at++) {
        const x = into[j]!;
        s0 += w[at]! * x;
        s1 += w[at + fanIn]! * x;
        s2 += w[at + step2]! * x;
        s3 += w[at + step3]! * x;
      }
      out[i] = s0;
      out[i + 1] = s1;
      out[i + 2] = s2;
      out[i + 3] = s3;
    }
    for (; i < fanOut; i++) {
      let sum = 0;
      for (let j = 0; j < fanIn; j++, at++) sum += w[at]! * into[j]!;
      out[i] = sum;
    }
  }
  const drive = z[0]!;
  for (let i = 0; i < fanOut; i++) drive[i]! += w[biases + i]!;
}

/** `Wᵀ ū` of each part; four rows of W at once. */
function pullAffine(w: Float64Array, { fanIn, fanOut, from }: Layer, u: Block, out: Block) {
  const [step2, step3] = [2 * fanIn, 3 * fanIn];
  for (let c = 0; c < u.length; c++) {
    const pulled = u[c]!;
    const into = out[c]!;
    into.fill(0);
    let i = 0;
    let at = from;
    for (; i + 3 < fanOut; i += 4, at += step3) {
      const f0 = pulled[i]!;
      const f1 = pulled[i + 1]!;
      const f2 = pulled[i + 2]!;
      const f3 = pulled[i + 3]!;
      for (let j = 0; j < fanIn; j++, at++) {
        into[j]! += f0 * w[at]! + f1 * w[at + fanIn]! + (f2 * w[at + step2]! + f3 * w[at + step3]!);
      }
    }
    for (; i < fanOut; i++) {
      const factor = pulled[i]!;
      for (let j = 0; j < fanIn; j++, at++) into[j]! += factor * w[at]!;
    }
  }
}

/** Adds `Σ_c ū_c a_cᵀ` to the weights' part of `out`, and ū to that of the biases. */
function addOuter({ fanIn, fanOut, from, biases }: Layer, u: Block, a: Block, out: Float64Array) {
  for (let i = 0; i < fanOut; i++) out[biases + i]! += u[0]![i]!;
  // The value alone, then two derivatives at once.
  for (let c = 0; c < u.length; c += c === 0 ? 1 : 2) {
    const u0 = u[c]!;
    const a0 = a[c]!;
    const u1 = u[c === 0 ? 0 : c + 1]!;
    const a1 = a[c === 0 ? 0 : c + 1]!;
    for (let i = 0, at = from; i < fanOut; i++) {
      const f0 = u0[i]!;
      const f1 = c === 0 ? 0 : u1[i]!;
      for (let j = 0; j < fanIn; j++, at++) out[at]! += f0 * a0[j]! + f1 * a1[j]!;
    }
  }
}

/** tanh of z, and its derivatives by the chain rule. */
function bend(z: Block, a: Block, d: number) {
  const units = z[0]!.length;
  for (let i = 0; i < units; i++) {
    const t = Math.tanh(z[0]![i]!);
    const t1 = 1 - t * t;
    const t2 = -2 * t * t1;
    a[0]![i] = t;
    for (let k = 1; k <= d; k++) {
      const slope = z[k]![i]!;
      a[k]![i] = t1 * slope;
      a[d + k]![i] = t2 * slope * slope + t1 * z[d + k]![i]!;
    }
  }
}

/** What the derivatives with respect to `a = bend(z)` are with respect to z. */
function pullBend(z: Block, a: Block, u: Block, out: Block, d: number) {
  const units = z[0]!.length;
  for (let i = 0; i < units; i++) {
    const t = a[0]![i]!;
    const t1 = 1 - t * t;
    const t2 = -2 * t * t1;
    const t3 = t1 * (6 * t * t - 2);
    let sum = t1 * u[0]![i]!;
    for (let k = 1; k <= d; k++) {
      const slope = z[k]![i]!;
      const bent = z[d + k]![i]!;
      const u1 = u[k]![i]!;
      const u2 = u[d + k]![i]!;
      sum += t2 * slope * u1 + (t3 * slope * slope + t2 * bent) * u2;
      out[k]![i] = t1 * u1 + 2 * t2 * slope * u2;
      out[d + k]![i] = t1 * u2;
    }
    out[0]![i] = sum;
  }
}

function checkedSizes(given: unknown): readonly number[] {
  checkList(given, 'the sizes of tanhNetwork');
  const sizes = given as readonly number[];
  checkSizes(Object.fromEntries(sizes.map((size, i) => [`size ${i + 1}`, size])));
  if (sizes.length >= 2 && sizes.at(-1) === 1) return Object.freeze([...sizes]);
  throw new InputError({
    given: `the sizes ${sizes.join(', ')}`,
    expected: 'the number of coordinates, widths, and 1, the number of outputs',
    remedy: 'Write { sizes: [2, 20, 20, 1] } for a function on the plane.',
  });
}

/** @throws ShapeError for parameters or a point of another length */
export function checkLength(x: Float64Array, length: number, what: string): void {
  checkFloat64(x, what);
  if (x.length === length) return;
  throw new ShapeError({
    given: `${what} of length ${x.length}`,
    expected: `length ${length}`,
    remedy: 'A network of sizes d, …, 1 has `network.size` parameters and points of d coordinates.',
  });
}
