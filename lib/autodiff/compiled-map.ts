import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../backends/wasm/kernels/heap';
import { InputError } from '../errors';
import type { Pausing } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import type { NamedTensors } from '../spaces';
import { checkTensors } from './check';
import { isGone, refusingDisposed } from './disposed';
import { type FlatMap, flatMapOn } from './flat';
import {
  type Captured,
  heapForPrograms,
  isTracingMap,
  type ListMap,
  type MapRecipe,
  Remembered,
  tracedDerivative,
  tracedMap,
  tracedMapInPieces,
} from './traced';

/** What a map takes and gives: a tensor, or named ones. */
export type MapValue = tf.Tensor | NamedTensors;

/** The programs of a map, and of its derivative where its value is like its first argument. */
export interface MapPrograms {
  /**
   * @param varies which of the other arguments are differentiated by, all of which are tensors
   * @returns undefined where programs cannot run
   */
  linearize(args: readonly MapValue[], varies: readonly boolean[]): FlatMap | undefined;
  /** The value, to be left for a while and kept; undefined where programs cannot run. */
  runInPieces(args: readonly MapValue[]): Pausing<MapValue | undefined>;
}

const programs = new WeakMap<object, MapPrograms>();

/**
 * The same map, declared to be a function of its tensors alone: once traced, a program runs in its place.
 *
 * Its arguments and its value are tensors, or records of them; the value is of float32. As the `solve` of `argmin` all its
 * iterations are one program; as the `optimality` of `argmin` or `attach` its derivative is one, and the
 * linear system of a single tensor is solved in the backend's memory by solvers that use products and
 * inner products alone.
 *
 * ```ts
 * const map = (z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => tf.tanh(tf.add(tf.matMul(z, A), b));
 * const rest = argmin(
 *   compiledMap((A: tf.Tensor, b: tf.Tensor) => {
 *     let z = tf.tanh(b);
 *     for (let t = 1; t < 20; t++) z = map(z, A, b);
 *     return z;
 *   }),
 *   compiledMap((z: tf.Tensor, A: tf.Tensor, b: tf.Tensor) => tf.sub(z, map(z, A, b))),
 *   { solver: fixedPoint() },
 * );
 * ```
 *
 * It is called for its first evaluation on tensors of some shapes, and traced: by their shapes alone where it
 * multiplies matrices or computes entry by entry. From then on a program runs, to its end without a pause; as the
 * `solve` of `argminAsync` it is made and run with pauses. What it captures is held as it was then: data, not what changes; random
 * numbers stay what they were, and a loop has as many rounds. The 32 shapes that were used last are
 * remembered; `free()` forgets the programs and lets go of what was captured. Where programs cannot run (on
 * other backends than wasm, while a gradient is recorded, for operations that have no loop), it is called
 * each time, with the same result to rounding.
 *
 * When not to use it: iterations that end by a number that they read.
 *
 * @throws InputError for anything but a function; DisposedError where it uses a disposed tensor; while it is
 *   traced, InputError for a value of anything but float32 tensors, UnsupportedError where it reads numbers of
 *   tensors, or uses a `tf.Variable` that is not handed to it.
 */
export function compiledMap<A extends MapValue[], Y extends MapValue>(
  map: (...args: A) => Y,
): ((...args: A) => Y) & { free(): void } {
  checkNoMore('compiledMap', arguments, 1);
  checkFunction(map, 'the map to compile');
  const known = new KnownMap((args) => map(...(args as A)));
  const same = (...args: A): Y =>
    (known.run(args) as Y | undefined) ?? refusingDisposed(() => map(...args));
  const result = Object.assign(same, { free: () => known.free() });
  programs.set(result, known);
  return result;
}

/** What a map that was declared so remembers; undefined for any other. */
export const mapProgramsOf = (map: unknown): MapPrograms | undefined =>
  typeof map === 'function' ? programs.get(map) : undefined;

