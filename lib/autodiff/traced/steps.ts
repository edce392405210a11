import { type Expression, number } from '../../backends/wasm/fused/expression';
import type { KernelCall } from '../../backends/wasm/fused/kernel-calls';
import type { Into, Pattern } from '../../backends/wasm/fused/loop';
import type { Value } from './value';

/** A value, or what of it comes from one number on. */
export interface Operand {
  value: Value;
  from: number;
}

/** One thing to do: a loop, a matrix product, a transposition, or a kernel as it is. */
export type Step =
  | {
      kind: 'loop';
      out: Value;
      /** From which number of the result on it writes. */
      from?: number;
      expression: Expression;
      inputs: readonly Operand[];
      patterns: readonly Pattern[];
      into: Into;
      rows: number;
      columns: number;
    }
  | ({ kind: 'product'; out: Value; a: Operand; b: Operand } & Sizes)
  | { kind: 'transpose'; out: Value; of: Operand; rows: number; columns: number }
  | ({ kind: 'kernel'; out: Value; of: readonly Operand[] } & KernelCall);

interface Sizes {
  transposeA: boolean;
  transposeB: boolean;
  m: number;
  n: number;
  k: number;
}

/** What a step reads. */
export function operandsOf(step: Step): readonly Operand[] {
  if (step.kind === 'loop') return step.inputs;
  if (step.kind === 'kernel') return step.of;
  return step.kind === 'product' ? [step.a, step.b] : [step.of];
}

/** Fills `out`, or a range of its numbers, with numbers that are elsewhere, or with one number. */
export function copyStep(
  of: Operand | number,
  out: Value,
  { from, size }: { from: number; size: number } = { from: 0, size: out.size },
): Step {
  const isNumber = typeof of === 'number';
  return {
    kind: 'loop',
    out,
    from,
    expression: isNumber ? number(of) : { kind: 'input', index: 0 },
    inputs: isNumber ? [] : [of],
    patterns: isNumber ? [] : ['place'],
    into: 'places',
    rows: 1,
    columns: size,
  };
}
