import { InputError } from '../errors';
import { checkNoMore } from '../options';
import { float64 } from './float64';
import type { Space } from './space';
import { type NamedTensors, tensors } from './tensors';

/** A vector that solvers and methods work on. */
export type Vector = Float64Array | NamedTensors;

/**
 * The space a vector belongs to.
 *
 * An algorithm sees its scalars as `unknown`: it may only hand them back to the space.
 *
 * @throws InputError for anything that is neither a `Float64Array` nor a record of tensors.
 */
export function spaceOf<V extends Vector>(x: V): Space<V, unknown>;
export function spaceOf(x: Vector): typeof float64 | typeof tensors {
  checkNoMore('spaceOf', arguments, 1);
  return foundSpace(x);
}

/**
 * The space of an argument, which an error names.
 *
 * @param what the argument in words: `'the start of powerIteration'`
 * @throws InputError as `spaceOf`.
 */
export function spaceFor<V extends Vector>(x: V, what: string): Space<V, unknown>;
export function spaceFor(x: Vector, what: string): typeof float64 | typeof tensors {
  return foundSpace(x, what);
}

function foundSpace(x: Vector, what?: string): typeof float64 | typeof tensors {
  if (x instanceof Float64Array) return float64;
  if (isNamedTensors(x)) return tensors;
  throw new InputError({
    given: what === undefined ? describe(x) : `${describe(x)} as ${what}`,
    expected: 'a Float64Array or a record of named tensors',
    remedy:
      'Wrap a single tensor as { x: tensor }, plain numbers as Float64Array.from(numbers), a number ' +
      'among tensors as tf.scalar(number).',
  });
}

function isNamedTensors(x: unknown): x is NamedTensors {
  if (x === null || typeof x !== 'object' || Array.isArray(x) || ArrayBuffer.isView(x))
    return false;
  const values: unknown[] = Object.values(x);
  return values.length > 0 && values.every((value) => isTensor(value) && !isText(value));
}

function isTensor(value: unknown): boolean {
  return value !== null && typeof value === 'object' && 'dataId' in value && 'shape' in value;
}

const isText = (value: unknown) => (value as { dtype?: unknown }).dtype === 'string';

function describe(x: unknown): string {
  if (x === null || typeof x !== 'object') return String(x);
  if (isTensor(x)) return 'a single tensor';
  const odd = Object.entries(x).find(([, value]) => !isTensor(value) || isText(value));
  if (odd !== undefined && x.constructor === Object)
    return `a record whose '${odd[0]}' is ${kindOf(odd[1])}`;
  return x.constructor?.name ?? 'an object without a prototype';
}

const kindOf = (value: unknown) =>
  typeof value === 'number'
    ? `the number ${value}`
    : isTensor(value)
      ? 'a tensor of strings'
      : 'not a tensor';
