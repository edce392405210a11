import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type { Dtype, Peer } from './peer';
import type { Row } from './rows';
import { PAUSE, turnOf } from './turns';
import type { Result, Workload } from './workload';

/** How much is measured: rounds at most, and milliseconds for one workload. */
export interface Effort {
  rounds: number;
  milliseconds: number;
  /** Whether results are compared with the exact answer, which another run in float64 gives. */
  errors: boolean;
}

const WARM_UPS = 10;
const LEAST_ROUNDS = 3;

const dtypeOf = (name: string): Dtype => (name.includes('float64') ? 'float64' : 'float32');

/** Ours and those of the peers that have a workload, in turns; versions are noted by their names. */
export async function measured(
  workload: Workload,
  peers: readonly Peer[],
  effort: Effort,
  versions: Record<string, string>,
): Promise<Row> {
  const { name } = workload;
  const dtype = dtypeOf(name);
  const row: Row = { name, ours: { milliseconds: [] }, peers: {} };
  const ours = await numbersOf(await workload.run());
  const exact = effort.errors ? await peers[0]?.result(name, 'float64') : undefined;
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
    for (const peer of [...having]) {
      await setTimeout(PAUSE);
      const turn = await peer.turn(name, dtype);
      if (turn === undefined) {
        // It has ended, and what it had done is not a result.
        having.splice(having.indexOf(peer), 1);
        delete row.peers[peer.name];
        continue;
      }
      const { seconds, version } = turn;
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

export async function numbersOf(result: Result): Promise<Float64Array> {
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

export function relativeError(a: Float64Array, b: Float64Array): number {
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
