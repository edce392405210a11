import { Session } from 'node:inspector/promises';
import * as tf from '@tensorflow/tfjs';
import { tracedCounts } from '../../lib/autodiff';
import type { Frame } from './flame';
import { table } from './report';
import type { Workload } from './workload';

const SECONDS = 4;
const WARM_UPS = 300;
const FUNCTIONS = 25;

interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
}

interface ProfileNode {
  id: number;
  callFrame: CallFrame;
  children?: number[];
}

/** What V8's sampling profiler gives. */
interface Profile {
  nodes: ProfileNode[];
  samples?: number[];
}

export interface Profiled {
  name: string;
  /** Milliseconds of processor time of one run, all threads. */
  processor: number;
  runs: number;
  /** MB that programs read and write in a run, as far as programs run. */
  megabytes: number;
  /** Shares of the samples, by category and by function. */
  categories: [string, number][];
  functions: [string, number][];
  /** What was called by what. */
  root: Frame;
}

/** Where the time of a workload goes, by V8's own profiler. */
export async function profiled({ name, run }: Workload): Promise<Profiled> {
  const once = async () => {
    const result = await run();
    if (!Array.isArray(result)) tf.dispose(result as tf.TensorContainer);
  };
  const begun = performance.now();
  for (let i = 0; i < WARM_UPS && performance.now() - begun < 1000 * SECONDS; i++) await once();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  await session.post('Profiler.start');
  const bytes = tracedCounts().bytes;
  const before = process.cpuUsage();
  const start = performance.now();
  let runs = 0;
  for (; performance.now() - start < 1000 * SECONDS; runs++) await once();
  const { user, system } = process.cpuUsage(before);
  const { profile } = (await session.post('Profiler.stop')) as { profile: Profile };
  session.disconnect();
  const megabytes = (tracedCounts().bytes - bytes) / 1e6 / runs;
  return { name, runs, megabytes, processor: (user + system) / 1000 / runs, ...sharesOf(profile) };
}

function sharesOf({ nodes, samples = [] }: Profile) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const [categories, functions] = [new Map<string, number>(), new Map<string, number>()];
  let total = 0;
  for (const id of samples) {
    const frame = frames.get(id)!;
    if (isOther(frame)) continue;
    total++;
    // Samples, not their times: in those is what else the machine did.
    const add = (to: Map<string, number>, word: string) => to.set(word, (to.get(word) ?? 0) + 1);
    add(categories, categoryOf(frame));
    add(functions, wordOf(frame));
  }
  const sorted = (times: Map<string, number>): [string, number][] =>
    [...times]
      .map(([word, time]) => [word, time / total] as [string, number])
      .sort((a, b) => b[1] - a[1]);
  return {
    categories: sorted(categories),
    functions: sorted(functions).slice(0, FUNCTIONS),
    root: treeOf({ nodes, samples }),
  };
}

/** The profiler itself, and nothing. */
const isOther = ({ functionName }: CallFrame) =>
  functionName === '(idle)' || functionName === 'dispatch';

/** The calls as a tree; children of the same function are one. */
function treeOf({ nodes, samples = [] }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map<number, number>();
  for (const id of samples) own.set(id, (own.get(id) ?? 0) + 1);
  const frameOf = (same: readonly ProfileNode[]): Frame => {
    const { callFrame } = same[0]!;
    const groups = new Map<string, ProfileNode[]>();
    for (const { children = [] } of same) {
      for (const id of children) {
        const child = byId.get(id)!;
        if (isOther(child.callFrame)) continue;
        const word = `${nameOf(child.callFrame)} ${placeOf(child.callFrame)}`;
        groups.set(word, [...(groups.get(word) ?? []), child]);
      }
    }
    const children = [...groups.values()]
      .map(frameOf)
      .sort((a, b) => b.samples - a.samples || a.name.localeCompare(b.name));
    const alone = same.reduce((sum, { id }) => sum + (own.get(id) ?? 0), 0);
    return {
      name: nameOf(callFrame),
      place: placeOf(callFrame),
      category: categoryOf(callFrame),
      samples: children.reduce((sum, child) => sum + child.samples, alone),
      children,
    };
  };
  return frameOf([nodes[0]!]);
}

/** The library is called as a function without a place, or from the file that calls it. */
function isOfLibrary({ functionName, url }: CallFrame): boolean {
  return (
    /gemm|blas/i.test(functionName) ||
    url.endsWith('platform/node/blas.ts') ||
    (functionName === 'call' && url === '')
  );
}

/** The first that fits. */
const CATEGORIES: readonly [string, (frame: CallFrame) => boolean][] = [
  ['garbage collection', ({ functionName }) => functionName === '(garbage collector)'],
  ['products by OpenBLAS', isOfLibrary],
  ['WebAssembly', ({ url }) => url.startsWith('wasm://')],
  ['this library', ({ url }) => /\/lib\//.test(url) && !url.includes('node_modules')],
  ['TensorFlow.js', ({ url }) => url.includes('tfjs')],
  ['Node.js and V8', () => true],
];

const categoryOf = (frame: CallFrame) => CATEGORIES.find(([, fits]) => fits(frame))![0];

export const categoryNames = CATEGORIES.map(([name]) => name);

const isWebAssembly = ({ url }: CallFrame) => url.startsWith('wasm://');

function nameOf(frame: CallFrame): string {
  if (isWebAssembly(frame)) return 'WebAssembly';
  // Of all functions of the library, the one that was found last is named.
  return isOfLibrary(frame) ? 'OpenBLAS' : frame.functionName || '(anonymous)';
}

const placeOf = (frame: CallFrame): string =>
  isWebAssembly(frame) ? '' : frame.url.replace(/^.*\/(lib|bench|node_modules)\//, '$1/');

function wordOf(frame: CallFrame): string {
  const { functionName, lineNumber } = frame;
  if (isWebAssembly(frame)) return `${functionName} (WebAssembly)`;
  const place = placeOf(frame);
  return `${nameOf(frame)}${place && ` ${place}:${lineNumber + 1}`}`;
}

/** The tables of a profile. */
export function profileReport(profile: Profiled): string {
  const { name, processor, runs, megabytes, categories, functions } = profile;
  const lines = (shares: readonly [string, number][]) =>
    shares.map(([word, share]) => [word, `${(100 * share).toFixed(1)} %`]);
  return [
    `${name}: ${processor.toFixed(3)} ms of processor time a run, ${runs} runs, one thread`,
    `${megabytes.toFixed(2)} MB read and written by programs in a run (operands and results of all their steps)`,
    '',
    ...table([['category', 'own share'], ...lines(categories)]),
    '',
    ...table([['function', 'own share'], ...lines(functions)]),
    '',
  ].join('\n');
}
