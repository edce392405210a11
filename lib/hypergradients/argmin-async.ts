import * as tf from '@tensorflow/tfjs';
import { isolated, mapProgramsOf, refusingDisposed } from '../autodiff';
import { drive, finish, giveWay, inPortions, type Pausing } from '../event-loop';
import { checkFunction, checkNoMore } from '../options';
import { checkedSolution, checkSolver, gmres, type LinearSolver } from '../solvers';
import { type LinearOperator, mapTensors, type NamedTensors, tensors } from '../spaces';
import { rootAt } from './argmin';
import { checkArguments, checkCommonOptions, checkSolution } from './argmin-checks';
import type { ArgminOptions, Optimality, Point } from './argmin-options';
import { inBlockUnits } from './block-units';
import type { OnFailure } from './failure';
import { judge, linearizedInPieces, numbered } from './implicit-function';

/** A solution with its derivative. */
export interface ImplicitSolution<X extends Point> {
  /** x*; it lives until `dispose`. */
  readonly value: X;
  /**
   * `∂x*ᵀu = −(∂F/∂θ)ᵀ v` with `(∂F/∂x)ᵀ v = u`: a tensor for each θ of type float32, in their order;
   * the caller's.
   *
   * @throws InputError, ShapeError or DisposedError for a u that is not like x*; SolveError with
   *   `onFailure: 'throw'`
   */
  pullBack(u: X): Promise<tf.Tensor[]>;
  dispose(): void;
}

/**
 * `argmin` for work that takes long: the solution of `F(x, θ) = 0` and its derivative, both waited for.
 *
 * The inner solver may be asynchronous, and a derivative gives timers and drawing a turn between the
 * iterations of its solve and within its products, so that a page goes on living and an interrupt ends
 * it; one call of F runs without a pause, or of its loss where F is made by `stationarity`,
 * `projectedStationarity` or `kkt`. On a GPU
 * the status of that solve is known, so that `onFailure: 'throw'` works there too.
 *
 * ```ts
 * const solution = await argminAsync(train, stationarity(loss))(θ);
 * const { gradient } = valueAndGradient(outer, { x: solution.value });
 * const [dθ] = await solution.pullBack(gradient.x);
 * solution.dispose();
 * ```
 *
 * When not to use it: inside `tf.grad`, which cannot wait (`argmin`); for a loss of θ too, take
 * `hypergradient`, which adds the direct part of the derivative.
 *
 * @param solve finds x* from θ
 * @param optimality F, as for `argmin`
 * @throws as `argmin` does, by a promise that is rejected
 */
export function argminAsync<X extends Point>(
  solve: (...θ: tf.Tensor[]) => X | Promise<X>,
  optimality: Optimality<X>,
  options: ArgminOptions = {},
): (...θ: tf.Tensor[]) => Promise<ImplicitSolution<X>> {
  checkNoMore('argminAsync', arguments, 3);
  checkFunction(solve, 'the solve of argminAsync');
  checkCommonOptions('argminAsync', optimality, options);
  const { solver = gmres({ tolerance: 1e-5 }), onFailure = 'return' } = options;
  checkSolver('argminAsync', solver, 'solve');
  return async (...given) => {
    checkArguments(given);
    // What the caller frees while the solution is waited for is still there for its derivative.
    const θ = given.map((value) => tf.keep(value.clone()));
    const held: tf.TensorContainer[] = [θ];
    try {
      const xStar = (await byPrograms<X>(solve, θ)) ?? (await refusingDisposed(() => solve(...θ)));
      checkSolution(xStar);
      held.push(xStar as tf.TensorContainer);
      const { x, pausingF: F, wrap, unwrap } = rootAt(xStar, optimality);
      tensors.keep(x);
      const varies = θ.map(({ dtype }) => dtype === 'float32');
      const moving = numbered(θ, varies);
      return {
        value: unwrap(x),
        dispose: () => tf.dispose(held),
        async pullBack(u) {
          checkSolution(xStar);
          checkSolution(u);
          tensors.check(wrap(u), x, 'u');
          if (Object.keys(moving).length === 0) return [];
          const right = tensors.keep(mapTensors(wrap(u), (value) => value.clone()));
          try {
            const recorded = await apart(linearizedInPieces(x, { F, varies }, θ));
            try {
              const v = await solved(solver, recorded.byX, right, onFailure);
              try {
                return negated(await apart(recorded.byθInPieces(v)));
              } finally {
                tensors.free(v);
              }
            } finally {
              recorded.dispose();
            }
          } finally {
            tensors.free(right);
          }
        },
      };
    } catch (error) {
      tf.dispose(held);
      throw error;
    }
  };
}

/** `A⁻¹ u`, kept. */
async function solved(
  solver: LinearSolver,
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  onFailure: OnFailure,
): Promise<NamedTensors> {
  const read = (scalars: readonly tf.Scalar[]) => tensors.read(scalars);
  const system = await drive(inBlockUnits(A, u, solver), read);
  try {
    await giveWay();
    const found = checkedSolution(solver, await solver.solve(system.A, system.b), tensors, u);
    const { value, ...report } = await drive(system.judge(found), read).finally(() =>
      tensors.free(found.value),
    );
    try {
      judge(report, Object.keys(u), onFailure);
      return value;
    } catch (error) {
      tensors.free(value);
      throw error;
    }
  } finally {
    system.dispose();
  }
}

/** The solution by the programs of a map that `compiledMap` has declared, with pauses; undefined of any other. */
async function byPrograms<X extends Point>(
  solve: (...θ: tf.Tensor[]) => X | Promise<X>,
  θ: tf.Tensor[],
): Promise<X | undefined> {
  const programs = mapProgramsOf(solve);
  return programs && ((await apart(programs.runInPieces(θ))) as X | undefined);
}

/** Does the work with pauses, unseen by a tape that runs when it begins. */
const apart = <T>(work: Pausing<T>): Promise<T> =>
  finish(inPortions(work, (portion) => isolated(portion)));

/** Other signs, kept, in place of what is given. */
function negated(parts: tf.Tensor[]): tf.Tensor[] {
  const opposite = parts.map((part) => tf.keep(tf.neg(part)));
  tf.dispose(parts);
  return opposite;
}
