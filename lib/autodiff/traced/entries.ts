import type { FunctionName } from '../../backends/wasm/fused/expression';
import { type Entries, type Operation, sizeOf, type Value, type View } from './value';

export const entryOf = (view: View): Entries =>
  view.value.uniform !== undefined
    ? { kind: 'number', value: view.value.uniform }
    : { kind: 'view', view };

export function computed(by: Operation, of: readonly View[], size: number): Value {
  return { size, by, of, late: of.some(({ value }) => value.late) };
}

/** A function of entries, simplified; a view where it is one already. */
export function entriesView(whole: Entries, shape: readonly number[]): View {
  const entries = simplified(whole);
  const size = sizeOf(shape);
  if (entries.kind === 'number') {
    return { value: { size, uniform: entries.value, late: false }, shape };
  }
  if (entries.kind === 'view' && entries.view.value.size === size) {
    return { value: entries.view.value, shape };
  }
  return { value: computed({ kind: 'entries', entries, shape }, viewsIn(entries), size), shape };
}

/** The views in a function of entries, after those that were found before. */
export function viewsIn(entries: Entries, found: View[] = []): View[] {
  if (entries.kind === 'view') found.push(entries.view);
  else if (entries.kind === 'apply') for (const each of entries.of) viewsIn(each, found);
  return found;
}

/** Without multiplications by 1 and additions of 0. */
function simplified(entries: Entries): Entries {
  if (entries.kind !== 'apply') return entries;
  const of = entries.of.map(simplified);
  const [a, b] = of;
  const is = (x: Entries | undefined, value: number) => x?.kind === 'number' && x.value === value;
  if (a?.kind === 'number' && (b === undefined || b.kind === 'number') && of.length < 3) {
    const value = evaluated(entries.name, a.value, b?.value);
    if (value !== undefined) return { kind: 'number', value };
  }
  if (entries.name === 'multiply' && is(a, 1)) return b!;
  if (entries.name === 'multiply' && is(b, 1)) return a!;
  if (entries.name === 'divide' && is(b, 1)) return a!;
  if (entries.name === 'add' && is(a, 0)) return b!;
  if ((entries.name === 'add' || entries.name === 'subtract') && is(b, 0)) return a!;
  return { ...entries, of };
}

/** Of numbers, as float32 has them; undefined where that is left to the loop. */
function evaluated(name: string, a: number, b?: number): number | undefined {
  const results: Record<string, number> =
    b === undefined
      ? { negate: -a, absolute: Math.abs(a), root: Math.sqrt(a) }
      : { add: a + b, subtract: a - b, multiply: a * b, divide: a / b };
  const value = results[name];
  return value === undefined ? undefined : Math.fround(value);
}

export const f = (name: FunctionName, ...of: Entries[]): Entries => ({
  kind: 'apply',
  name,
  of,
});

export const times = (a: View, b: View) =>
  entriesView(f('multiply', entryOf(a), entryOf(b)), a.shape);

export const negative = (a: View) => entriesView(f('negate', entryOf(a)), a.shape);
