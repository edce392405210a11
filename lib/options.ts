import { DisposedError, InputError } from './errors';

/**
 * Checks the names of options, since a misspelt one would be ignored without a word.
 *
 * A `name` that the owner has is allowed, so that the record of what was made can be used again.
 *
 * @throws InputError for anything but a record, and for an option that is not among `known`.
 */
export function checkOptionNames(owner: string, options: object, known: readonly string[]): void {
  checkRecord(options, `the options of ${owner}`, `{ ${known.join(', ')} }`);
  const isOwn =
    'name' in options && typeof options.name === 'string' && owner.includes(options.name);
  const unknown = Object.keys(options).find(
    (name) => !known.includes(name) && !(name === 'name' && isOwn),
  );
  if (unknown === undefined) return;
  throw new InputError({
    given: `the option '${unknown}' of ${owner}`,
    expected: known.length > 0 ? `options among ${known.join(', ')}` : 'no option',
    remedy: 'Look for a spelling mistake.',
  });
}

/**
 * Checks that nothing was passed after the last argument of a function: options one place late, or a
 * setting that another library takes there, would be ignored without a word. What `map` adds, the place
 * and the list, may come.
 *
 * @param given the `arguments` of the call: with a rest parameter, TypeScript would let more of them pass
 * @throws InputError for anything else that is not undefined.
 */
export function checkNoMore(who: string, given: ArrayLike<unknown>, most: number): void {
  if (given.length <= most) return;
  const more = Array.from(given).slice(most);
  const isOfMap = Array.isArray(more.at(-1)) && more.slice(0, -1).every(Number.isInteger);
  const extra = isOfMap ? undefined : more.find((value) => value !== undefined);
  if (extra === undefined) return;
  throw new InputError({
    given: `${phrase(extra)} after the last argument of ${who}`,
    expected: 'nothing there, where it would be ignored',
    remedy: 'See which arguments it has; options go into one record.',
  });
}

/**
 * The handler of a proxy under which an assignment throws: settings are read when a value is made, and
 * one that is assigned later would be ignored without a word.
 *
 * @param owner how the message calls the value
 */
export const refusesAssignments = (
  owner: string,
  remedy = 'Make a new one with the other settings; { ...record } has those of this one.',
): ProxyHandler<object> => ({
  set(target, name, value, receiver) {
    if (typeof name === 'symbol') return Reflect.set(target, name, value, receiver);
    throw new InputError({
      given: `the assignment of ${shown(value)} to '${name}' of ${owner}`,
      expected: 'settings that are given where it is made',
      remedy,
    });
  },
});

/** The names of records that have functions besides. */
const made = new Set<unknown>();

/** The value, frozen; it prints and compares as before. */
export const settled = <T extends { readonly name?: unknown }>(value: T, owner: string): T => {
  made.add(value.name);
  return new Proxy(value, refusesAssignments(owner) as ProxyHandler<T>);
};

/**
 * What to do about a value that lacks its functions: a copy by `{ ...cg() }` has only what `cg()` prints,
 * which are options for another one.
 */
export function remedyOf(value: unknown, otherwise: string): string {
  const name = value !== null && typeof value === 'object' && 'name' in value && value.name;
  if (typeof name !== 'string' || !made.has(name)) return otherwise;
  return `A copy by { ...${name}() } lacks its functions: pass what ${name}() returns; a copy serves as its options.`;
}

/** @throws InputError unless the value is an object, but not an array or a function. */
export function checkRecord(value: unknown, what: string, expected = 'a record'): void {
  const isPromise = value instanceof Promise;
  if (value !== null && typeof value === 'object' && !Array.isArray(value) && !isPromise) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected,
    remedy: isPromise ? 'Await it before.' : 'Pass a plain object, by name.',
  });
}

/** @throws InputError unless the value is a function. */
export function checkFunction(value: unknown, what: string): void {
  if (typeof value === 'function') return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'a function',
    remedy: 'Pass the function itself, not what it returns.',
  });
}

/** @throws InputError unless the value is an object with functions of these names. */
export function checkMethods(value: unknown, what: string, names: readonly string[]): void {
  checkRecord(value, what, `an object with the functions ${names.join(', ')}`);
  const missing = names.find(
    (name) => typeof (value as Record<string, unknown>)[name] !== 'function',
  );
  if (missing === undefined) return;
  throw new InputError({
    given: `${what} without the function '${missing}'`,
    expected: `the functions ${names.join(', ')}`,
    remedy: remedyOf(value, 'See the docstring of its type.'),
  });
}

