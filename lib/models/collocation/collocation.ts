import type { LeastSquaresProblem } from '../../descent';
import { InputError, ShapeError } from '../../errors';
import { partsOf } from '../../numbers';
import {
  checkCount,
  checkFunction,
  checkList,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  phrase,
  shown,
} from '../../options';
import { type JetBlocks, jetsByPoint } from './jet-blocks';
import { jetsInBlocks } from './jets-in-blocks';
import {
  checkLength,
  type Jet,
  type JetFactors,
  sizesOfMade,
  type TanhNetwork,
} from './tanh-network';

/** What an equation leaves over at a point, and how that depends on u there. */
export interface Residual {
  /** 0 where the equation holds. */
  residual: number;
  /** The derivatives of the residual with respect to u, ∂u/∂x_k and ∂²u/∂x_k². */
  slopes: JetFactors;
}

/** An equation that u is to meet at some points: inside, or at the boundary. */
export interface Condition {
  /** The points, d coordinates each. */
  points: readonly Float64Array[];
  /** The residual at x, of u and its derivatives at x. */
  equation(u: Jet, x: Float64Array): Residual;
  /** Of the mean square of the residuals. Default 1. */
  weight?: number;
}

/** The residuals of a network, as {@link levenbergMarquardt} and first-order methods take them. */
export interface Collocation extends LeastSquaresProblem {
  /** `f(w) = ½ ‖r(w)‖²` and its gradient `Jᵀ r`, without forming J. */
  valueAndGradient(w: Float64Array): { value: number; gradient: Float64Array };
}

/**
 * A differential equation as a least-squares problem for the parameters of a network:
 *
 *     f(w) = ½ Σ_c (weight_c / n_c) Σ_i r_c(u(x_i; w), x_i)² = ½ ‖r(w)‖²,
 *
 * with one entry of r for each point of each condition c, in their order. A row of the Jacobian J is
 * the gradient of one residual, so all of J (n × p) costs what the gradient of f does. The network's
 * derivatives with respect to x, and theirs with respect to w, are exact.
 *
 * @throws InputError for conditions without points, or a weight that is not positive; ShapeError for
 * slopes or points of another length
 * @see Raissi, Perdikaris & Karniadakis, [Physics-informed neural
 *   networks](https://doi.org/10.1016/j.jcp.2018.10.045), 2019.
 */
export function collocation(network: TanhNetwork, conditions: readonly Condition[]): Collocation {
  checkNoMore('collocation', arguments, 2);
  checkNetwork(network);
  const terms = checkedTerms(conditions);
  const total = terms.reduce((sum, { points }) => sum + points.length, 0);
  const dimension = network.sizes[0]!;

  /**
   * Evaluates r, block by block; `see` is handed the factors of the jets in each block's residuals, and
   * where these are in r.
   */
  function evaluate<T>(
    w: Float64Array,
    see: (blocks: JetBlocks, factors: JetFactors[], residuals: Float64Array, from: number) => void,
    result: (blocks: JetBlocks, residuals: Float64Array) => T,
  ): T {
    checkLength(w, network.size, 'the parameters');
    const sizes = sizesOfMade(network);
    const blocks = (sizes && jetsInBlocks(sizes, w)) ?? jetsByPoint(network, w);
    const residuals = new Float64Array(total);
    try {
      let from = 0;
      for (const { points, equation, root } of terms) {
        for (let first = 0; first < points.length; first += blocks.together) {
          const some = points.slice(first, first + blocks.together);
          for (const x of some) checkLength(x, dimension, 'a point');
          const factors = blocks.jets(some).map((jet, i) => {
            const { residual, slopes } = equation(jet, some[i]!);
            residuals[from + i] = root * residual;
            return multiplied(slopes, root, dimension);
          });
          see(blocks, factors, residuals, from);
          from += some.length;
        }
      }
      return result(blocks, residuals);
    } finally {
      blocks.end();
    }
  }

  return {
    residuals: (w) =>
      evaluate(
        w,
        () => {},
        (_, residuals) => residuals,
      ),
    linearize(w) {
      const jacobian = partsOf(new Float64Array(total * network.size), network.size);
      return evaluate(
        w,
        (blocks, factors, _, from) => {
          blocks.pullEach(factors, jacobian.slice(from, from + factors.length));
        },
        (_, residuals) => ({ residuals, jacobian }),
      );
    },
    valueAndGradient: (w) =>
      evaluate(
        w,
        (blocks, factors, residuals, from) => {
          blocks.addPulled(
            factors.map((one, i) => multiplied(one, residuals[from + i]!, dimension)),
          );
        },
        (blocks, residuals) => ({
          value: residuals.reduce((sum, entry) => sum + (entry * entry) / 2, 0),
          gradient: blocks.pulledSum(),
        }),
      ),
  };
}

function checkNetwork(network: TanhNetwork): void {
  checkMethods(network, 'the network of collocation', ['record', 'jet']);
  checkList(network.sizes, 'the sizes of the network of collocation');
  checkCount(network.sizes[0], 'a network of collocation whose first size is');
  checkCount(network.size, 'a network of collocation whose number of parameters is');
}

/** A condition with the factor of its entries of r, √(weight/n). */
type Term = Pick<Condition, 'points' | 'equation'> & { root: number };

function checkedTerms(conditions: readonly Condition[]): Term[] {
  checkList(conditions, 'the conditions of collocation');
  const terms = conditions.map((condition) => {
    checkOptionNames('a condition', condition, ['points', 'equation', 'weight']);
    const { points, equation, weight = 1 } = condition;
    checkList(points, 'the points of a condition');
    checkFunction(equation, 'the equation of a condition');
    if (points.length > 0 && Number.isFinite(weight) && weight > 0) {
      const looked: Condition['equation'] = (u, x) => {
        const found = equation(u, x);
        checkRecord(found, 'what an equation returns', '{ residual, slopes }');
        checkOptionNames('the slopes of an equation', found.slopes, ['value', 'first', 'second']);
        if (typeof found.residual === 'number') return found;
        throw new InputError({
          given: `${phrase(found.residual)} as the residual of an equation`,
          expected: 'a number',
          remedy: 'It is 0 where the equation holds.',
        });
      };
      return { points, equation: looked, root: Math.sqrt(weight / points.length) };
    }
    throw new InputError({
      given: `a condition of ${points.length} points and weight ${shown(weight)}`,
      expected: 'at least one point and a positive weight',
      remedy: 'Leave out a condition that is not to count.',
    });
  });
  if (terms.length > 0) return terms;
  throw new InputError({
    given: 'no conditions for collocation',
    expected: 'at least one condition',
    remedy: 'Give the equation inside and what holds at the boundary.',
  });
}

function multiplied({ value = 0, first, second }: JetFactors, by: number, d: number): JetFactors {
  const [ones, twos] = [scaled(first, by, d), scaled(second, by, d)];
  return { value: by * value, ...(ones && { first: ones }), ...(twos && { second: twos }) };
}

function scaled(
  list: ArrayLike<number> | undefined,
  by: number,
  d: number,
): Float64Array | undefined {
  if (list === undefined) return undefined;
  if (list.length !== d) {
    throw new ShapeError({
      given: `${list.length} slopes of one order`,
      expected: `${d} slopes, one for each coordinate`,
      remedy: 'Write 0 for a derivative that the equation does not contain.',
    });
  }
  const product = new Float64Array(d);
  for (let k = 0; k < d; k++) product[k] = by * list[k]!;
  return product;
}
