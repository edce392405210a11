import * as tf from '@tensorflow/tfjs';
import { driveWithPauses } from '../event-loop';
import { mapState, type State, stepInPieces } from '../methods';
import { linearizeInTurns, pushed } from '../problems';
import { mapTensors, type NamedTensors, type Vector } from '../spaces';
import { type Carrier, carryTangents } from './tangents';
import { requireFiniteState, type UnrolledResult, type UnrolledRun } from './unrolled-run';

/** Carries a tangent for every hyperparameter along. */
export async function forward<V extends Vector>(
  run: UnrolledRun<V>,
  from: number,
  to: number,
  slopes: ReadonlyMap<number, Float64Array>,
): Promise<UnrolledResult<V>> {
  const { space, λ, stats } = run;
  const count = entries(λ);
  const arithmetic = carryTangents(run.arithmetic, slopes);
  let state: State<Carrier<V>> | undefined;
  try {
    state = space.tidy(() =>
      space.keep(
        mapState(run.states.get(from)!, (value) => ({
          value: space.clone(value),
          tangents: Array.from({ length: count }, () => space.zeros(value)),
        })),
      ),
    );
    for (let t = from + 1; t <= to; t++) {
      const before: State<Carrier<V>> = state;
      const work = stepInPieces(run.iteration, t, before, { space, arithmetic });
      state = await driveWithPauses(work, (point) => gradientInTurns(run, t, point));
      run.free(before, state);
      stats.gradients++;
      stats.products += count;
      run.recordPeaks();
      await run.pause(state.x.value);
    }
    await requireFiniteState(
      space,
      mapState(state, ({ value }) => value),
    );
    const { value: w, tangents } = state.x;
    const { dw, dλ, auxiliary } = await run.outer(w);
    const value = space.tidy(() =>
      space.keep(
        tangents.reduce(
          (sum, tangent, j) => space.axpy(space.dot(dw, tangent), unit(λ, j), sum),
          space.clone(dλ),
        ),
      ),
    );
    run.free([dw, dλ]);
    return { value, w: run.copy(w), ...(auxiliary && { auxiliary }) };
  } finally {
    run.free(state);
  }
}

/** A gradient with its tangents, each of them a product. */
async function gradientInTurns<V extends Vector>(
  run: UnrolledRun<V>,
  t: number,
  { value, tangents }: Carrier<V>,
): Promise<Carrier<V>> {
  const { space, λ } = run;
  const derivative = await linearizeInTurns(run.form, value, t);
  const products: V[] = [];
  try {
    run.recordPeaks(1);
    for (const [j, tangent] of tangents.entries()) {
      const direction = space.keep(unit(λ, j));
      try {
        products.push(await pushed(space, derivative, tangent, direction));
      } finally {
        space.free(direction);
      }
      await run.pause(value);
    }
    return { value: run.copy(derivative.value), tangents: products };
  } catch (error) {
    run.free(products);
    throw error;
  } finally {
    derivative.dispose();
  }
}

/** How many hyperparameters there are. */
const entries = (λ: Vector): number =>
  λ instanceof Float64Array ? λ.length : Object.values(λ).reduce((sum, { size }) => sum + size, 0);

/** The direction in which the j-th hyperparameter alone changes. */
function unit<V extends Vector>(λ: V, j: number): V {
  if (λ instanceof Float64Array) return λ.map((_, i) => (i === j ? 1 : 0)) as V;
  let first = 0;
  return mapTensors(λ as NamedTensors, ({ size, shape }) => {
    const values = new Float32Array(size);
    if (j >= first && j < first + size) values[j - first] = 1;
    first += size;
    return tf.tensor(values, shape);
  }) as V;
}
