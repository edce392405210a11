import { NotFiniteError } from '../../errors';
import { checkNoMore, checkOptionNames } from '../../options';
import type { LinearOperator, Vector } from '../../spaces';
import { checkCountOption, checkOperator } from '../checks';
import { unitVector } from '../flat';
import { operandOf, type SpectrumOptions } from './operand';

export interface TraceOptions<V> extends SpectrumOptions<V> {
  /** How many random vectors, each for one product. Default 30. */
  probes?: number;
}

export interface TraceEstimate {
  value: number;
  /** The standard deviation of the value over seeds, estimated from the probes; 0 if exact. */
  standardError: number;
  products: number;
}

/**
 * The trace of an operator by Hutchinson's estimator: the mean of `zᵀA z` over vectors z of
 * independent random signs.
 *
 * It is unbiased; the variance of a probe is `2 Σ_{i≠j} Aᵢⱼ²` for a symmetric A, so that the error
 * is about `√(2/probes) ‖A‖_F` at most, and falls as `1/√probes`. With at least as many probes as
 * A has columns, the diagonal itself is added up: exact.
 *
 * @returns the value, its standard error (infinite for a single probe), the number of products
 * @throws InputError for options out of range, or an operator whose space is unknown;
 * NotFiniteError for a product with a NaN.
 * @see Hutchinson, [A stochastic estimator of the trace of the influence
 *   matrix](https://doi.org/10.1080/03610919008812866), 1990; for how it compares Meyer, Musco,
 *   Musco & Woodruff, [Hutch++](https://arxiv.org/abs/2010.09649), 2021.
 */
export async function trace<V extends Vector>(
  A: LinearOperator<V>,
  options: TraceOptions<V> = {},
): Promise<TraceEstimate> {
  checkNoMore('trace', arguments, 2);
  checkOperator('trace', A);
  checkOptionNames('trace', options, ['probes', 'like', 'seed']);
  const { probes = 30 } = options;
  checkCountOption('trace', 'probes', probes);
  // The sum over coordinates, whatever inner product A is symmetric in.
  const { space, ...plain } = A as LinearOperator<V> & { gradient?: V };
  const operand = operandOf('trace', space === undefined ? A : (plain as LinearOperator<V>), {
    ...options,
  });
  const exact = probes >= operand.size;
  const samples: number[] = [];
  for (let k = 0; k < (exact ? operand.size : probes); k++) {
    const { space } = operand;
    const z = exact ? space.keep(unitVector(k, operand.like)) : await operand.signs();
    const held: V[] = [z];
    let sample: unknown;
    try {
      held.push(await operand.multiply(z));
      sample = space.keep(space.tidy(() => space.dot(z, held[1]!)));
    } finally {
      space.free(held);
    }
    samples.push((await space.read([sample]))[0]!);
    space.free(sample);
  }
  const sum = samples.reduce((sum, value) => sum + value, 0);
  if (!Number.isFinite(sum)) {
    throw new NotFiniteError({
      given: `an operator with zᵀA z = ${samples.find((value) => !Number.isFinite(value)) ?? sum}`,
      expected: 'finite numbers',
      remedy: 'Look for a NaN, or an overflow, in what the operator is made of.',
    });
  }
  const { products } = operand;
  if (exact) return { value: sum, standardError: 0, products };
  const value = sum / probes;
  const largest = Math.max(...samples.map((sample) => Math.abs(sample - value)));
  const spread =
    largest > 0
      ? largest * Math.sqrt(samples.reduce((s, x) => s + ((x - value) / largest) ** 2, 0))
      : 0;
  const standardError =
    probes === 1 ? Number.POSITIVE_INFINITY : spread / Math.sqrt(probes * (probes - 1));
  return { value, standardError, products };
}
