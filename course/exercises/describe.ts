/** A tensor, as far as reading one goes. */
interface ReadableTensor {
  shape: number[];
  data(): Promise<ArrayLike<number>>;
}

/** What a value is, as a phrase: `'a list of 3 numbers'`. Never throws. */
export function describe(value: unknown): string {
  try {
    if (value === undefined) return 'nothing (undefined)';
    if (value === null) return 'null';
    if (typeof value === 'function') return 'a function';
    if (typeof value !== 'object') return `the ${typeof value} ${String(value).slice(0, 60)}`;
    if (isTensor(value)) return describeShape(value.shape);
    if (isTypedArray(value)) return describeShape([value.length]);
    if (Array.isArray(value)) {
      const isNumbers = value.length < 1e6 && value.every((member) => typeof member === 'number');
      return isNumbers ? describeShape([value.length]) : `a list of ${value.length} things`;
    }
    if (typeof Reflect.get(value, 'then') === 'function') return 'a promise';
    const keys = Object.keys(value);
    const name = Object.getPrototypeOf(value)?.constructor?.name;
    const kind = name && name !== 'Object' ? `an object of class ${name}` : 'a record';
    return keys.length > 0 ? `${kind} with ${keys.slice(0, 5).join(', ')}` : `${kind}, empty`;
  } catch {
    return 'something that cannot be looked at';
  }
}

/** `'a number'`, `'3 numbers'`, `'a 3 × 5 matrix'`. */
export function describeShape(shape: readonly number[]): string {
  if (shape.length === 0) return 'a number';
  if (shape.length === 1) return shape[0] === 1 ? 'a list of 1 number' : `${shape[0]} numbers`;
  return `numbers in the shape ${shape.join(' × ')}`;
}

export function isTensor(value: object): value is object & ReadableTensor {
  return 'dataId' in value && 'shape' in value && 'data' in value;
}

export function isTypedArray(value: object): value is Float64Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
