import { InputError } from '../../errors';
import { random } from '../../numbers';
import { type LinearOperator, type Space, spaceFor, type Vector } from '../../spaces';
import { checkedProducts, checkOperator } from '../checks';
import { sizeOf, vectorOf } from '../flat';
import { drawn, productOf } from '../in-turns';

/** What the tools for spectra need of an operator, apart from products. */
export interface SpectrumOptions<V> {
  /**
   * Any vector of the space that A acts on; only its shape matters. It may be left out for a
   * curvature, which has a gradient.
   */
  like?: V;
  /** The seed of the random vectors. Default 0. */
  seed?: number;
}

/** An operator with the space it acts on. */
export interface Operand<V> {
  space: Space<V, unknown>;
  like: V;
  size: number;
  /** `A v`, kept, the caller's; with turns for others within it where it can be left. */
  multiply(v: V): Promise<V>;
  /** The products so far. */
  readonly products: number;
  /** A vector of independent standard normal numbers; kept, the caller's. */
  normals(): Promise<V>;
  /** A vector of independent signs. */
  signs(): Promise<V>;
}

/** @throws InputError for anything but an operator whose space is known. */
export function operandOf<V extends Vector>(
  name: string,
  A: LinearOperator<V>,
  { like, seed = 0 }: SpectrumOptions<V>,
): Operand<V> {
  checkOperator(name, A);
  const shape = like ?? (A as { gradient?: V }).gradient;
  if (shape === undefined) {
    throw new InputError({
      given: `${name} of an operator that has no space, so its vectors are unknown`,
      expected: 'an operator with a gradient, as a curvature has, or the option like',
      remedy: `Give any vector of the right shape: ${name}(A, { like: new Float64Array(n) }).`,
    });
  }
  const space =
    A.space ??
    spaceFor(
      shape,
      like === undefined ? `the gradient of the operator of ${name}` : `like, of ${name}`,
    );
  const checked = checkedProducts(space, A);
  const draw = random(seed);
  const size = sizeOf(shape);
  const vector = async (numbers: (count: number) => Float64Array) =>
    space.keep(vectorOf(await drawn(size, numbers), shape));
  let products = 0;
  return {
    space,
    like: shape,
    size,
    async multiply(v) {
      products += 1;
      return productOf(space, checked, v);
    },
    get products() {
      return products;
    },
    normals: () => vector((count) => draw.normals(count)),
    signs: () =>
      vector((count) =>
        Float64Array.from({ length: count }, () => (draw.uniform() < 0.5 ? -1 : 1)),
      ),
  };
}
