import { describeShape } from './describe';
import { type Part, sameShape } from './reading';

/** An entry of a result, with its right value. */
export interface Evidence {
  probe: string;
  /** `'the result'`, `'entry 3'`, `'.w, entry (1, 2)'`. */
  entry: string;
  yours: number | string;
  right: number | string;
}

/**
 * Says how the form of a result differs from the right one, in a sentence; nothing where it does
 * not. Members of a record that were not asked for do not matter.
 */
export function differenceInForm(mine: Part[], right: Part[]): string | undefined {
  const byPath = new Map(mine.map((part) => [part.path, part]));
  for (const wanted of right) {
    const part = byPath.get(wanted.path);
    if (!part) {
      const whole = byPath.get('');
      const given = whole ? formOf(whole) : collectionOf(mine);
      return `The result should be ${collectionOf(right)}, but is ${given}.${whole ? remark(whole) : ''}`;
    }
    if (part.kind !== wanted.kind || !sameShape(part.shape, wanted.shape)) {
      return `${capitalised(nameOf(wanted.path))} should be ${formOf(wanted)}, but is ${formOf(part)}.${remark(part)}`;
    }
  }
  return undefined;
}

/** The first NaN or infinity that should be a number; nothing where there is none. */
export function notFinite(probe: string, mine: Part[], right: Part[]): Evidence | undefined {
  for (const wanted of right) {
    const part = mine.find(({ path }) => path === wanted.path)!;
    const i = part.numbers.findIndex((x, k) => !Number.isFinite(x) && x !== wanted.numbers[k]);
    if (i >= 0) return evidenceAt(probe, part, wanted, i);
  }
  return undefined;
}

/**
 * How far two results are apart, scaled: the largest `‖a − b‖ / max(‖b‖, ‖reference‖)` over their
 * parts; infinite where the forms differ. A part that should be 0 is scaled by the others.
 */
export function distance(a: Part[], b: Part[], reference: Part[]): number {
  if (differenceInForm(a, b) !== undefined) return Number.POSITIVE_INFINITY;
  const whole = norm(reference.map((part) => norm(part.numbers))) || 1;
  let largest = 0;
  for (const part of b) {
    const mine = a.find(({ path }) => path === part.path)!;
    if (mine.word !== part.word) return Number.POSITIVE_INFINITY;
    const wanted = reference.find(({ path }) => path === part.path);
    const scale = Math.max(finiteNorm(part.numbers), wanted ? norm(wanted.numbers) : 0) || whole;
    const apart = norm(part.numbers.map((x, i) => gap(mine.numbers[i]!, x)));
    largest = Math.max(largest, Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart / scale);
  }
  return largest;
}

/** The entry in which two results of the same form differ most. */
export function worstEntry(probe: string, mine: Part[], right: Part[]): Evidence | undefined {
  let worst: Evidence | undefined;
  let size = 0;
  const whole = norm(right.map((part) => norm(part.numbers))) || 1;
  for (const wanted of right) {
    const part = mine.find(({ path }) => path === wanted.path);
    if (!part) continue;
    if (part.kind !== 'numbers') {
      if (part.word === wanted.word) continue;
      return { probe, entry: nameOf(wanted.path), yours: part.word, right: wanted.word };
    }
    const scale = norm(wanted.numbers) || whole;
    for (const [i, x] of wanted.numbers.entries()) {
      const apart = gap(part.numbers[i]!, x) / scale;
      if (!(apart <= size)) {
        size = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
        worst = evidenceAt(probe, part, wanted, i);
      }
    }
  }
  return worst;
}

/**
 * The one factor c ≠ 1 with mine = c · right in some parts on all runs, if there is one; it reveals
 * a forgotten constant.
 */
export function commonFactor(
  runs: readonly { mine: Part[]; right: Part[] }[],
  paths: readonly string[],
): number | undefined {
  const pairs: [mine: number, right: number][] = [];
  for (const { mine, right } of runs) {
    for (const wanted of right.filter(({ path }) => paths.includes(path))) {
      const part = mine.find(({ path }) => path === wanted.path);
      if (!part || wanted.kind !== 'numbers') return undefined;
      for (const [i, x] of wanted.numbers.entries()) pairs.push([part.numbers[i]!, x]);
    }
  }
  if (pairs.length < 3) return undefined;
  const along = pairs.reduce((sum, [a, b]) => sum + a * b, 0);
  const square = pairs.reduce((sum, [, b]) => sum + b * b, 0);
  const factor = along / square;
  const rest = Math.sqrt(pairs.reduce((sum, [a, b]) => sum + (a - factor * b) ** 2, 0));
  const isOther = Number.isFinite(factor) && Math.abs(factor - 1) > 1e-3;
  return isOther && rest < 1e-6 * Math.abs(factor) * Math.sqrt(square) ? factor : undefined;
}

function evidenceAt(probe: string, mine: Part, right: Part, i: number): Evidence {
  const where = right.shape.length === 0 ? '' : `entry ${indexOf(i, right.shape)}`;
  const entry = [right.path.replace(/^\./, ''), where].filter(Boolean).join(', ') || 'the result';
  return { probe, entry, yours: mine.numbers[i]!, right: right.numbers[i]! };
}

/** `'3'` in a list, `'(1, 2)'` in a matrix, counted from 0 as in code. */
function indexOf(flat: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = flat;
  for (const length of [...shape].reverse()) {
    index.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return index.length === 1 ? `[${index[0]}]` : `[${index.join('][')}]`;
}

const nameOf = (path: string) => (path === '' ? 'the result' : path.replace(/^\./, ''));

/** `'a record with value, status'`, `'a list of 3 things'`. */
function collectionOf(parts: readonly Part[]): string {
  const names = [...new Set(parts.map(({ path }) => /^(\.[^.[]+|\[\d+\])/.exec(path)?.[0] ?? ''))];
  if (names.length === 1 && names[0] === '') return formOf(parts[0]!);
  return names[0]!.startsWith('[')
    ? `a list of ${names.length} things`
    : `a record with ${names.map((name) => name.slice(1)).join(', ')}`;
}

const formOf = (part: Part) =>
  part.kind === 'numbers'
    ? describeShape(part.shape)
    : part.kind === 'word'
      ? `"${part.word.slice(0, 60)}"`
      : part.word;

const remark = (part: Part) =>
  part.kind === 'other' && part.word.startsWith('nothing') ? ' Is a `return` missing?' : '';

const capitalised = (words: string) =>
  words.startsWith('the ') ? words[0]!.toUpperCase() + words.slice(1) : words;

/** The difference of two numbers, where equal infinities, and two NaNs, do not differ. */
const gap = (a: number, b: number) => (Object.is(a, b) ? 0 : Math.abs(a - b));

function norm(x: ArrayLike<number>): number {
  let square = 0;
  for (let i = 0; i < x.length; i++) square += x[i]! ** 2;
  return Math.sqrt(square);
}

const finiteNorm = (x: Float64Array) => norm(x.filter(Number.isFinite));
