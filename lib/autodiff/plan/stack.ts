import * as tf from '@tensorflow/tfjs';
import { concat } from '../kernels';
import type { Instruction } from '../program';
import type { Tape } from '../tape';
import { countReaders, type Ends } from './readers';
import { Cut, Join } from './rows';
import { Sum } from './sum';
import { type Constant, Multiple, Product, type Term } from './terms';

/** Gives out slots that are not used yet. */
export type NewSlot = () => number;

/**
 * Matrix products that multiply the same matrix from the left, as one with the others stacked.
 *
 * yₜ = cₜ x for all t is y = c x, cut into rows: so what a change of a weight does at each step of a
 * recurrence. Only what the steps hand on to each other is left to be multiplied step by step.
 */
export function stackedProducts(
  instructions: readonly Instruction[],
  ends: Ends,
  newSlot: NewSlot,
  tape: Tape,
): readonly Instruction[] {
  const groups = grouped(termsOf(instructions), keepsRows).filter(({ length }) => length > 1);
  return groups.reduce<readonly Instruction[]>((all, group) => {
    const products = group as Product[];
    const cut = cutToJoin(all, products, ends);
    return cut === undefined
      ? withNewCut(all, products, newSlot, tape)
      : withinCut(all, products, cut, newSlot, tape);
  }, instructions);
}

/** Each product becomes a part of a cut of its own. */
function withNewCut(
  instructions: readonly Instruction[],
  products: readonly Product[],
  newSlot: NewSlot,
  tape: Tape,
): Instruction[] {
  const [first] = products as [Product];
  const axis = rowsOf(first);
  const constants = products.map(({ constant }) => constant);
  const whole = newSlot();
  const parts = new Map(products.map((product) => [product as Term, newSlot()]));
  const product = new Product(first.slot, first.layout, stack(constants, axis, tape));
  const cut = new Cut(whole, [...parts.values()], sizesOf(constants, axis));
  return instructions.flatMap((each) => {
    if (!(each instanceof Sum)) return [each];
    const terms = each.terms.map((term) => {
      const part = parts.get(term);
      return part === undefined ? term : new Multiple(part, 1, tape);
    });
    const sum = new Sum(each.slot, terms);
    return each.terms.includes(first) ? [new Sum(whole, [product]), cut, sum] : [sum];
  });
}

/** A cut, and for some products the part that they are added to. */
interface Host {
  cut: Cut;
  parts: ReadonlyMap<Product, number>;
}

/**
 * The products are added to what is cut, instead of each to its part.
 *
 * Parts that no product is added to have zeros in place of its constant.
 */
function withinCut(
  instructions: readonly Instruction[],
  products: readonly Product[],
  { cut, parts }: Host,
  newSlot: NewSlot,
  tape: Tape,
): Instruction[] {
  const [first] = products as [Product];
  const axis = rowsOf(first);
  const ofPart = new Map(products.map((product) => [parts.get(product), product.constant]));
  const constants = cut.writes.map((slot, i) => {
    const shape = [...first.constant.shape];
    shape[axis] = cut.sizes[i]!;
    return ofPart.get(slot) ?? { shape, value: () => tf.zeros(shape) };
  });
  const whole = newSlot();
  const sum = new Sum(whole, [
    new Multiple(cut.reads[0], 1, tape),
    new Product(first.slot, first.layout, stack(constants, axis, tape)),
  ]);
  const added = new Set<Term>(products);
  return instructions.flatMap((each) => {
    if (each === cut) return [sum, new Cut(whole, cut.writes, cut.sizes)];
    if (!(each instanceof Sum)) return [each];
    return [
      new Sum(
        each.slot,
        each.terms.filter((term) => !added.has(term)),
      ),
    ];
  });
}

/** The cut to whose parts the products are added, each to another, where nothing else reads those. */
function cutToJoin(
  instructions: readonly Instruction[],
  products: readonly Product[],
  ends: Ends,
): Host | undefined {
  const readers = countReaders(instructions, ends);
  const cutOf = new Map<number, Cut>();
  for (const cut of instructions) {
    if (!(cut instanceof Cut)) continue;
    for (const slot of cut.writes) if (readers.get(slot) === 1) cutOf.set(slot, cut);
  }
  const parts = new Map<Product, number>();
  const wanted = new Set<Term>(products);
  for (const sum of instructions) {
    if (!(sum instanceof Sum)) continue;
    const part = sum.terms.find((term) => isSame(term) && cutOf.has(term.slot));
    for (const term of part ? sum.terms : []) {
      if (wanted.has(term)) parts.set(term as Product, part!.slot);
    }
  }
  const cuts = new Set(products.map((product) => cutOf.get(parts.get(product) ?? -1)));
  const [cut] = cuts;
  if (cut === undefined || cuts.size > 1 || new Set(parts.values()).size < products.length) {
    return undefined;
  }
  const later = instructions.slice(instructions.indexOf(cut));
  const isLate = later.some(({ writes }) => writes.includes(products[0]!.slot));
  return isLate ? undefined : { cut, parts };
}

const isSame = (term: Term) => term instanceof Multiple && term.factor === 1;

/** The axis of its constant that becomes the rows of a product from the left. */
const rowsOf = ({ layout }: Product) => (layout.constantTransposed ? 1 : 0);

const termsOf = (instructions: readonly Instruction[]) =>
  instructions.flatMap((each) => (each instanceof Sum ? each.terms : []));

/** Products whose rows are those of the constant; those of one matrix can be cut out of one. */
function keepsRows(term: Term): string | undefined {
  if (!(term instanceof Product) || term.layout.side === 'left') return undefined;
  const { transposed, constantTransposed } = term.layout;
  return `${term.slot} ${transposed} ${constantTransposed}`;
}

/**
 * Matrix products that are added up, as one product of stacked matrices.
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
      return new Product(joined, layout, stack(constants, axis, tape));
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
