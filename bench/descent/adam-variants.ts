import * as tf from '@tensorflow/tfjs';
import { recordGradient } from '../../lib/autodiff';
import { proximalOperator } from '../../lib/descent/implicit-step';
import { cg } from '../../lib/solvers';
import { mapTensors, type NamedTensors, tensors } from '../../lib/spaces';

/** What the study asks of an optimizer; `tf.Optimizer`s have it. */
export interface Stepper {
  minimize(f: () => tf.Scalar, returnCost: boolean, variables: tf.Variable[]): unknown;
  dispose(): void;
}

const solver = cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' });
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-7];

/** Definition A: Adam that is fed with `(I + δG)⁻¹ g` for its gradient. It solves in the metric I where Adam moves in the metric D. */
export function adamOfImplicit(rate: number): Stepper {
  const adam = tf.train.adam(rate, BETA1, BETA2, EPSILON);
  return {
    minimize(f, _, list) {
      const C = recordGradient(f, named(list), { curvature: 'gauss-newton' });
      const { value } = solver.solveSync(proximalOperator(C, rate), C.gradient);
      adam.applyGradients(Object.entries(value).map(([name, tensor]) => ({ name, tensor })));
      tensors.free(value);
      C.dispose();
    },
    dispose: () => adam.dispose(),
  };
}

/** Definition B: `x⁺ = x − δk (D + δG)⁻¹ m̃`: Adam's average of gradients, implicit in x alone. */
export function adamImplicitInPosition(rate: number): Stepper {
  let m: NamedTensors | undefined;
  let v: NamedTensors | undefined;
  let t = 0;
  const averaged = (old: NamedTensors | undefined, now: NamedTensors, beta: number) =>
    mapTensors(now, (value, name) =>
      tf.add(tf.mul(1 - beta, value), old ? tf.mul(beta, old[name]!) : 0),
    );
  return {
    minimize(f, _, list) {
      const variables = named(list);
      const C = recordGradient(f, variables, { curvature: 'gauss-newton' });
      t += 1;
      const before = [m, v];
      [m, v] = tensors.keep(
        tensors.tidy(() => [
          averaged(m, C.gradient, BETA1),
          averaged(v, mapTensors(C.gradient, tf.square), BETA2),
        ]),
      ) as [NamedTensors, NamedTensors];
      tensors.free(before);
      const moments = { m, v };
      const s = tensors.tidy(() => {
        const root = mapTensors(moments.v, (value) =>
          tf.rsqrt(tf.add(tf.sqrt(tf.div(value, 1 - BETA2 ** t)), EPSILON)),
        );
        const times = (x: NamedTensors) => mapTensors(x, (a, name) => tf.mul(a, root[name]!));
        const scaled = {
          apply: (x: NamedTensors) => tensors.tidy(() => times(C.apply(times(x)))),
          dispose() {},
        };
        const b = times(mapTensors(moments.m, (value) => tf.div(value, 1 - BETA1 ** t)));
        return times(solver.solveSync(proximalOperator(scaled, rate), b).value);
      });
      for (const [name, variable] of Object.entries(variables)) {
        variable.assign(tf.tidy(() => tf.sub(variable, tf.mul(rate, s[name]!))));
      }
      tensors.free(s);
      C.dispose();
    },
    dispose: () => tensors.free([m, v]),
  };
}

const named = (list: tf.Variable[]) => Object.fromEntries(list.map((value) => [value.name, value]));
