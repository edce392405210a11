import * as tf from '@tensorflow/tfjs';
import type { Arithmetic } from '../methods';
import { mapState, type State } from '../methods';
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
      state = await stepInTurns(run, t, before, arithmetic);
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

/** Thrown when a step needs a gradient that has not been computed yet. */
const NOT_YET = Symbol('not yet');

/**
 * A step on vectors that carry tangents; timers get a turn between the products of a gradient.
 *
 * The step itself may not wait, so it is begun again with each gradient that has become known; all that
 * is repeated are its sums of vectors.
 */
async function stepInTurns<V extends Vector>(
  run: UnrolledRun<V>,
  t: number,
  before: State<Carrier<V>>,
  arithmetic: Arithmetic<Carrier<V>>,
): Promise<State<Carrier<V>>> {
  const { space, iteration } = run;
  const known: Carrier<V>[] = [];
  let asked: Carrier<V> | undefined;
  let state: State<Carrier<V>> | undefined;
  try {
    while (state === undefined) {
      let calls = 0;
      const gradient = (point: Carrier<V>) => {
        const found = known[calls++];
        if (found !== undefined) return found;
        asked = space.keep({
          value: space.clone(point.value),
          tangents: point.tangents.map((tangent) => space.clone(tangent)),
        });
        throw NOT_YET;
      };
      try {
        state = space.tidy(() => space.keep(iteration.step(t, before, gradient, arithmetic)));
      } catch (error) {
        if (error !== NOT_YET || asked === undefined) throw error;
        known.push(await gradientInTurns(run, t, asked));
        run.free(asked);
        asked = undefined;
      }
    }
    return state;
  } finally {
    run.free([known, asked], state);
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
