import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float64, type LinearOperator, type NamedTensors, shifted } from '../spaces';
import {
  cg,
  cgNormal,
  dense,
  gmres,
  identityMinus,
  type LinearSolver,
  lowRank,
  minres,
  neumann,
  woodbury,
} from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Product = (v: Float64Array) => Float64Array;

/** The same function, which changes its argument and writes into one array. */
function inPlace(f: Product): Product {
  let out: Float64Array | undefined;
  return (v) => {
    const value = f(v);
    out ??= new Float64Array(value.length);
    out.set(value);
    v.fill(77);
    return out;
  };
}

const asItIs = (f: Product): Product => f;
const b = () => Float64Array.of(1, -1, 2);
const J = [Float64Array.of(1, 2, 0), Float64Array.of(0, 1, -1)];
const triple = (how: typeof inPlace): LinearOperator<Float64Array> => ({
  apply: how((v) => v.map((x) => 3 * x)),
  transpose: how((v) => v.map((x) => 3 * x)),
  dispose() {},
});
const ofLowRank = (how: typeof inPlace, hasMiddle: boolean) =>
  lowRank<Float64Array, Float64Array>({
    diagonal: 0.7,
    outputs: new Float64Array(2),
    jvp: how((v) => Float64Array.from(J, (row) => float64.dot(row, v))),
    vjp: how((u) => float64.axpy(u[0]!, J[0]!, float64.scale(u[1]!, J[1]!))),
    ...(hasMiddle && { middle: how((u) => u.map((x) => 2 * x)) }),
  });

describe('functions that change their argument and use an array again', () => {
  it.each([false, true])('of a low rank, with a middle: %s', (hasMiddle) => {
    const [wanted, A] = [asItIs, inPlace].map((how) => ofLowRank(how, hasMiddle));
    const v = b();
    expect(A!.apply(v)).toEqual(wanted!.apply(b()));
    for (const solver of [woodbury({ damping: 0.1 }), cg({ damping: 0.1 })]) {
      const { value } = solver.solveSync(A!, v);
      expect(value).toEqual(solver.solveSync(wanted!, b()).value);
    }
    expect(v).toEqual(b());
  });

  it('of a shift, and of I − M', () => {
    const v = b();
    const made = [shifted(float64, triple(inPlace), 1), identityMinus(triple(inPlace))];
    for (const [i, factor] of [4, -2].entries()) {
      expect(made[i]!.apply(v)).toEqual(float64.scale(factor, v));
      expect(made[i]!.transpose!(v)).toEqual(float64.scale(factor, v));
    }
    expect(v).toEqual(b());
  });
});

describe('an operator that returns its argument', () => {
  const identity: LinearOperator<NamedTensors> = {
    apply: (v) => v,
    transpose: (v) => v,
    dispose() {},
  };
  const right = () => ({ x: tf.tensor1d([1, 2, 3]) });
  const damping = 0.5;
  const solvers: LinearSolver[] = [
    cg({ damping }),
    minres({ damping }),
    gmres({ damping }),
    dense({ damping }),
    cgNormal({ damping }),
    neumann({ terms: 30, scale: 0.6, damping }),
    woodbury({ damping }),
  ];
  it.each(solvers.map((solver) => [solver.name, solver] as const))('damped: %s', (_, solver) => {
    const b = right();
    const outputs = { x: tf.zeros([3]) };
    const isLowRank = solver.name === 'woodbury';
    const { apply } = identity;
    const A = isLowRank ? lowRank({ diagonal: 1, outputs, jvp: apply, vjp: apply }) : identity;
    const before = tf.memory().numTensors;
    const { value } = solver.solveSync(A, b);
    const factor = (isLowRank ? 2 : 1) + damping;
    const wanted = [1, 2, 3].map((x) => expect.closeTo(x / factor, 4));
    expect([...value.x!.dataSync()]).toEqual(wanted);
    tf.dispose(value);
    expect([...b.x.dataSync()]).toEqual([1, 2, 3]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('in I − M', () => {
    const v = right();
    expect([...identityMinus(identity).apply(v).x!.dataSync()]).toEqual([0, 0, 0]);
    expect([...v.x.dataSync()]).toEqual([1, 2, 3]);
  });
});
