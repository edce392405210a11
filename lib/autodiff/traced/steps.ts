import { number } from '../../backends/wasm/fused/expression';
import type { Step } from './plan';
import type { Value } from './value';

/** Fills `out` with a value that is elsewhere, or with one number. */
export function copyStep(value: Value, out: Value): Step {
  const isNumber = value.uniform !== undefined;
  return {
    kind: 'loop',
    out,
    expression: isNumber ? number(value.uniform!) : { kind: 'input', index: 0 },
    inputs: isNumber ? [] : [value],
    patterns: isNumber ? [] : ['place'],
    into: 'places',
    rows: 1,
    columns: value.size,
  };
}