/** A map with its programs. */
class KnownMap implements MapPrograms {
  readonly #map: (args: readonly MapValue[]) => MapValue;
  readonly #values = new Remembered<MapRecipe>();
  readonly #derivatives = new Remembered<MapRecipe>();
  /** What the value looks like, and which shapes have no program. */
  readonly #like = new Map<string, Like>();
  readonly #refused = new Set<string>();

  constructor(map: (args: readonly MapValue[]) => MapValue) {
    this.#map = map;
  }

  /** The value by a program; undefined where none can run. */
  run(args: readonly MapValue[]): MapValue | undefined {
    const at = this.#placeOf(args);
    if (at === undefined) return undefined;
    const { heap, key, given } = at;
    const list = this.#listOf(args, (like) => this.#like.set(key, like));
    const found =
      this.#values.find(heap, key) ??
      this.#remembered(this.#values, at, (use) => tracedMap(heap, list, given, use));
    if (found === undefined) return undefined;
    const values = found.recipe.program('value').run([...given, ...found.captured.tensors]);
    return refilled(this.#like.get(key)!, values);
  }

  *runInPieces(args: readonly MapValue[]): Pausing<MapValue | undefined> {
    const at = this.#placeOf(args);
    if (at === undefined) return undefined;
    const { heap, key, given } = at;
    const held = given.map((x) => tf.keep(x.clone()));
    try {
      const found = this.#values.find(heap, key) ?? (yield* this.#tracedInPieces(at, args));
      if (found === undefined) return undefined;
      const { recipe, captured } = found;
      const like = this.#like.get(key)!;
      recipe.retain();
      captured.retain();
      try {
        const program = yield* recipe.programInPieces('value');
        return refilled(like, yield* program.runInPieces([...held, ...captured.tensors]));
      } finally {
        captured.release();
        recipe.release();
      }
    } finally {
      tf.dispose(held);
    }
  }

  /** The programs of a map that is traced now; it may have become known meanwhile, or forgotten. */
  *#tracedInPieces(at: MapPlace, args: readonly MapValue[]): Pausing<Known | undefined> {
    const { heap, key, given } = at;
    let noted: Like | undefined;
    const list = this.#listOf(args, (like) => {
      noted = like;
    });
    const found = yield* tracedMapInPieces(heap, list, given, (recipe, outside) => {
      this.#like.set(key, noted!);
      const first = this.#values.find(heap, key);
      if (first === undefined) return kept(this.#values, at, recipe, outside);
      recipe.drop();
      return first;
    });
    if (found === undefined) this.#refused.add(key);
    return found;
  }

  /** Where a program may run on some arguments; undefined where none can. */
  #placeOf(args: readonly MapValue[], prefix = ''): MapPlace | undefined {
    const heap = isTracingMap() ? undefined : heapForPrograms();
    if (heap === undefined || !args.every(isPlain)) return undefined;
    const key = `${prefix}${keyOf(args)}`;
    return this.#refused.has(key) ? undefined : { heap, key, given: tensorsOf(args) };
  }

  #listOf(args: readonly MapValue[], note: (like: Like) => void): ListMap {
    return (inputs) => {
      const value = this.#map(argumentsOf(args, inputs));
      checkValue(value);
      note(likeOf(value));
      return tensorsOf([value]);
    };
  }

  linearize(args: readonly MapValue[], varies: readonly boolean[]): FlatMap | undefined {
    const at = this.#placeOf(args, `${varies} `);
    if (at === undefined) return undefined;
    const { heap, key, given } = at;
    const x = tensorsOf(args.slice(0, 1));
    const rest = varies.flatMap((varies, i) => (varies ? [x.length + i] : []));
    const list: ListMap = (inputs) => {
      const value = this.#map(argumentsOf(args, inputs));
      checkValue(value);
      return inOrderOf(args[0]!, value);
    };
    const found =
      this.#derivatives.find(heap, key) ??
      this.#remembered(this.#derivatives, at, (use) =>
        tracedDerivative(heap, list, given, { x: x.length, rest }, use),
      );
    if (found === undefined) return undefined;
    return flatMapOn(found, {
      inputs: given,
      x: Object.fromEntries(namesOf(args[0]!).map((name, i) => [name, x[i]!])),
      rest: rest.map((i) => given[i]!.shape),
    });
  }

  /** Traces a map, and remembers its programs, or that it has none. */
  #remembered(
    remembered: Remembered<MapRecipe>,
    at: MapPlace,
    trace: (use: UseOf<Known>) => Known | undefined,
  ): Known | undefined {
    const found = trace((recipe, outside) => kept(remembered, at, recipe, outside));
    if (found === undefined) this.#refused.add(at.key);
    return found;
  }

  free(): void {
    this.#values.free();
    this.#derivatives.free();
    this.#refused.clear();
    this.#like.clear();
  }
}

