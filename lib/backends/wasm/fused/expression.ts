import type { FunctionBody, InstructionName, Local } from '../assembler';
import * as code from './functions';

/** What is computed for each entry: of inputs by their number, and numbers. */
export type Expression =
  | { kind: 'input'; index: number }
  | { kind: 'number'; value: number }
  | { kind: 'apply'; name: FunctionName; of: readonly Expression[] };

type Write = (f: FunctionBody, of: readonly Local[], local: () => Local) => void;

const plain =
  (...names: readonly InstructionName[]): Write =>
  (f, of) =>
    f.get(...of).do(...names);
/** 1 where a comparison holds, else 0. */
const comparison =
  (name: InstructionName): Write =>
  (f, of) =>
    f
      .get(...of)
      .do(name)
      .f32x4(1)
      .do('v128.and');
const unary =
  (write: code.Fours): Write =>
  (f, [x], local) =>
    write(f, x!, local);

type Bound = 'f32x4.pmin' | 'f32x4.pmax';

/**
 * The lesser or greater of what is in a local and a number: one instruction, which passes a NaN on in
 * the local, where two unknowns take V8 eight of the processor.
 */
const bounded = (f: FunctionBody, x: Local, name: Bound, bound: number): void => {
  f.get(x).f32x4(bound).do(name);
  // Of −0 and 0 the instruction leaves the one in the local, and 0 is the greater.
  if (bound === 0 && name === 'f32x4.pmax') f.f32x4(0).do('f32x4.add');
};

const BOUNDS: Partial<Record<string, Bound>> = { minimum: 'f32x4.pmin', maximum: 'f32x4.pmax' };

/** Whether `bounded` computes an expression, and how. */
function boundOf(each: Expression): { of: Expression; name: Bound; bound: number } | undefined {
  const name = each.kind === 'apply' ? BOUNDS[each.name] : undefined;
  if (each.kind !== 'apply' || name === undefined) return undefined;
  const at = each.of.findIndex(({ kind }) => kind === 'number');
  const [bound, of] = [each.of[at], each.of[1 - at]];
  if (bound?.kind !== 'number' || of === undefined || Number.isNaN(bound.value)) return undefined;
  return Object.is(bound.value, -0) ? undefined : { of, name, bound: bound.value };
}

/** Each leaves its result on the stack, from arguments in locals. */
const functions = {
  add: plain('f32x4.add'),
  subtract: plain('f32x4.sub'),
  multiply: plain('f32x4.mul'),
  divide: plain('f32x4.div'),
  minimum: plain('f32x4.min'),
  maximum: plain('f32x4.max'),
  absolute: plain('f32x4.abs'),
  negate: plain('f32x4.neg'),
  root: plain('f32x4.sqrt'),
  equal: comparison('f32x4.eq'),
  differ: comparison('f32x4.ne'),
  less: comparison('f32x4.lt'),
  greater: comparison('f32x4.gt'),
  atMost: comparison('f32x4.le'),
  atLeast: comparison('f32x4.ge'),
  exponential: unary(code.exponential),
  logarithm: unary(code.logarithm),
  softplus: unary(code.softplus),
  sigmoid: unary(code.sigmoid),
  tanh: unary(code.hyperbolicTangent),
  /** The second where the first is not 0, else the third. */
  choose: (f, [mask, then, otherwise]) =>
    f.get(then!, otherwise!, mask!).f32x4(0).do('f32x4.ne', 'v128.bitselect'),
} satisfies Record<string, Write>;

export type FunctionName = keyof typeof functions;

export const number = (value: number): Expression => ({ kind: 'number', value });

export const apply = (name: FunctionName, ...of: Expression[]): Expression => ({
  kind: 'apply',
  name,
  of,
});

/**
 * Writes what leaves the value of an expression on the stack; what is used twice is computed once.
 *
 * @param load puts an input on the stack
 * @param local a local of four numbers for a result
 */
export function writeExpression(
  f: FunctionBody,
  expression: Expression,
  load: (index: number) => void,
  local: () => Local,
): void {
  const results = new Map<Expression, Local>();
  const resultOf = (each: Expression): Local => {
    const known = results.get(each);
    if (known !== undefined) return known;
    write(each);
    const result = local();
    results.set(each, result);
    f.set(result);
    return result;
  };
  const write = (each: Expression): void => {
    const bound = boundOf(each);
    if (bound !== undefined) bounded(f, resultOf(bound.of), bound.name, bound.bound);
    else if (each.kind === 'number') f.f32x4(each.value);
    else if (each.kind === 'input') load(each.index);
    else functions[each.name](f, each.of.map(resultOf), local);
  };
  write(expression);
}

/** An expression as a word: the same for the same computation. */
export function wordOf(expression: Expression): string {
  const names = new Map<Expression, string>();
  const words: string[] = [];
  const nameOf = (each: Expression): string => {
    if (each.kind === 'input') return `#${each.index}`;
    if (each.kind === 'number') return Object.is(each.value, -0) ? '-0' : String(each.value);
    const known = names.get(each);
    if (known !== undefined) return known;
    const word = `${each.name}(${each.of.map(nameOf).join()})`;
    const name = `$${words.push(word)}`;
    names.set(each, name);
    return name;
  };
  const last = nameOf(expression);
  return `${words.join(';')};${last}`;
}
