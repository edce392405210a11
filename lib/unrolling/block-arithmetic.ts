import { type Arithmetic, arithmeticOf } from '../methods';
import { partsOf } from '../numbers';
import { type Carrier, carryTangents } from './tangents';

/** The arithmetic of blocks: a vector of n numbers, and after it its tangents. */
export function blockArithmetic(n: number): Arithmetic<Float64Array> {
  const plain = arithmeticOf<Float64Array>(new Float64Array(n));
  const { multiply, divide, sqrt, shift } = carryTangents(plain);
  const apart = (block: Float64Array): Carrier<Float64Array> => ({
    value: block.subarray(0, n),
    tangents: partsOf(block.subarray(n), n),
  });
  const joined = ({ value, tangents }: Carrier<Float64Array>) => {
    const block = new Float64Array(n * (1 + tangents.length));
    for (const [i, part] of [value, ...tangents].entries()) block.set(part, n * i);
    return block;
  };
  return {
    // What is linear does the same with a vector and its tangents.
    combine: (terms) => plain.combine(terms),
    multiply: (x, y) => joined(multiply(apart(x), apart(y))),
    divide: (x, y) => joined(divide(apart(x), apart(y))),
    sqrt: (x) => joined(sqrt(apart(x))),
    shift: (x, c) => joined(shift(apart(x), c)),
  };
}
