import { computed, entriesView, entryOf, f } from './entries';
import { sumOver } from './reductions';
import type { Entries, Value, View } from './value';

/** A loss is finite where its bound is less than this: two powers of two are left for rounding. */
export const CERTAINLY_FINITE = 2 ** 126;

/** Factors count so many times: below 2⁶⁰ no product of two of them overflows. */
const WEIGHT = 2 ** 66;

/** As deep as it is looked for what can be bounded; what is deeper is computed as it is. */
const MOST_DEPTH = 64;

/**
 * A number that bounds a loss, and is computed in less time: `|softplus(x)| ≤ |x| + 1`, which takes two
 * instructions instead of sixty, and sums and products of bounds. Steps that need no loss but have to end
 * where it is not finite look at this number instead.
 *
 * What is not bounded counts by its size, so that the number is NaN or ∞ where that is. A bounded factor
 * of a product is added to it: in the product alone, one beyond the range might be hidden by a small one.
 *
 * @returns undefined where nothing takes less time
 */
export function boundOfLoss(loss: View): View | undefined {
  const bounds = new Bounds();
  const whole = bounds.of(loss, 0);
  if (whole === undefined) return undefined;
  const terms = [whole, ...bounds.factors.map(weighted)].map(entryOf);
  return entriesView(
    terms.reduce((a, b) => f('add', a, b)),
    loss.shape,
  );
}

const weighted = (factor: View): View => {
  const total = sumOver(factor, factor.shape, undefined, false, []);
  return entriesView(f('multiply', { kind: 'number', value: WEIGHT }, entryOf(total)), []);
};

/** Functions whose size is at most the sum of the sizes of what they are applied to. */
const SUBADDITIVE: ReadonlySet<string> = new Set(['add', 'subtract', 'negate', 'absolute']);

class Bounds {
  /** Bounds of what is multiplied. */
  readonly factors: View[] = [];
  readonly #known = new Map<Value, Value | undefined>();

  /** A bound of the sizes of what is in a view; undefined where it is as quick to compute itself. */
  of({ value, shape }: View, depth: number): View | undefined {
    if (!this.#known.has(value)) this.#known.set(value, this.#made(value, depth));
    const bound = this.#known.get(value);
    return bound && { value: bound, shape };
  }

  #made({ by, size }: Value, depth: number): Value | undefined {
    if (depth > MOST_DEPTH) return undefined;
    if (by?.kind === 'entries') {
      const entries = this.#entries(by.entries, by.shape, depth);
      return entries && entriesView(entries, by.shape).value;
    }
    if (by?.kind !== 'reduce' || by.how === 'row maxima') return undefined;
    const of = this.of(by.of, depth + 1);
    return of && computed({ ...by, of }, [of], size);
  }

  #entries(entries: Entries, shape: readonly number[], depth: number): Entries | undefined {
    if (entries.kind === 'number') return undefined;
    if (entries.kind === 'view') {
      const bound = this.of(entries.view, depth + 1);
      return bound && entryOf(bound);
    }
    const { name, of } = entries;
    if (name === 'softplus') return f('add', f('absolute', of[0]!), { kind: 'number', value: 1 });
    if (name !== 'multiply' && !SUBADDITIVE.has(name)) return undefined;
    const bounds = of.map((each) => this.#entries(each, shape, depth + 1));
    if (bounds.every((bound) => bound === undefined)) return undefined;
    const sizes = bounds.map((bound, i) => bound ?? f('absolute', of[i]!));
    if (name !== 'multiply') return sizes.reduce((a, b) => f('add', a, b));
    for (const bound of bounds) {
      if (bound?.kind === 'view') this.factors.push(bound.view);
      else if (bound !== undefined) this.factors.push(entriesView(bound, shape));
    }
    return f('multiply', sizes[0]!, sizes[1]!);
  }
}
