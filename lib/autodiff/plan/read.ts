import * as tf from '@tensorflow/tfjs';
import type { Step } from '../graph';
import { copy } from '../kernels';
import { type Instruction, Operation } from '../program';
import { derive } from '../rules';
import { binary, diagonals, unary } from '../rules/elementwise';
import { sameShape } from '../rules/shapes';
import type { Tape } from '../tape';
import { Cut } from './rows';
import { Sum } from './sum';
import { Multiple, Product, type Term } from './terms';

/** What a step does, as a sum or a cut where it is one; by its rule otherwise. */
export function read(step: Step, tape: Tape): Instruction {
  if (cutsRows(step)) {
    const sizes = step.node.outputs.map(({ shape }) => shape[0]!);
    return new Cut(step.reads[0]!, step.writes as number[], sizes);
  }
  const [slot] = step.writes;
  const terms = slot === undefined ? undefined : termsOf(step, tape);
  return terms === undefined ? new Operation(step, derive(step, tape)) : new Sum(slot!, terms);
}

function cutsRows({ node, writes }: Step): boolean {
  if (node.kernelName !== 'SplitV' || writes.includes(undefined)) return false;
  return tf.util.parseAxisParam(node.attrs.axis as number, node.inputs.x!.shape)[0] === 0;
}

const functions = new Set([...unary, ...binary]);

function termsOf(step: Step, tape: Tape): Term[] | undefined {
  const { node, names, reads } = step;
  if (node.kind !== 'kernel') return undefined;
  if (node.kernelName === 'BatchMatMul') return isOfMatrices(node) ? products(step) : undefined;
  const { shape } = node.outputs[0]!;
  if (!names.every((name) => sameShape(node.inputs[name]!.shape, shape))) return undefined;
  const multiples = (factor: (i: number) => Multiple['factor']) =>
    reads.map((slot, i) => new Multiple(slot, factor(i), tape));
  switch (node.kernelName) {
    case 'Add':
      return multiples(() => 1);
    case 'Sub':
      return multiples((i) => (names[i] === 'a' ? 1 : -1));
    case 'Neg':
      return multiples(() => -1);
    case 'Multiply': {
      const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
      return multiples((i) => () => copy(names[i] === 'a' ? b : a));
    }
    default:
      if (!functions.has(node.kernelName)) return undefined;
      return multiples((i) => () => diagonals(step)[i]!);
  }
}

const isOfMatrices = ({ outputs }: Step['node']) => outputs[0]!.shape.length === 2;

/** The change of op(a) · op(b) is op(da) op(b) + op(a) op(db). */
function products({ node, names, reads }: Step): Term[] {
  const [a, b] = node.saved as [tf.Tensor, tf.Tensor];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  return reads.map((slot, i) =>
    names[i] === 'a'
      ? new Product(
          slot,
          { side: 'left', transposed: transposeA, constantTransposed: transposeB },
          { shape: b.shape, value: () => b },
        )
      : new Product(
          slot,
          { side: 'right', transposed: transposeB, constantTransposed: transposeA },
          { shape: a.shape, value: () => a },
        ),
  );
}
