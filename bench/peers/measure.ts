import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import type { Dtype, Peer } from './peer';
import type { PeerTimed, Row } from './rows';
import { PAUSE, turnOf } from './turns';
import type { Result, Workload } from './workload';

/** How much is measured: rounds at most, and milliseconds for one workload. */
export interface Effort {
  rounds: number;
  milliseconds: number;
  /** Whether results are compared with the exact answer, which another run in float64 gives. */
  errors: boolean;
  /** Quartiles of the ratios that are so near to each other, relative to the median, need no more rounds. */
  near: number;
}

const WARM_UPS = 10;
const LEAST_ROUNDS = 3;
/** Fewer tell nothing about how near quartiles are. */
const LEAST_NEAR = 5;

const dtypeOf = (name: string): Dtype => (name.includes('float64') ? 'float64' : 'float32');

/** A workload that has run once everywhere, where it was compiled: the systems that have it, and its errors. */
export interface Prepared {
  workload: Workload;
  having: Peer[];
  row: Row;
}

/**
 * Runs workloads once in each system, all systems at the same time, since compiling takes up to a second
 * for each of them; nothing is timed meanwhile.
 */
export async function prepared(
  workloads: readonly Workload[],
  peers: readonly Peer[],
  effort: Effort,
): Promise<Prepared[]> {
  // The peers go through the list on their own, each in a process.
  const theirs = workloads.map(({ name }) => ({
    exact: effort.errors ? peers[0]?.result(name, 'float64') : undefined,
    results: peers.map((peer) => peer.result(name, dtypeOf(name))),
  }));
  const all: Prepared[] = [];
  for (const [i, workload] of workloads.entries()) {
    const ours = await numbersOf(await workload.run());
    const exact = await theirs[i]!.exact;
    const results = await Promise.all(theirs[i]!.results);
    const row: Row = { name: workload.name, ours: { milliseconds: [] }, peers: {} };
    if (exact) row.ours.error = relativeError(ours, exact);
    for (const [k, { name }] of peers.entries()) {
      const result = results[k];
      if (result === undefined) continue;
      row.peers[name] = { milliseconds: [], ratios: [] };
      if (exact) row.peers[name].error = relativeError(result, exact);
    }
    all.push({ workload, row, having: peers.filter((_, k) => results[k] !== undefined) });
  }
  return all;
}

/** Ours and those of the peers that have a workload, in turns; versions are noted by their names. */
export async function measured(
  { workload, having, row }: Prepared,
  effort: Effort,
  versions: Record<string, string>,
): Promise<Row> {
  const { name } = workload;
  const dtype = dtypeOf(name);
  let began = performance.now();
  for (let round = -WARM_UPS; round < effort.rounds; round++) {
    if (round === 0) began = performance.now();
    const spent = performance.now() - began;
    // What is slow has less to be warmed up for.
    if (round < 0 && spent > effort.milliseconds / 4) continue;
    if (round >= LEAST_ROUNDS && spent > effort.milliseconds) break;
    if (round >= LEAST_NEAR && areNear(row, effort.near)) break;
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

/** Whether the quartiles of the ratios to every peer are near to each other. */
function areNear({ peers }: Row, near: number): boolean {
  const all = Object.values(peers);
  const isNear = ({ ratios }: PeerTimed) => {
    const sorted = [...ratios].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
    return at(0.75) - at(0.25) < near * at(0.5);
  };
  return all.length > 0 && all.every(isNear);
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
