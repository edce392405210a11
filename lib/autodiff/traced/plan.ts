import { type Expression, number } from '../../backends/wasm/fused/expression';
import type { Into, Pattern } from '../../backends/wasm/fused/loop';
import { type Pausing, stepByStep } from '../../event-loop';
import { computed } from './entries';
import { fitOf } from './fit';
import { copyStep, type Operand, operandsOf, type Step } from './steps';
import { type Entries, NotLowered, type Operation, type Value, type View } from './value';

/** What computes some values, in order: first what no tangent decides, then the rest. */
export interface Plan {
  early: Step[];
  late: Step[];
  /** For each output where it is computed; copied to where it is handed out unless `own`. */
  outputs: { value: Value; own: boolean }[];
}

/** What was planned for lists of outputs: a recipe asks for a plan, and so does the program of it. */
const plans = new WeakMap<readonly View[], Plan>();

/**
 * The steps that lead to some outputs, and nothing else, entry by entry in as few loops as will do; to be
 * left for a while between them.
 *
 * @throws NotLowered where an operation has no step.
 */
export function* planned(views: readonly View[]): Pausing<Plan> {
  const known = plans.get(views);
  if (known !== undefined) return known;
  const plan = yield* planOf(views);
  plans.set(views, plan);
  return plan;
}

function* planOf(views: readonly View[]): Pausing<Plan> {
  const outputs = views.map(handedOut);
  const order = liveIn(outputs);
  yield;
  const uses = usesOf(order, outputs);
  const wanted = new Set(outputs.map(({ value }) => value));
  const steps: Step[] = [];
  yield* stepByStep(order.length, (i) => {
    const value = order[order.length - 1 - i]!;
    if (!wanted.has(value)) return;
    for (const step of stepsOf(value, uses)) {
      for (const { value } of operandsOf(step)) wanted.add(value);
      steps.push(step);
    }
  });
  steps.reverse();
  const own = new Set<Value>();
  return {
    early: steps.filter(({ out }) => !out.late),
    late: steps.filter(({ out }) => out.late),
    outputs: outputs.map(({ value }) => {
      const isFirst = value.by !== undefined && !own.has(value);
      own.add(value);
      return { value, own: isFirst };
    }),
  };
}

/** A part of a value is handed out as a copy. */
function handedOut(view: View): View {
  const { value, shape } = view;
  if (value.by?.kind !== 'part') return view;
  return {
    value: computed(
      { kind: 'entries', entries: { kind: 'view', view }, shape },
      [view],
      value.size,
    ),
    shape,
  };
}

/** Where a value is: a part of another one, or of a part of it, has no memory of its own. */
function operandOf(value: Value): Operand {
  let [of, from] = [value, 0];
  for (let { by } = of; by?.kind === 'part'; by = of.by) {
    from += by.from;
    of = by.of.value;
  }
  return { value: of, from };
}

/** The values that are computed on the way to the outputs, each after what it is computed from. */
function liveIn(outputs: readonly View[]): Value[] {
  const seen = new Set<Value>();
  const order: Value[] = [];
  // Without recursion: a recurrence of thousands of steps is as deep.
  const stack: { value: Value; done: boolean }[] = outputs
    .map(({ value }) => ({ value, done: false }))
    .reverse();
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { value, done } = top;
    if (done) {
      order.push(value);
      continue;
    }
    if (seen.has(value)) continue;
    seen.add(value);
    if (value.failed !== undefined) throw new NotLowered(value.failed);
    if (value.by === undefined) continue;
    stack.push({ value, done: true });
    for (const { value: input } of value.of ?? NONE) stack.push({ value: input, done: false });
  }
  return order;
}

const NONE: readonly View[] = [];

function usesOf(order: readonly Value[], outputs: readonly View[]): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value, count: number) => uses.set(value, (uses.get(value) ?? 0) + count);
  for (const { value } of outputs) use(value, 2);
  for (const { of = NONE } of order) {
    of.forEach(({ value }, i) => {
      if (of.findIndex((each) => each.value === value) === i) use(value, 1);
    });
  }
  return uses;
}

type Uses = ReadonlyMap<Value, number>;

/** The steps that compute a value, in any order. */
function stepsOf(out: Value, uses: Uses): Step[] {
  const by = out.by!;
  if (by.kind !== 'joined') return [stepOf(out, by, uses)];
  let from = 0;
  return by.of.map(({ value }) => {
    const step = copyStep(value.uniform === undefined ? operandOf(value) : value.uniform, out, {
      from,
      size: value.size,
    });
    from += value.size;
    return step;
  });
}

/** What one step computes; a part has none. */
type Computation = Exclude<Operation, { kind: 'joined' }>;

