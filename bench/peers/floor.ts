import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { hessian } from '../../lib/autodiff';
import { type Multiply, systemMultiply, watchingProducts } from '../../lib/backends/wasm/blas';
import { gradientOf, type Network } from './gradients';
import { type Effort, median } from './measure';
import { middle, table } from './report';
import { PAUSE, TURN, turnOf } from './turns';
import type { Workload } from './workload';

/** Milliseconds of each round: of the gradient, of its matrix products alone, of one product with the Hessian. */
export interface FloorRow {
  name: string;
  /** Matrix products of one gradient that the library makes, and their multiplications. */
  products: number;
  multiplications: number;
  gradient: number[];
  floor: number[];
  hessian: number[];
}

/** By a clock on the wall, or by the processor's time on one thread. */
export type Clock = 'wall' | 'processor';

function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A gradient compared with the matrix products in it, and a product with the Hessian compared with the gradient, in turns. */
export async function floorOf(network: Network, effort: Effort, clock: Clock): Promise<FloorRow> {
  const gradient = gradientOf(network);
  const calls = await productsOf(gradient);
  const H = hessian(network.loss, network.w);
  const systems: Record<'gradient' | 'floor' | 'hessian', Workload> = {
    gradient,
    floor: alone(calls),
    hessian: { name: 'one product', run: async () => H.apply(network.v) },
  };
  const row: FloorRow = {
    name: network.name,
    products: calls.length,
    multiplications: calls.reduce((sum, [, , m, n, k]) => sum + m * n * k, 0),
    ...{ gradient: [], floor: [], hessian: [] },
  };
  const names = ['gradient', 'floor', 'hessian'] as const;
  const began = performance.now();
  for (let round = -WARM_UPS; round < effort.rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - began > effort.milliseconds) break;
    for (const name of names) {
      const time =
        clock === 'wall' ? median(await turnOf(systems[name])) : await processorOf(systems[name]);
      if (round >= 0) row[name].push(time);
      await setTimeout(PAUSE);
    }
  }
  H.dispose();
  return row;
}

const WARM_UPS = 10;
const LEAST_ROUNDS = 5;

/** Milliseconds of processor time of one run, of those that fit in a turn; the first one does not count. */
async function processorOf({ run }: Workload): Promise<number> {
  const once = async () => {
    const result = await run();
    if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
  };
  await once();
  const start = processorTime();
  for (let runs = 1; ; runs++) {
    await once();
    const spent = processorTime() - start;
    if (spent > TURN) return spent / runs;
  }
}

/** The matrix products that the library makes in one run. */
async function productsOf({ run }: Workload): Promise<Parameters<Multiply>[]> {
  // The first runs make programs.
  for (let i = 0; i < 3; i++) tf.dispose((await run()) as tf.TensorContainer);
  const calls: Parameters<Multiply>[] = [];
  const result = await watchingProducts((...call) => calls.push(call), run);
  tf.dispose(result as tf.TensorContainer);
  return calls;
}

/** The same products on memory of their own: what shared an address there shares it here. */
function alone(calls: readonly Parameters<Multiply>[]): Workload {
  const copies = new Map<ArrayBufferLike, Map<number, Float32Array>>();
  for (const [, , , , , a, b, c] of calls) {
    for (const { buffer, byteOffset, length } of [a, b, c]) {
      const ofBuffer = copies.get(buffer) ?? new Map<number, Float32Array>();
      copies.set(buffer, ofBuffer);
      const known = ofBuffer.get(byteOffset);
      if ((known?.length ?? 0) < length) ofBuffer.set(byteOffset, new Float32Array(length).fill(1));
    }
  }
  const copied = calls.map((call): Parameters<Multiply> => {
    const [ta, tb, m, n, k, a, b, c, add, strides] = call;
    const [x, y, z] = [a, b, c].map(({ buffer, byteOffset, length }) =>
      copies.get(buffer)!.get(byteOffset)!.subarray(0, length),
    ) as [Float32Array, Float32Array, Float32Array];
    return [ta, tb, m, n, k, x, y, z, add, strides];
  });
  const multiply = systemMultiply()!;
  return {
    name: 'floor',
    async run() {
      for (const call of copied) multiply(...call);
      return [];
    },
  };
}

/** The table of a run. */
export function floorReport(rows: readonly FloorRow[], clock: Clock): string {
  const of = clock === 'wall' ? middle : (times: readonly number[]) => Math.min(...times);
  const ratio = (a: readonly number[], b: readonly number[]) =>
    clock === 'wall'
      ? middle(a.map((time, i) => time / b[i]!)).toFixed(2)
      : (of(a) / of(b)).toFixed(2);
  const header = [
    'network',
    'gradient ms',
    'its products alone ms',
    'gradient / them',
    'products',
    'Gflop/s',
    'one Hessian product ms',
    'it / gradient',
  ];
  const lines = rows.map(({ name, products, multiplications, gradient, floor, hessian }) => [
    name,
    of(gradient).toFixed(3),
    of(floor).toFixed(3),
    ratio(gradient, floor),
    `${products}`,
    ((2 * multiplications) / of(floor) / 1e6).toFixed(0),
    of(hessian).toFixed(3),
    ratio(hessian, gradient),
  ]);
  return [
    'A gradient beside the matrix products that OpenBLAS makes in it, by the same calls alone; and one',
    'product with the Hessian, once it is recorded, beside the gradient. In turns, round by round;',
    clock === 'wall'
      ? 'medians, and medians of the ratios of the rounds.'
      : 'the least of all rounds, of processor time on one thread, which other work disturbs least.',
    '',
    ...table([header, ...lines]),
  ].join('\n');
}
