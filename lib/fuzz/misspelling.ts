import * as tf from '@tensorflow/tfjs';
import * as il from '..';
import type { Recipe } from './every-function';
import { release } from './harness';

/** The way to a record inside some arguments. */
export type Path = readonly (string | number)[];
type Parts = Record<string | number, unknown>;

/** What the library has made shows no functions, since they are not listed. */
const isOurs = (x: object) => Object.getOwnPropertyNames(x).length > Object.keys(x).length;
const isRecord = (x: unknown): x is Parts =>
  typeof x === 'object' &&
  x !== null &&
  Object.getPrototypeOf(x) === Object.prototype &&
  !isOurs(x) &&
  !(Object.keys(x).length > 0 && Object.values(x).every((part) => part instanceof tf.Tensor));

/** Where there are records in x. */
function records(x: unknown, path: Path = []): Path[] {
  const inside = (parts: object) =>
    Object.entries(parts).flatMap(([name, part]) => records(part, [...path, name]));
  if (Array.isArray(x)) return inside(x);
  return isRecord(x) ? [path, ...inside(x)] : [];
}

/** The arguments with one record changed. */
function changed(x: unknown, [name, ...rest]: Path, change: (x: Parts) => Parts): unknown {
  if (name === undefined) return change(x as Parts);
  const copy = (Array.isArray(x) ? [...x] : { ...(x as Parts) }) as Parts;
  copy[name] = changed(copy[name], rest, change);
  return copy;
}

const swapped = (name: string) =>
  name.length > 1 && name.at(-1) !== name.at(-2)
    ? `${name.slice(0, -2)}${name.at(-1)}${name.at(-2)}`
    : `${name}s`;
const nearMisses = (name: string) => [
  swapped(name),
  name.slice(0, -1) || `${name}${name}`,
  name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase(),
];

const two = (): [tf.Tensor1D, tf.Tensor1D] => [tf.tensor1d([1, 2]), tf.tensor1d([0, 1])];

/** Whether an error says that there is no such option. */
const refuses = (error: unknown, name: string) =>
  error instanceof il.InputError && error.message.includes(`the option '${name}' of`);

/**
 * The options, by the records of right arguments, that a call takes without a word though it has none of
 * that name: one made up, and each known one with a slip.
 *
 * @param isOpen records that may have any parts
 * @throws what the call throws with its right arguments
 */
export async function ignoredOptions(
  call: (args: unknown[]) => unknown,
  recipe: Recipe,
  isOpen: (path: Path) => boolean,
): Promise<string[]> {
  release(await call(recipe(...two())));
  const errorWith = async (path: Path, change: (x: Parts) => Parts): Promise<unknown> => {
    try {
      release(await call(changed(recipe(...two()), path, change) as unknown[]));
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const ignored: string[] = [];
  for (const path of records(recipe(...two())).filter((path) => !isOpen(path))) {
    const error = await errorWith(path, (x) => ({ ...x, misspelt: 1 }));
    if (!refuses(error, 'misspelt')) ignored.push(`${path.join(' ')}: misspelt: ${error}`);
    const list = /options among ([\w, λ]+),/.exec(String(error))?.[1] ?? '';
    const known = list.split(', ').filter(Boolean);
    for (const option of known) {
      for (const near of nearMisses(option).filter((near) => !known.includes(near))) {
        const missed = await errorWith(path, ({ [option]: value, ...x }) => ({
          ...x,
          [near]: value ?? 1,
        }));
        // One that is required may be missed first.
        const isRequired = !refuses(missed, near) && missed instanceof il.ImplicitLabError;
        if (!refuses(missed, near) && !isRequired) ignored.push(`${path.join(' ')}: ${near}`);
      }
    }
  }
  return ignored;
}
