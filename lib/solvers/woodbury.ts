import { InputError } from '../errors';
import { factorizeInPieces, squareMatrix } from '../numbers';
import { checkFunction, checkMethods, checkNoMore, checkOptionNames, shown } from '../options';
import {
  type LinearOperator,
  type LowRankParts,
  partsApart,
  spaceFor,
  spaceOf,
  type Vector,
  withParts,
} from '../spaces';
import { checkProduct } from './checks';
import { betweenReadings, directSolver } from './direct';
import { sizeOf, unitVector, vectorOf } from './flat';
import type { LinearSolver } from './solver';

/** An operator that knows that it is a multiple of the identity and something of low rank. */
export interface LowRankOperator<V extends Vector> extends LinearOperator<V> {
  readonly lowRank: LowRankParts<V, Vector>;
}

/**
 * The operator `d I + Jᵀ S J`, for `woodbury` and every other solver.
 *
 * The step of a Gauss–Newton method is of this form: J the Jacobian of the outputs (n C of them),
 * S the step size times the Hessian of the loss with respect to them.
 *
 * @throws InputError if d is not a positive number; ShapeError, from its products, for parts that do
 *   not fit.
 */
export function lowRank<V extends Vector, U extends Vector>(
  parts: LowRankParts<V, U>,
): LowRankOperator<V> {
  checkNoMore('lowRank', arguments, 1);
  checkMethods(parts, 'the parts of lowRank', ['jvp', 'vjp']);
  checkOptionNames('lowRank', parts, ['diagonal', 'jvp', 'vjp', 'middle', 'outputs']);
  const { diagonal } = parts;
  if (parts.middle !== undefined) checkFunction(parts.middle, 'the middle of lowRank');
  const outputs = spaceFor(parts.outputs, 'the outputs of lowRank');
  outputs.check(parts.outputs, parts.outputs, 'the outputs of lowRank');
  const own = partsApart(parts);
  const jvp = (v: V) => {
    const u = own.jvp(v);
    outputs.check(u, parts.outputs, 'jvp of lowRank');
    return u;
  };
  if (!(typeof diagonal === 'number' && diagonal > 0 && diagonal < Number.POSITIVE_INFINITY)) {
    throw new InputError({
      given: `lowRank({ diagonal: ${shown(diagonal)} })`,
      expected: 'a positive number',
      remedy: 'Without a multiple of the identity A is singular; add some damping.',
    });
  }
  return {
    lowRank: withParts(own, { jvp }),
    apply(v) {
      const space = spaceOf(v);
      return space.tidy(() => {
        const u = jvp(v);
        const pulled = own.vjp(own.middle ? own.middle(u) : u);
        space.check(pulled, v, 'vjp of lowRank');
        return space.axpy(space.scalars.of(diagonal), v, pulled);
      });
    },
    dispose() {},
  };
}

export interface WoodburyOptions {
  /** The relative residual that counts as solved. Default 1e-6. */
  tolerance?: number;
  /** `τ ≥ 0`: solve `(A + τI) x = b`. Default 0. */
  damping?: number;
}

/**
 * Solves `(d I + Jᵀ S J) x = b` through a system of the size m of the outputs, not n:
 * `x = (b − Jᵀ y)/d` with `(d I + S J Jᵀ) y = S J b`, in double precision.
 *
 * The operator must know what d, J and S are: one made by `lowRank`, or, with `damping`, the
 * Gauss–Newton curvature of a loss without a penalty. `iterations` counts the
 * products with `J Jᵀ`, one for each output. It loses as many digits as d is smaller than
 * `‖JᵀSJ‖`, which its residual shows.
 *
 * When not to use it: m above a few hundred, or above n (`dense`), or when `cg` would need fewer
 * iterations than there are outputs. On a GPU it works only as `await solve`.
 *
 * @throws InputError for another operator, or options out of range; NotFiniteError for a NaN in b;
 * UnsupportedError where vectors cannot be read without waiting.
 * @see Golub & Van Loan, [Matrix Computations](https://doi.org/10.56021/9781421407944), 4th ed.,
 *   §2.1.4.
 */
export function woodbury(options: WoodburyOptions = {}): WoodburyOptions & LinearSolver {
  checkNoMore('woodbury', arguments, 1);
  checkOptionNames('woodbury', options, ['tolerance', 'damping']);
  const { tolerance = 1e-6, damping = 0 } = options;
  const record = { name: 'woodbury', tolerance, damping };

  return directSolver(record, function* <V extends Vector>(A: LinearOperator<V>, b: V) {
    const parts = partsOf(A);
    const { diagonal, outputs } = parts;
    const d = diagonal + damping;
    if (!(d > 0)) throw withoutDiagonal(d);
    const space = spaceOf(b);
    const outer = spaceOf(outputs);
    const size = sizeOf(outputs);
    const jvp = (v: V) => {
      const u = parts.jvp(v);
      checkProduct(outer, u, outputs, 'jvp of the operator');
      return u;
    };
    const vjp = (u: Vector) => {
      const v = parts.vjp(u);
      checkProduct(space, v, b, 'vjp of the operator');
      return v;
    };
    const scaled = (u: Vector) => {
      const Su = parts.middle ? parts.middle(u) : u;
      checkProduct(outer, Su, outputs, 'the middle of the operator');
      return Su;
    };
    const hold = <T>(make: () => T): T => outer.keep(outer.tidy(make));
    const held: Vector[] = [];
    try {
      for (let i = 0; i < size; i++) {
        held.push(hold(() => scaled(jvp(vjp(unitVector(i, outputs))))));
        // Nothing is read, but others may have a turn.
        yield [];
      }
      // A copy: it is not b that is freed, which a user's function may return.
      held.push(hold(() => outer.clone(scaled(jvp(b)))));
      const numbers = yield held;
      const matrix = squareMatrix(numbers.slice(0, size));
      for (let i = 0; i < size; i++) matrix.entries[i * (size + 1)]! += d;
      const solve = yield* betweenReadings(factorizeInPieces(matrix, space.epsilon));
      const y = solve(numbers[size]!);
      const value = hold(() => {
        const share = vjp(vectorOf(y, outputs));
        return space.scale(space.scalars.of(1 / d), space.subtract(b, share));
      });
      return { value, products: size };
    } finally {
      outer.free(held);
    }
  });
}

function partsOf<V extends Vector>(A: LinearOperator<V>): LowRankParts<V, Vector> {
  if (A.lowRank !== undefined) return partsApart(A.lowRank);
  throw new InputError({
    given: 'an operator that is known by its products alone',
    expected:
      'an operator made by lowRank({ diagonal, jvp, vjp, middle, outputs }), or a Gauss–Newton curvature ' +
      'without a penalty',
    remedy: 'Say how A is made of the identity and a low rank, or use cg.',
  });
}

function withoutDiagonal(d: number) {
  return new InputError({
    given: `an operator of low rank whose multiple of the identity is ${d}`,
    expected: 'a positive multiple of the identity',
    remedy: 'The system is singular without it: give woodbury({ damping }).',
  });
}
