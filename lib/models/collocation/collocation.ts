import type { LeastSquaresProblem } from '../../descent';
import { InputError, ShapeError } from '../../errors';
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
import type { Jet, JetFactors, TanhNetwork } from './tanh-network';

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

  /** Each point's entry of r; `see` is handed what pulls factors back to the parameters. */
  function visit(
    w: Float64Array,
    see: (entry: number, i: number, add: (times: number, out: Float64Array) => void) => void,
  ) {
    let i = 0;
    for (const { points, equation, root } of terms) {
      for (const x of points) {
        const { jet, pull } = network.record(w, x);
        const { residual, slopes } = equation(jet, x);
        see(root * residual, i, (times, out) =>
          pull(multiplied(slopes, times * root, dimension), out),
        );
        i += 1;
      }
    }
  }

  return {
    residuals(w) {
      const r = new Float64Array(total);
      let i = 0;
      for (const { points, equation, root } of terms) {
        for (const x of points) r[i++] = root * equation(network.jet(w, x), x).residual;
      }
      return r;
    },
    linearize(w) {
      const residuals = new Float64Array(total);
      const numbers = new Float64Array(total * network.size);
      const jacobian = Array.from({ length: total }, (_, i) =>
        numbers.subarray(i * network.size, (i + 1) * network.size),
      );
      visit(w, (entry, i, add) => {
        residuals[i] = entry;
        add(1, jacobian[i]!);
      });
      return { residuals, jacobian };
    },
    valueAndGradient(w) {
      const gradient = new Float64Array(network.size);
      let value = 0;
      visit(w, (entry, _, add) => {
        value += (entry * entry) / 2;
        add(entry, gradient);
      });
      return { value, gradient };
    },
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
  const scaled = (list: ArrayLike<number> | undefined) => {
    if (list === undefined) return undefined;
    if (list.length === d) return Float64Array.from(list, (entry) => by * entry);
    throw new ShapeError({
      given: `${list.length} slopes of one order`,
      expected: `${d} slopes, one for each coordinate`,
      remedy: 'Write 0 for a derivative that the equation does not contain.',
    });
  };
  const [ones, twos] = [scaled(first), scaled(second)];
  return { value: by * value, ...(ones && { first: ones }), ...(twos && { second: twos }) };
}