/** @throws InputError unless the value is a Float64Array. */
export function checkFloat64(value: unknown, what: string): void {
  if (value instanceof Float64Array) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'a Float64Array',
    remedy: 'Plain numbers become one by Float64Array.from(numbers).',
  });
}

/** A number as it is, anything else in a few words; a disposed tensor cannot be made a text. */
export const shown = (value: unknown): string =>
  typeof value === 'number' ? String(value) : phrase(value);

/** A text in quotes, a number as it is, anything else in a few words. */
export const quoted = (value: unknown): string =>
  typeof value === 'string' ? `'${value.slice(0, 40)}'` : shown(value);

/** The name of a user's own object as it is; what is no text, in a few words. */
export const nameIn = ({ name }: { readonly name: unknown }): string =>
  typeof name === 'string' ? name : phrase(name);

/** Which whole numbers are counts of something. */
export interface CountRule {
  /** Default 1. */
  least?: number;
  /** Default none. */
  most?: number;
  /** Default `'Pass how many there are.'` */
  remedy?: string;
}

/**
 * Checks a count.
 *
 * @param before the words before the number in the message: `'a number of steps of'`, `'steps:'`
 * @throws InputError unless the value is a whole number in the range of the rule.
 */
export function checkCount(
  value: unknown,
  before: string,
  { least = 1, most, remedy = 'Pass how many there are.' }: CountRule = {},
): asserts value is number {
  const isWhole = typeof value === 'number' && Number.isSafeInteger(value);
  if (isWhole && value >= least && (most === undefined || value <= most)) return;
  const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InputError({
    given: `${before} ${shown(value)}`,
    expected: `a whole number ${range}`,
    remedy,
  });
}

/**
 * Checks a choice of two: a text such as 'no' would count as true.
 *
 * @throws InputError unless the value is true, false or undefined.
 */
export function checkFlag(
  value: unknown,
  name: string,
  otherwise: boolean,
): asserts value is boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return;
  throw new InputError({
    given: `${name}: ${shown(value)}`,
    expected: 'true or false',
    remedy: `Leave it out for ${otherwise}.`,
  });
}

/** @throws InputError unless the value is a positive, finite number. */
export function checkPositive(
  value: unknown,
  before: string,
  remedy = 'Check how it was computed.',
): asserts value is number {
  if (typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY) return;
  throw new InputError({
    given: `${before} ${shown(value)}`,
    expected: 'a positive, finite number',
    remedy,
  });
}

/** @throws InputError unless `0 ≤ value < 1`. */
export function checkFraction(
  value: unknown,
  before: string,
  remedy: string,
): asserts value is number {
  if (typeof value === 'number' && value >= 0 && value < 1) return;
  throw new InputError({
    given: `${before} ${shown(value)}`,
    expected: 'a number of at least 0 and below 1',
    remedy,
  });
}

/** @throws InputError unless the value is a list. */
export function checkList(value: unknown, what: string): void {
  if (Array.isArray(value)) return;
  throw new InputError({
    given: `${phrase(value)} as ${what}`,
    expected: 'a list',
    remedy: 'Pass an array.',
  });
}

/** @throws InputError or DisposedError unless the value is a live tensor of numbers. */
export function checkNumericTensor(value: unknown, what: string): void {
  const tensor = value as { dtype?: unknown; isDisposed?: unknown; dataId?: unknown } | null;
  const isTensor = typeof tensor === 'object' && tensor !== null && 'dataId' in tensor;
  if (!isTensor || tensor.dtype === 'string') {
    throw new InputError({
      given: `${isTensor ? 'a tensor of strings' : phrase(value)} as ${what}`,
      expected: 'a tensor of numbers',
      remedy: 'Make one by tf.tensor.',
    });
  }
  if (tensor.isDisposed !== true) return;
  throw new DisposedError({
    given: `${what}, which is disposed`,
    expected: 'a live tensor',
    remedy: 'Dispose it later, or `tf.keep` it where a surrounding tidy freed it.',
  });
}

/** A value in a few words, for messages: `the number 3`, `an array`, `null`. */
export function phrase(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'function') return 'a function';
  if (value instanceof Promise) return 'a promise';
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  const made = Object.getPrototypeOf(value)?.constructor;
  return made === undefined || made === Object || !made.name ? 'a record' : `a ${made.name}`;
}
