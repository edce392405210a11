import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { useBackend } from '../../lib/backends';
import { hasMultiplyAdd, instantiated } from '../../lib/backends/wasm/assembler';
import { productOf } from '../../lib/backends/wasm/doubles/products';
import { perform } from '../../lib/backends/wasm/fused/sequence';
import type { Heap } from '../../lib/backends/wasm/kernels/heap';
import { type MatrixProduct, productCalls, workOf } from '../../lib/backends/wasm/products';
import { withoutPause } from '../../lib/event-loop';
import { cholesky, crossProducts, random } from '../../lib/numbers';
import { byPairsOfRows } from '../../lib/numbers/cross-products';
import { choleskyByRows } from '../../lib/numbers/factorize';

/** Milliseconds of a float64 task by plain loops and in blocks by WebAssembly. */
export interface Blocked {
  name: string;
  multiplications: number;
  times: { plain: number; blocks: number };
}

/** Milliseconds of each way to multiply; as one where the engine has multiply-add. */
export interface Row {
  name: string;
  operations: number;
  times: { xnnpack?: number; apart: number; asOne?: number };
}

const stock = tf.getKernel('BatchMatMul', 'wasm').kernelFunc;

/** m × k times k × n; with ᵀ, a factor is in memory transposed. */
const shapes = [
  ...[8, 16, 32, 64, 128, 256, 512, 1024].map((size) => [size, size, size] as const),
  ...[[512, 512, 512, 'a'] as const, [512, 512, 512, 'b'] as const],
  // MLP 784-200-10 at batch 128 and 512, forwards and backwards.
  ...[[128, 784, 200] as const, [784, 128, 200, 'a'] as const, [128, 200, 10] as const],
  ...[[200, 128, 10, 'a'] as const, [128, 10, 200, 'b'] as const, [512, 784, 200] as const],
  // What windows of a CNN see, times filters, and backwards; steps of a recurrent network.
  ...[[25088, 25, 8] as const, [6272, 200, 16] as const, [6272, 16, 200, 'b'] as const],
  ...[[128, 64, 64] as const, [64, 128, 64, 'a'] as const, [1, 784, 200] as const],
] as const;

const nameOf = ([m, k, n, transposed]: (typeof shapes)[number]) =>
  `${m} × ${k}${transposed === 'a' ? ' (ᵀ)' : ''} · ${k} × ${n}${transposed === 'b' ? ' (ᵀ)' : ''}`;

/** Processor time of this process, in milliseconds. */
const spent = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/**
 * The two ways and the stock kernel on the same numbers. XNNPACK gets transposes made, and has laid out
 * a right factor that is none.
 */
function waysOf([m, k, n, transposed]: (typeof shapes)[number]): Record<string, () => void> {
  const heap = tf.backend() as Heap;
  const product: MatrixProduct = {
    transposeA: transposed === 'a',
    transposeB: transposed === 'b',
    m,
    n,
    k,
  };
  const a = tf.randomNormal(product.transposeA ? [1, k, m] : [1, m, k]);
  const b = tf.randomNormal(product.transposeB ? [1, n, k] : [1, k, n]);
  const at = (x: tf.Tensor) => heap.typedArrayFromHeap(x).byteOffset;
  const work = tf.zeros([Math.max(1, workOf(product) / 4)]);
  const addresses = { a: at(a), b: at(b), work: at(work) };
  const own = (asOne: boolean) => () => {
    const out = heap.makeOutput([1, m, n], 'float32');
    const places = { ...addresses, out: heap.typedArrayFromHeap(out).byteOffset };
    for (const call of productCalls(heap, product, asOne)) perform(call, (at) => places[at]);
    heap.disposeData(out.dataId);
  };
  // Nothing but the kernel where nothing is transposed: a small product takes less time than a copy's call.
  const untransposed = (x: tf.Tensor, is: boolean) => (is ? tf.transpose(x, [0, 2, 1]) : x);
  return {
    xnnpack: () => {
      const inputs = {
        a: untransposed(a, product.transposeA),
        b: untransposed(b, product.transposeB),
      };
      const attrs = { transposeA: false, transposeB: false };
      const out = stock({ inputs, attrs, backend: heap }) as tf.TensorInfo;
      heap.disposeData(out.dataId);
      for (const x of Object.values(inputs)) if (x !== a && x !== b) x.dispose();
    },
    apart: own(false),
    ...(hasMultiplyAdd && { asOne: own(true) }),
  };
}

/** A square matrix of float64 times two vectors at once, as in the float64 problems. */
function inDoubles(length: number): Record<string, () => void> {
  const memory = new WebAssembly.Memory({ initial: 64 });
  new Float64Array(memory.buffer).fill(0.5);
  const [x, y] = [2 ** 21, 2 ** 21 + 2 ** 20];
  const own = (isOne: boolean) => {
    const { product2 } = instantiated(memory, [productOf(2, isOne)], []);
    return () => void product2!(0, x, y, 8 * length ** 2, 8 * length, 8 * length);
  };
  return { apart: own(false), ...(hasMultiplyAdd && { asOne: own(true) }) };
}

/** Gram matrices and Cholesky factorizations, as a step of `levenbergMarquardt` makes them. */
function blocked(n: number, p: number): Blocked[] {
  const stream = random(1);
  const R = Array.from({ length: n }, () => stream.normals(p));
  const gram = crossProducts(R);
  for (let i = 0; i < n; i++) gram.entries[i * (n + 1)]! += 1;
  const tasks = [
    {
      name: `Gram matrix of ${n} rows of ${p}`,
      multiplications: (n * n * p) / 2,
      plain: () => void byPairsOfRows(R),
      blocks: () => void crossProducts(R),
    },
    {
      name: `Cholesky, ${n} unknowns`,
      multiplications: n ** 3 / 6,
      plain: () => void withoutPause(choleskyByRows(gram, Number.EPSILON)),
      blocks: () => void cholesky(gram, Number.EPSILON),
    },
  ];
  return tasks.map(({ name, multiplications, ...ways }) => {
    const times = timesOf(ways, 2 * multiplications) as Blocked['times'];
    return { name, multiplications, times };
  });
}

/** The least time of each way, all of them in turn. */
function timesOf(ways: Record<string, () => void>, operations: number): Record<string, number> {
  const repeats = Math.max(1, Math.round(4e7 / operations));
  const best: Record<string, number> = {};
  for (let round = 0; round < 15; round++) {
    for (const [way, run] of Object.entries(ways)) {
      const start = spent();
      for (let i = 0; i < repeats; i++) run();
      best[way] = Math.min(best[way] ?? Number.POSITIVE_INFINITY, (spent() - start) / repeats);
    }
  }
  return best;
}

async function main() {
  await useBackend('wasm', { threads: 1, blas: false });
  const rows = shapes.map((shape): Row => {
    const [m, k, n] = shape;
    const operations = 2 * m * k * n;
    const times = tf.tidy(() => timesOf(waysOf(shape), operations)) as Row['times'];
    return { name: nameOf(shape), operations, times };
  });
  for (const length of [20, 100, 400]) {
    const operations = 4 * length ** 2;
    const times = timesOf(inDoubles(length), operations) as Row['times'];
    rows.push({ name: `float64: ${length} × ${length} · ${length} × 2`, operations, times });
  }
  const inBlocks = [
    blocked(64, 80),
    blocked(151, 720),
    blocked(302, 1761),
    blocked(720, 1051),
  ].flat();
  process.send!({ rows, inBlocks }, () => process.exit());
}

main();
