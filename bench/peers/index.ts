import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { record } from '../measurements';
import { installed, type Peer, startPeer } from './peer';
import { report } from './report';
import type { Row } from './rows';
import { type Result, type Workload, workloads } from './workloads';

const warmUps = 3;

/**
 * The same workloads by this library and by JAX: same data, same weights, warm, round by round.
 *
 * @param args `--quick` for fewer rounds; other words are parts of names: `W3`
 */
export async function run(args: string[]): Promise<void> {
  const rounds = args.includes('--quick') ? 7 : 30;
  const only = args.filter((arg) => !arg.startsWith('--'));
  const backend = await useBackend('wasm');
  const all = await workloads();
  const python = installed();
  if ('why' in python) console.log(`No peers, ours alone: ${python.why}`);
  const peer = 'python' in python ? startPeer(python.python, all) : undefined;
  const rows: Row[] = [];
  let version: string | undefined;
  try {
    for (const workload of all.list) {
      if (only.length > 0 && !only.some((part) => workload.name.includes(part))) continue;
      const row = await measured(workload, peer, rounds);
      rows.push(row);
      record(row.name, row.ours.milliseconds);
      console.log(`${row.name}: ${median(row.ours.milliseconds).toFixed(2)} ms`);
    }
    version =
      rows.length > 0
        ? (await peer?.run(rows[0]!.name, dtypeOf(rows[0]!.name)))?.version
        : undefined;
  } finally {
    peer?.stop();
  }
  const about = {
    rounds,
    processor: os.cpus()[0]!.model,
    cores: os.availableParallelism(),
    load: os.loadavg()[0]!,
    node: process.version,
    backend: `${backend.name}, ${backend.blas?.split(' ').slice(0, 2).join(' ') ?? 'without BLAS'}`,
    jax: version ?? null,
  };
  const text = report(rows, about);
  console.log(`\n${text}`);
  const folder = join(__dirname, '..', 'results', 'peers');
  mkdirSync(folder, { recursive: true });
  // A part of the workloads is not the result.
  if (only.length > 0) return;
  writeFileSync(join(folder, 'peers.json'), `${JSON.stringify({ about, rows }, null, 2)}\n`);
  writeFileSync(join(folder, 'peers.txt'), `${text}\n`);
}

const dtypeOf = (name: string) => (name.includes('float64') ? 'float64' : 'float32');

async function measured(workload: Workload, peer: Peer | undefined, rounds: number): Promise<Row> {
  const { name } = workload;
  const dtype = dtypeOf(name);
  const row: Row = { name, ours: { milliseconds: [] }, ratios: [] };
  const ours = await numbersOf(await workload.run());
  if (peer) {
    const exact = await peer.result(name, 'float64');
    row.peer = { milliseconds: [], error: relativeError(await peer.result(name, dtype), exact) };
    row.ours.error = relativeError(ours, exact);
  }
  for (let round = -warmUps; round < rounds; round++) {
    const start = performance.now();
    const result = await workload.run();
    const time = performance.now() - start;
    if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
    const other = await peer?.run(name, dtype);
    if (round < 0) continue;
    row.ours.milliseconds.push(time);
    if (other === undefined) continue;
    row.peer!.milliseconds.push(1000 * other.seconds);
    row.ratios.push(time / (1000 * other.seconds));
  }
  return row;
}

async function numbersOf(result: Result): Promise<Float64Array> {
  const parts: ArrayLike<number>[] = [];
  for (const each of Object.values(result)) {
    if (!(each instanceof tf.Tensor)) parts.push(each);
    else {
      parts.push(await each.data());
      each.dispose();
    }
  }
  return Float64Array.from(parts.flatMap((part) => Array.from(part)));
}

function relativeError(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers for ${b.length}`);
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

export const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
