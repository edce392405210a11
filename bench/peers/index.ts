import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { useBackend } from '../../lib/backends';
import { record } from '../measurements';
import { figure } from './figure';
import { firstCalls, firstReport } from './first';
import { flameGraph } from './flame';
import { type Clock, type FloorRow, floorOf, floorReport } from './floor';
import { growthFigure } from './growth-figure';
import { type InTurn, inTurn, inTurnReport } from './loops';
import { type Effort, measured, median, prepared } from './measure';
import { type Installed, installed, startPeers, WHOLE } from './peer';
import { categoryNames, type Profiled, profiled, profileReport } from './profile';
import { report } from './report';
import type { Row } from './rows';
import { COURSES, scalingReport, scalingWorkloads } from './scaling';
import type { Workload, Workloads } from './workload';
import { workloads } from './workloads';

const QUICK: Effort = { rounds: 7, milliseconds: 1500, errors: true, near: 0.05 };
const THOROUGH: Effort = { rounds: 30, milliseconds: 60_000, errors: true, near: 0 };
const SCALING: Effort = { rounds: 5, milliseconds: 300, errors: false, near: 0 };

/**
 * The same workloads by this library, by JAX and by PyTorch and by libraries on top of them: same data,
 * same weights, warm, in turns, round by round.
 *
 * @param args `--quick` for fewer rounds; `profile W1` for where the time goes, with `--flame` as a picture; `loops W4` for times with loops on one thread and on all; `scaling` for how cost grows, `first` for first calls and peak
 *   memory, `floor` for gradients compared with their matrix products; other words are parts of names: `W3`
 */
export async function run(args: string[]): Promise<void> {
  if (args[0] === 'profile') return runProfile(args.slice(1));
  if (args[0] === 'loops') return runLoops(args.slice(1));
  const effort = args.includes('--quick') ? QUICK : THOROUGH;
  if (args[0] === 'floor') {
    return runFloor(effort, args.includes('--processor') ? 'processor' : 'wall');
  }
  const only = args.filter((arg) => !arg.startsWith('--'));
  const backend = await useBackend('wasm');
  const looking = installed();
  if (only[0] === 'scaling') return runScaling(await found(looking), args.includes('--quick'));
  const all = await workloads();
  const setting = await found(looking);
  if (only[0] === 'first') return runFirst(setting, all);
  const chosen = all.list.filter(
    ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
  );
  const { rows, versions } = await measuredAll(setting, { ...all, list: chosen }, effort);
  for (const { name, ours } of rows) record(name, ours.milliseconds);
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
  write('peers', { about, rows }, text);
  writeFileSync(join(RESULTS, 'peers.svg'), figure(rows));
}

/** What was found, when it is known; says what is missing. */
async function found(looking: Promise<Installed>): Promise<Installed> {
  const setting = await looking;
  for (const sentence of setting.missing) console.log(sentence);
  return setting;
}

/** All workloads in turns; prints each as it is done, and says what there is so far. */
async function measuredAll(
  { python, systems }: Installed,
  all: Workloads,
  effort: Effort,
  soFar: (found: Measured) => void = () => {},
): Promise<Measured> {
  const { peers, stop } = startPeers(python, systems, all);
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  try {
    for (const workloads of batchesOf(all.list, effort)) {
      for (const each of await prepared(workloads, peers, effort)) {
        const row = await measured(each, effort, versions);
        rows.push(row);
        console.log(`${row.name}: ${median(row.ours.milliseconds).toFixed(2)} ms`);
        soFar({ rows, versions });
      }
    }
  } finally {
    stop();
  }
  return { rows, versions };
}

/** What is prepared together: all; but one by one where data grow until memory holds no two. */
const batchesOf = (list: readonly Workload[], effort: Effort): (readonly Workload[])[] =>
  effort === SCALING ? list.map((each) => [each]) : [list];

interface Measured {
  rows: readonly Row[];
  versions: Readonly<Record<string, string>>;
}

/** Where the time of workloads goes, on one thread; with `--flame` as flame graphs too. */
async function runProfile(args: readonly string[]): Promise<void> {
  const flame = args.includes('--flame');
  const names = args.filter((arg) => !arg.startsWith('--'));
  await useBackend('wasm', { threads: 1 });
  const { list } = await workloads();
  for (const workload of list.filter(({ name }) => names.some((part) => name.includes(part)))) {
    const profile = await profiled(workload);
    console.log(profileReport(profile));
    if (flame) writeFlame(profile);
  }
}

/** Workloads with their loops on one thread and on all, in turn. */
async function runLoops(names: readonly string[]): Promise<void> {
  const { threads } = await useBackend('wasm');
  const { list } = await workloads();
  const all: InTurn[] = [];
  for (const workload of list.filter(({ name }) => names.some((part) => name.includes(part)))) {
    all.push(await inTurn(workload, threads, QUICK.rounds));
  }
  console.log(inTurnReport(all));
}

/** The gradients compared with their matrix products; ours alone. */
async function runFloor(effort: Effort, clock: Clock): Promise<void> {
  const { blas } = await useBackend('wasm', clock === 'processor' ? { threads: 1 } : {});
  if (blas === undefined) throw new Error('The floor are products by OpenBLAS, which is not here.');
  const { networks } = await workloads();
  const rows: FloorRow[] = [];
  for (const network of networks) rows.push(await floorOf(network, effort, clock));
  const text = floorReport(rows, clock);
  console.log(text);
  write('floor', { clock, rows }, text);
}

/** How cost grows; what there is so far is written after each point, since large ones take minutes. */
async function runScaling(setting: Installed, quick: boolean): Promise<void> {
  const systems = setting.systems.filter(({ name }) => WHOLE.includes(name));
  const all = scalingWorkloads(quick);
  let text = '';
  await measuredAll({ ...setting, systems }, all, SCALING, ({ rows, versions }) => {
    const byName = new Map(rows.map((row) => [row.name, row]));
    const names = Object.keys(versions);
    text = scalingReport(byName, names);
    write('scaling', { courses: COURSES, rows, versions }, text);
    writeFileSync(join(RESULTS, 'scaling.svg'), growthFigure(byName, names));
  });
  console.log(`\n${text}`);
}

/** First calls and peak memory. */
async function runFirst({ python, systems }: Installed, all: Workloads): Promise<void> {
  const rows = await firstCalls(python, systems, all);
  const text = firstReport(rows);
  console.log(`\n${text}`);
  write('first', rows, text);
}

function writeFlame({ name, root, processor, categories }: Profiled): void {
  const shares = new Map(categories);
  const title = `${name}: where the time goes on one thread (${processor.toPrecision(3)} ms of processor time a run)`;
  const file = `flame-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(
    join(RESULTS, file),
    flameGraph(
      title,
      root,
      categoryNames.map((each) => [each, shares.get(each) ?? 0]),
    ),
  );
}

const RESULTS = join(__dirname, '..', 'results', 'peers');

function write(name: string, result: object, text: string): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(RESULTS, `${name}.txt`), `${text}\n`);
}
