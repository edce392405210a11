import { concat } from '../kernels';
import type { Instruction } from '../program';
import type { Tape } from '../tape';
import { Cut, Join } from './rows';
import { Sum } from './sum';
import { type Constant, Multiple, Product, type Term } from './terms';

/** Gives out slots that are not used yet. */
export type NewSlot = () => number;

/**
 * Matrix products that are added up, as one product of matrices that stand below each other.
 *
 * Σₜ cₜᵀ xₜ = cᵀ x, with the constants stacked once and for all: so the gradient for a weight that
 * is used at each step of a recurrence.
 */
export function stackedSums(
  instructions: readonly Instruction[],
  newSlot: NewSlot,
  tape: Tape,
): Instruction[] {
  return instructions.flatMap((instruction) => {
    if (!(instruction instanceof Sum)) return [instruction];
    const joins: Join[] = [];
    const terms = grouped(instruction.terms, addsOverRows).flatMap((group) => {
      if (group.length === 1) return group;
      const products = group as Product[];
      const { layout } = products[0]!;
      const axis = (layout.side === 'left') === layout.constantTransposed ? 1 : 0;
      const constants = products.map(({ constant }) => constant);
      const joined = newSlot();
      const slots = products.map(({ slot }) => slot);
      joins.push(new Join(slots, joined, sizesOf(constants, axis)));
      return new Product(joined, layout, stack(constants, axis, tape), tape);
    });
    return [...joins, new Sum(instruction.slot, terms)];
  });
}

/** Products whose sum is over the rows of x; those of the same layout can be added up in one. */
function addsOverRows(term: Term): string | undefined {
  if (!(term instanceof Product)) return undefined;
  const { side, transposed, constantTransposed } = term.layout;
  return (side === 'left') === transposed ? `${side} ${constantTransposed}` : undefined;
}

/**
 * Matrix products that multiply the same matrix from the left, as one with the others stacked.
 *
 * yₜ = cₜ x for all t is y = c x, cut into rows: so what a change of a weight does at each step of a
 * recurrence. Only what the steps hand on to each other is left to be multiplied step by step.
 */
export function stackedProducts(
  instructions: readonly Instruction[],
  newSlot: NewSlot,
  tape: Tape,
): Instruction[] {
  const terms = instructions.flatMap((each) => (each instanceof Sum ? each.terms : []));
  /** What stands for a product, and what computes it. */
  const replacements = new Map<Term, Term>();
  const preparations = new Map<Term, Instruction[]>();
  for (const group of grouped(terms, keepsRows)) {
    if (group.length === 1) continue;
    const products = group as Product[];
    const [first] = products as [Product];
    const axis = first.layout.constantTransposed ? 1 : 0;
    const constants = products.map(({ constant }) => constant);
    const [whole, parts] = [newSlot(), products.map(newSlot)];
    const product = new Product(first.slot, first.layout, stack(constants, axis, tape), tape);
    const cut = new Cut(whole, parts, sizesOf(constants, axis));
    preparations.set(first, [new Sum(whole, [product]), cut]);
    products.forEach((each, i) => {
      replacements.set(each, new Multiple(parts[i]!, 1, tape));
    });
  }
  return instructions.flatMap((instruction) => {
    if (!(instruction instanceof Sum)) return [instruction];
    return [
      ...instruction.terms.flatMap((term) => preparations.get(term) ?? []),
      new Sum(
        instruction.slot,
        instruction.terms.map((term) => replacements.get(term) ?? term),
      ),
    ];
  });
}

/** Products whose rows are those of the constant; those of one matrix can be cut out of one. */
function keepsRows(term: Term): string | undefined {
  if (!(term instanceof Product) || term.layout.side === 'left') return undefined;
  const { transposed, constantTransposed } = term.layout;
  return `${term.slot} ${transposed} ${constantTransposed}`;
}

/** Terms of one key together, and each that has none by itself. */
function grouped(terms: readonly Term[], keyOf: (term: Term) => string | undefined): Term[][] {
  const groups = new Map<unknown, Term[]>();
  for (const term of terms) {
    const key = keyOf(term) ?? term;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [term]);
    else group.push(term);
  }
  return [...groups.values()];
}

const sizesOf = (constants: readonly Constant[], axis: number) =>
  constants.map(({ shape }) => shape[axis]!);

function stack(constants: readonly Constant[], axis: number, tape: Tape): Constant {
  const kept = tape.constants(() => [
    concat(
      constants.map(({ value }) => value()),
      axis,
    ),
  ]);
  const shape = [...constants[0]!.shape];
  shape[axis] = sizesOf(constants, axis).reduce((a, b) => a + b, 0);
  return { shape, value: () => kept()[0]! };
}
