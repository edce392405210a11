import { variable } from '#platform/environment';
import { FunctionBody, type Local } from './function';
import { moduleBytes } from './module';

/**
 * Whether x · y + z is one instruction here: the engine has relaxed SIMD, and `IMPLICIT_FMA` was not 0
 * when the library was loaded. It rounds once where the processor does, and twice where it does not.
 */
export const hasMultiplyAdd: boolean = variable('IMPLICIT_FMA') !== '0' && engineHasMultiplyAdd();

function engineHasMultiplyAdd(): boolean {
  const f = new FunctionBody('f', { parameters: [], results: ['f32'] });
  f.f32x4(2).f32x4(3).f32x4(5).do('f32x4.relaxed_madd').lane('f32x4.extract_lane', 0);
  const bytes = moduleBytes(undefined, [f], []);
  try {
    if (!WebAssembly.validate(bytes)) return false;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    // Before the proposal was finished, engines had other orders.
    return (exports.f as () => number)() === 11;
  } catch {
    // There is no WebAssembly, or the page forbids it: other backends run.
    return false;
  }
}

/** Adds the product of the two vectors on the stack to a local variable. */
export function addProduct(
  f: FunctionBody,
  sum: Local,
  type: 'f32x4' | 'f64x2',
  asOne: boolean = hasMultiplyAdd,
): FunctionBody {
  if (asOne) return f.get(sum).do(`${type}.relaxed_madd`).set(sum);
  return f.do(`${type}.mul`).get(sum).do(`${type}.add`).set(sum);
}
