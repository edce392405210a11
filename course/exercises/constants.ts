import { isTensor, isTypedArray } from './describe';
import type { Probe, Task } from './exercise';

const DEEPEST = 4;
/** What probes count starts at 0 on all of them. */
const COUNTERS = ['products', 'calls', 'runs', 'evaluations'];

/**
 * The numbers and lengths in the arguments of probes that are the same on all of them, by their path:
 * what never changes cannot be tested. Nothing for a single probe.
 */
export function constantsOf(probes: readonly Probe<Task>[]): string[] {
  if (probes.length < 2) return [];
  const seen = new Map<string, Set<unknown>>();
  for (const probe of probes) {
    const leaves = new Map<string, unknown>();
    for (const [i, argument] of probe.args().entries()) collect(argument, `[${i}]`, leaves, 0);
    for (const [path, value] of leaves) {
      if (!seen.has(path)) seen.set(path, new Set());
      seen.get(path)!.add(value);
    }
  }
  return [...seen].filter(([, values]) => values.size === 1).map(([path]) => path);
}

function collect(value: unknown, path: string, leaves: Map<string, unknown>, depth: number) {
  if (typeof value === 'number' || typeof value === 'boolean') leaves.set(path, value);
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return;
  if (isTensor(value)) {
    for (const [i, length] of value.shape.entries()) leaves.set(`${path}.shape[${i}]`, length);
    return;
  }
  if (isTypedArray(value) || Array.isArray(value)) {
    const list: ArrayLike<unknown> = value;
    leaves.set(`${path}.length`, list.length);
    if (typeof list[0] === 'object') collect(list[0], `${path}[0]`, leaves, depth + 1);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    if (COUNTERS.includes(name)) continue;
    collect(member, `${path}.${name}`, leaves, depth + 1);
  }
}