function stepOf(out: Value, by: Computation, uses: Uses): Step {
  if (by.kind === 'part') throw new NotLowered('a part of a value as a step');
  if (by.kind === 'product') {
    const { a, b, ...sizes } = by;
    return { ...sizes, out, a: materialized(a.value), b: materialized(b.value) };
  }
  if (by.kind === 'transpose') return { ...by, out, of: materialized(by.of.value) };
  if (by.kind === 'kernel') {
    return { ...by, out, of: by.of.map(({ value }) => materialized(value)) };
  }
  if (by.kind === 'entries') {
    const inner = new Loop(out, uses);
    const expression = inner.expression(by.entries, by.shape);
    return inner.step(expression, 'places', out.size);
  }
  const loop = new Loop(out, uses, by.how === 'sum' ? undefined : by.columns);
  const entries: Entries =
    by.of.value.uniform === undefined
      ? { kind: 'view', view: by.of }
      : { kind: 'number', value: by.of.value.uniform };
  return loop.step(loop.expression(entries, by.of.shape), by.how, by.rows * by.columns);
}

const written = new WeakMap<Value, Value>();

/** Where a value is; one of a repeated number is written out. */
function materialized(value: Value): Operand {
  if (value.uniform === undefined) return operandOf(value);
  const { size, uniform } = value;
  const constant = new Float32Array(size).fill(uniform);
  const stored = written.get(value) ?? { size, late: false, constant };
  written.set(value, stored);
  return { value: stored, from: 0 };
}

/** One loop as it is put together: its inputs so far, and how long its rows are if that matters. */
class Loop {
  readonly #inputs: Operand[] = [];
  readonly #patterns: Pattern[] = [];
  /** What was put in for a value: it may be read more than once, by one and the same reader. */
  readonly #put: { value: Value; expression: Expression }[] = [];
  readonly #out: Value;
  readonly #uses: Uses;
  #columns: number | undefined;

  constructor(out: Value, uses: Uses, columns?: number) {
    this.#out = out;
    this.#uses = uses;
    this.#columns = columns;
  }

  /** Entries seen in a shape as an expression of inputs, with values that are read only here put in. */
  expression(entries: Entries, shape: readonly number[]): Expression {
    if (entries.kind === 'number') return number(entries.value);
    if (entries.kind === 'apply') {
      const of: Expression[] = [];
      for (const each of entries.of) {
        const known = entries.of.indexOf(each);
        of.push(of[known] ?? this.expression(each, shape));
      }
      return { kind: 'apply', name: entries.name, of };
    }
    const { value, shape: own } = entries.view;
    const fit = fitOf(own, shape);
    if (fit.pattern === 'place') {
      const inner = this.#inlined(value);
      if (inner !== undefined) return inner;
    }
    if (fit.columns !== undefined && !this.#accepts(fit.columns))
      throw new NotLowered('a broadcast');
    return this.#input(value, fit.pattern);
  }

  step(expression: Expression, into: Into, size: number): Step {
    const columns = this.#columns ?? size;
    return {
      kind: 'loop',
      out: this.#out,
      expression,
      inputs: this.#inputs,
      patterns: this.#patterns,
      into,
      rows: size / columns,
      columns,
    };
  }

  #inlined(value: Value): Expression | undefined {
    const { by } = value;
    const known = this.#put.find((each) => each.value === value);
    if (known !== undefined) return known.expression;
    const isAlone = this.#uses.get(value) === 1 && value.late === this.#out.late;
    if (by?.kind !== 'entries' || !isAlone || this.#inputs.length > MOST_INPUTS) return undefined;
    const before = [this.#inputs.length, this.#columns] as const;
    try {
      const inner = this.expression(by.entries, by.shape);
      this.#put.push({ value, expression: inner });
      return inner;
    } catch (error) {
      if (!(error instanceof NotLowered)) throw error;
      // Its rows are of another length: it gets a loop of its own.
      this.#inputs.length = this.#patterns.length = before[0];
      this.#columns = before[1];
      return undefined;
    }
  }

  #accepts(columns: number): boolean {
    this.#columns ??= columns;
    return this.#columns === columns;
  }

  #input(value: Value, pattern: Pattern): Expression {
    const operand = operandOf(value);
    const known = this.#inputs.findIndex(
      (input, i) =>
        input.value === operand.value &&
        input.from === operand.from &&
        this.#patterns[i] === pattern,
    );
    if (known >= 0) return { kind: 'input', index: known };
    this.#patterns.push(pattern);
    return { kind: 'input', index: this.#inputs.push(operand) - 1 };
  }
}

/** A loop with more has too few registers, and a word that nothing else has. */
const MOST_INPUTS = 12;
