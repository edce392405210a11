import * as tf from '@tensorflow/tfjs';
import { variable } from '#platform/environment';
import { forgetLoops } from '../../backends/wasm/fused/loops';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { engine } from '../tape';
import { Counted } from './counted';
import { counts, type TracedCounts } from './counts';
import { keyOf, type Leaves } from './leaves';
import type { Recipe } from './recipe';
import type { Captured, Remembered } from './remembered';
import { isTracing } from './trace';

/** How many structures are remembered for one heap. */
const MOST = 128;

/** What is known of a structure: its programs, that it has none, or that it came once. */
export type Found = Counted | 'refused' | 'seen';

export type Known = Map<string, Found>;

const recipes = new WeakMap<Heap, Known>();

/** The structures that are remembered for a heap. */
export function knownOn(heap: Heap): Known {
  const known: Known = recipes.get(heap) ?? new Map();
  recipes.set(heap, known);
  return known;
}

/** Counts so far, and what they were made of. */
export const tracedCounts = (): Readonly<TracedCounts> => ({ ...counts });

/** Frees all programs; they are made again when they are needed. */
export function freePrograms(): void {
  const heap = heapNow();
  if (heap === undefined) return;
  const known = knownOn(heap);
  for (const recipe of known.values()) if (recipe instanceof Counted) recipe.drop();
  known.clear();
  forgetLoops(heap);
}

export function heapNow(): Heap | undefined {
  return tf.getBackend() === 'wasm' ? (tf.backend() as Heap) : undefined;
}

/** Whether programs may run: unless `IMPLICIT_COMPILE` was 0 when the library was loaded. */
let isOn = variable('IMPLICIT_COMPILE') !== '0';

/** Switches programs on or off, for comparisons of both ways. */
export function switchPrograms(on: boolean): void {
  isOn = on;
}

/**
 * Where programs can run: wasm, unless they are switched off, and no tape is running. What
 * `tf.profile` looks at runs kernel by kernel: it would not see those of a program, nor would a trace,
 * which would take their results for constants.
 */
export function heapForPrograms(): Heap | undefined {
  if (!isOn || isTracing()) return undefined;
  const { gradientDepth, kernelDepth, profiling } = engine().state;
  return gradientDepth === 0 && kernelDepth === 0 && !profiling ? heapNow() : undefined;
}

/**
 * The programs of a pure loss on tensors of these names and shapes, where they are known and can run
 * now, and what the loss captures.
 */
export function knownPrograms(
  remembered: Remembered,
  { all, varied }: Leaves,
  names: string,
): { heap: Heap; recipe: Recipe; captured: Captured } | undefined {
  const heap = heapForPrograms();
  return heap && remembered.find(heap, keyOf({ all, varied }, names));
}

export function recall(known: Known, word: string) {
  const found = known.get(word);
  if (found === undefined) return undefined;
  known.delete(word);
  known.set(word, found);
  return found;
}

export function remember(known: Known, word: string, recipe: Found): void {
  known.set(word, recipe);
  if (known.size <= MOST) return;
  // The one that was not used for longest.
  const [oldest, dropped] = known.entries().next().value!;
  known.delete(oldest);
  if (dropped instanceof Counted) dropped.drop();
}
