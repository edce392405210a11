import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { record } from '../measurements';
import { figure } from './figure';
import { type Dtype, installed, type Peer, startPeers } from './peer';
import { report } from './report';
import type { Row } from './rows';
import { PAUSE, turnOf } from './turns';
import type { Result, Workload } from './workload';
import { workloads } from './workloads';

/** How much is measured: rounds at most, and milliseconds for one workload. */
interface Effort {
  rounds: number;
  milliseconds: number;
}

const QUICK: Effort = { rounds: 7, milliseconds: 2500 };
const THOROUGH: Effort = { rounds: 30, milliseconds: 60_000 };
const WARM_UPS = 10;
const LEAST_ROUNDS = 3;

/**
 * The same workloads by this library, by JAX and by PyTorch: same data, same weights, warm, in turns,
 * round by round.
 *
 * @param args `--quick` for fewer rounds; other words are parts of names: `W3`
 */
export async function run(args: string[]): Promise<void> {
  const effort = args.includes('--quick') ? QUICK : THOROUGH;
  const only = args.filter((arg) => !arg.startsWith('--'));
  const backend = await useBackend('wasm');
  const all = await workloads();
  const { python, systems, missing } = installed();
  for (const sentence of missing) console.log(sentence);
  const { peers, stop } = startPeers(python, systems, all);
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  try {
    for (const workload of all.list) {
      if (only.length > 0 && !only.some((part) => workload.name.includes(part))) continue;
      const row = await measured(workload, peers, effort, versions);
      rows.push(row);
      record(row.name, row.ours.milliseconds);
      console.log(`${row.name}: ${median(row.ours.milliseconds).toFixed(2)} ms`);
    }
  } finally {
    stop();
  }
  const about = {
    rounds: effort.rounds,
    processor: os.cpus()[0]!.model,
    cores: os.availableParallelism(),
    load: os.loadavg()[0]!,
    node: process.version,
    backend: `${backend.name}, ${backend.blas?.split(' ').slice(0, 2).join(' ') ?? 'without BLAS'}`,
    versions,
  };
  const text = report(rows, about);
  console.log(`\n${text}`);
  // A part of the workloads is not the result.
  if (only.length > 0) return;
  const folder = join(__dirname, '..', 'results', 'peers');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'peers.json'), `${JSON.stringify({ about, rows }, null, 2)}\n`);
  writeFileSync(join(folder, 'peers.txt'), `${text}\n`);
  writeFileSync(join(folder, 'peers.svg'), figure(rows));
}

const dtypeOf = (name: string): Dtype => (name.includes('float64') ? 'float64' : 'float32');

async function measured(
  workload: Workload,
  peers: readonly Peer[],
  effort: Effort,
  versions: Record<string, string>,
): Promise<Row> {
  const { name } = workload;
  const dtype = dtypeOf(name);
  const row: Row = { name, ours: { milliseconds: [] }, peers: {} };
  const ours = await numbersOf(await workload.run());
  const exact = await peers[0]?.result(name, 'float64');
  const having: Peer[] = [];
  for (const peer of peers) {
    const result = await peer.result(name, dtype);
    if (result === undefined) continue;
    having.push(peer);
    row.peers[peer.name] = { milliseconds: [], ratios: [] };
    if (exact) row.peers[peer.name]!.error = relativeError(result, exact);
  }
  if (exact) row.ours.error = relativeError(ours, exact);
  let began = performance.now();
  for (let round = -WARM_UPS; round < effort.rounds; round++) {
    if (round === 0) began = performance.now();
    const spent = performance.now() - began;
    // What is slow has less to be warmed up for.
    if (round < 0 && spent > effort.milliseconds / 4) continue;
    if (round >= LEAST_ROUNDS && spent > effort.milliseconds) break;
    const time = median(await turnOf(workload));
    if (round >= 0) row.ours.milliseconds.push(time);
    for (const peer of having) {
      await setTimeout(PAUSE);
      const { seconds, version } = (await peer.turn(name, dtype))!;
      versions[peer.name] = version;
      if (round < 0) continue;
      const of = row.peers[peer.name]!;
      const theirs = 1000 * median(seconds);
      of.milliseconds.push(theirs);
      of.ratios.push(time / theirs);
    }
    await setTimeout(PAUSE);
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

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