/** Where the programs of a map are looked for, and what they are given. */
interface MapPlace {
  heap: Heap;
  key: string;
  given: readonly tf.Tensor[];
}

/** Programs that are remembered. */
interface Known {
  heap: Heap;
  recipe: MapRecipe;
  captured: Captured;
}

type UseOf<T> = (recipe: MapRecipe, outside: readonly tf.Tensor[]) => T;

function kept(
  remembered: Remembered<MapRecipe>,
  { heap, key }: MapPlace,
  recipe: MapRecipe,
  outside: readonly tf.Tensor[],
): Known {
  remembered.keep(heap, key, recipe, outside);
  // Nobody else remembers it.
  recipe.drop();
  return remembered.find(heap, key)!;
}

/** A value by its names and shapes; a single tensor has no names. */
interface Like {
  names: readonly string[] | undefined;
}

const likeOf = (value: MapValue): Like => ({
  names: value instanceof tf.Tensor ? undefined : Object.keys(value),
});

function refilled({ names }: Like, values: readonly tf.Tensor[]): MapValue {
  return names === undefined
    ? values[0]!
    : Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

const namesOf = (value: MapValue): string[] =>
  value instanceof tf.Tensor ? ['value'] : Object.keys(value);

const tensorsOf = (args: readonly MapValue[]): tf.Tensor[] =>
  args.flatMap((value) => (value instanceof tf.Tensor ? [value] : Object.values(value)));

/** The tensors of a value in the order of another one; none where their names differ. */
function inOrderOf(like: MapValue, value: MapValue): tf.Tensor[] {
  if (value instanceof tf.Tensor) return like instanceof tf.Tensor ? [value] : [];
  if (like instanceof tf.Tensor) return [];
  const names = Object.keys(like);
  const isLike = names.length === Object.keys(value).length && names.every((name) => name in value);
  return isLike ? names.map((name) => value[name]!) : [];
}

/** Other tensors in the places of the arguments. */
function argumentsOf(args: readonly MapValue[], inputs: readonly tf.Tensor[]): MapValue[] {
  let at = 0;
  return args.map((value) => {
    if (value instanceof tf.Tensor) return inputs[at++]!;
    return Object.fromEntries(Object.keys(value).map((name) => [name, inputs[at++]!]));
  });
}

/** Live tensors with entries: of anything else the map says itself what is wrong. */
const isPlain = (value: unknown): value is MapValue =>
  value instanceof tf.Tensor
    ? !isGone(value) && value.size > 0 && value.dtype !== 'string' && value.dtype !== 'complex64'
    : value !== null &&
      typeof value === 'object' &&
      !Array.isArray(value) &&
      Object.values(value).length > 0 &&
      Object.values(value).every((each) => each instanceof tf.Tensor && isPlain(each));

const keyOf = (args: readonly MapValue[]): string =>
  args
    .map((value) =>
      value instanceof tf.Tensor
        ? wordOf(value)
        : `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}:${wordOf(each)}`)}}`,
    )
    .join();

const wordOf = ({ dtype, shape }: tf.Tensor) => `${dtype}[${shape}]`;

function checkValue(value: MapValue): void {
  const what = 'the value of a compiled map';
  if (Array.isArray(value)) {
    throw new InputError({
      given: `a list as ${what}`,
      expected: 'a tensor, or a record of named tensors',
      remedy: 'Give each a name: { x, y }.',
    });
  }
  checkTensors(value instanceof tf.Tensor ? { value } : value, what);
}
