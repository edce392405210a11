import { FunctionBody } from '../assembler';

/** out ← Σ aᵢxᵢ, addresses in bytes: `out`, where it ends, then a number and an address for each term. */
export type Combination = (out: number, end: number, ...terms: number[]) => unknown;

/** The combination of `count` vectors of whole pairs of numbers. */
export function combinationOf(count: number): FunctionBody {
  const terms = Array.from({ length: count }, () => ['f64', 'i32'] as const).flat();
  const f = new FunctionBody(`combination${count}`, {
    parameters: ['i32', 'i32', ...terms],
    results: [],
  });
  const [out, end, ...given] = f.parameters;
  const factors = f.localsOf('v128', count);
  const vectors = factors.map((_, i) => given[2 * i + 1]!);
  factors.forEach((factor, i) => {
    f.get(given[2 * i]!)
      .do('f64x2.splat')
      .set(factor);
  });
  return f.while(out!, end!, () => {
    f.get(out!);
    factors.forEach((factor, i) => {
      f.get(vectors[i]!).memory('v128.load').get(factor).do('f64x2.mul');
      if (i > 0) f.do('f64x2.add');
    });
    f.memory('v128.store');
    for (const local of [out!, ...vectors]) f.advance(local, 16);
  });
}
