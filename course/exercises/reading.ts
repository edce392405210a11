import * as tf from '@tensorflow/tfjs';
import { describe, isTensor, isTypedArray } from './describe';

/** A piece of a result: numbers with their shape, a word, or something that is neither. */
export interface Part {
  /** Where it is in the result: `''` for the whole, `'.w'`, `'[2].loss'`. */
  path: string;
  kind: 'numbers' | 'word' | 'other';
  /** Of numbers; `[]` for a single one. */
  shape: readonly number[];
  numbers: Float64Array;
  /** The word itself, or what the other thing is, as a phrase. */
  word: string;
}

const MOST_NUMBERS = 5e6;
const DEEPEST = 6;

/**
 * The pieces of whatever a function gave back: numbers, typed and plain arrays, matrices as arrays
 * of arrays, tensors, booleans, strings, and records or lists of these.
 *
 * @throws whatever reading an object throws: it may be a proxy, or a tensor disposed of
 * @throws RangeError if there are more numbers than any exercise needs
 */
export async function partsOf(value: unknown): Promise<Part[]> {
  const budget = { left: MOST_NUMBERS };
  return read(value, '', budget, 0);
}

async function read(
  value: unknown,
  path: string,
  budget: { left: number },
  depth: number,
): Promise<Part[]> {
  if (typeof value === 'number') return [numbersPart(path, [], Float64Array.of(value))];
  if (typeof value === 'string' || typeof value === 'boolean') return [wordPart(path, value)];
  if (value === null || typeof value !== 'object' || depth > DEEPEST) {
    return [otherPart(path, value)];
  }
  if (isTensor(value)) {
    const shape = [...value.shape];
    spend(budget, size(shape));
    return [numbersPart(path, shape, Float64Array.from(await value.data()))];
  }
  if (isTypedArray(value)) {
    spend(budget, value.length);
    return [numbersPart(path, [value.length], Float64Array.from(value, Number))];
  }
  if (Array.isArray(value)) return readList(value, path, budget, depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype.constructor?.name !== 'Object') {
    return [otherPart(path, value)];
  }
  const parts: Part[] = [];
  for (const [key, member] of Object.entries(value)) {
    parts.push(...(await read(member, `${path}.${key}`, budget, depth + 1)));
  }
  return parts.length > 0 ? parts : [otherPart(path, value)];
}

async function readList(
  list: unknown[],
  path: string,
  budget: { left: number },
  depth: number,
): Promise<Part[]> {
  spend(budget, list.length);
  if (list.every((member) => typeof member === 'number')) {
    return [numbersPart(path, [list.length], Float64Array.from(list))];
  }
  const members: Part[][] = [];
  for (const [i, member] of list.entries()) {
    members.push(await read(member, `${path}[${i}]`, budget, depth + 1));
  }
  const [first] = members[0] ?? [];
  const isRegular = members.every(
    ([part, ...rest]) =>
      rest.length === 0 &&
      part?.kind === 'numbers' &&
      part.shape.length > 0 &&
      sameShape(part.shape, first!.shape),
  );
  if (!isRegular) return members.flat();
  const stacked = new Float64Array(list.length * size(first!.shape));
  for (const [i, [part]] of members.entries()) stacked.set(part!.numbers, i * size(first!.shape));
  return [numbersPart(path, [list.length, ...first!.shape], stacked)];
}

/**
 * What was read, in the types of `template`, whose form it must have: a `number[]` becomes the
 * `Float64Array` that is there, a plain number the tensor.
 */
export function inTypesOf(template: unknown, parts: readonly Part[], path = ''): unknown {
  const part = parts.find((one) => one.path === path);
  if (typeof template === 'number') return part!.numbers[0];
  if (typeof template === 'boolean') return part!.word === 'true';
  if (typeof template !== 'object' || template === null) return part?.word;
  if (isTensor(template)) return tf.tensor(Float32Array.from(part!.numbers), [...part!.shape]);
  if (isTypedArray(template)) {
    const Kind = template.constructor as typeof template.constructor & {
      from(values: Float64Array): unknown;
    };
    return Kind.from(part!.numbers);
  }
  if (Array.isArray(template)) {
    return part
      ? unstacked(part.numbers, part.shape, template)
      : template.map((member, i) => inTypesOf(member, parts, `${path}[${i}]`));
  }
  const members = Object.entries(template).map(([key, member]) => [
    key,
    inTypesOf(member, parts, `${path}.${key}`),
  ]);
  return Object.fromEntries(members);
}

function unstacked(numbers: Float64Array, shape: readonly number[], template: unknown[]): unknown {
  const [length, ...inner] = shape;
  if (inner.length === 0) return [...numbers];
  const stride = size(inner);
  return Array.from({ length: length! }, (_, i) => {
    const part = { numbers: numbers.slice(i * stride, (i + 1) * stride), shape: inner };
    return inTypesOf(template[i], [{ path: '', kind: 'numbers', word: '', ...part }]);
  });
}

export const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((length, i) => length === b[i]);

const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

function spend(budget: { left: number }, count: number) {
  budget.left -= count;
  if (!(budget.left >= 0))
    throw new RangeError('far more numbers were returned than the exercise needs');
}

const NONE = new Float64Array(0);

const numbersPart = (path: string, shape: number[], numbers: Float64Array): Part => ({
  path,
  kind: 'numbers',
  shape,
  numbers,
  word: '',
});

const wordPart = (path: string, value: string | boolean): Part => ({
  path,
  kind: 'word',
  shape: [],
  numbers: NONE,
  word: String(value),
});

const otherPart = (path: string, value: unknown): Part => ({
  path,
  kind: 'other',
  shape: [],
  numbers: NONE,
  word: describe(value),
});
