import { get, set } from '../kernels/assembly';
import * as code from './functions';

/** What is computed for each entry: of inputs by their number, and numbers. */
export type Expression =
  | { kind: 'input'; index: number }
  | { kind: 'number'; value: number }
  | { kind: 'apply'; name: FunctionName; of: readonly Expression[] };

const { four, choose, bitsAnd } = code;
/** 1 where a comparison holds, else 0. */
const asNumber = (comparison: number[]) => [...comparison, ...four(1), ...bitsAnd];

type Emit = (arguments_: number[], local: () => number) => number[];

const plain =
  (operation: number[]): Emit =>
  (of) => [...of.flatMap(get), ...operation];
const unary =
  (f: code.Fours): Emit =>
  ([x], local) =>
    f(x!, local);

/** Each leaves its result on the stack, from arguments in locals. */
const functions = {
  add: plain(code.plus),
  subtract: plain(code.minus),
  multiply: plain(code.times),
  divide: plain(code.over),
  minimum: plain(code.least),
  maximum: plain(code.most),
  absolute: plain(code.absolute),
  negate: plain(code.negated),
  root: plain(code.root),
  equal: plain(asNumber(code.areEqual)),
  differ: plain(asNumber(code.differ)),
  less: plain(asNumber(code.areLess)),
  greater: plain(asNumber(code.areGreater)),
  atMost: plain(asNumber(code.areAtMost)),
  atLeast: plain(asNumber(code.areAtLeast)),
  exponential: unary(code.exponential),
  logarithm: unary(code.logarithm),
  softplus: unary(code.softplus),
  sigmoid: unary(code.sigmoid),
  tanh: unary(code.hyperbolicTangent),
  /** The second where the first is not 0, else the third. */
  choose: (([mask, then, otherwise]) => [
    ...[...get(then!), ...get(otherwise!)],
    ...[...get(mask!), ...four(0), ...code.differ, ...choose],
  ]) as Emit,
} satisfies Record<string, Emit>;

export type FunctionName = keyof typeof functions;

export const number = (value: number): Expression => ({ kind: 'number', value });

export const apply = (name: FunctionName, ...of: Expression[]): Expression => ({
  kind: 'apply',
  name,
  of,
});

/** Code that leaves the value of an expression on the stack; what is used twice is computed once. */
export function emitted(
  expression: Expression,
  load: (index: number) => number[],
  local: () => number,
): number[] {
  const results = new Map<Expression, number>();
  const before: number[] = [];
  const at = (each: Expression): number => {
    const known = results.get(each);
    if (known !== undefined) return known;
    const code = codeOf(each);
    const result = local();
    results.set(each, result);
    before.push(...code, ...set(result));
    return result;
  };
  const codeOf = (each: Expression): number[] => {
    if (each.kind === 'number') return four(each.value);
    if (each.kind === 'input') return load(each.index);
    return functions[each.name](each.of.map(at), local);
  };
  const last = codeOf(expression);
  return [...before, ...last];
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
