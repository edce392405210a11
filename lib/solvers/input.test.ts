import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, ShapeError } from '../errors';
import type { LinearOperator, NamedTensors } from '../spaces';
import { cg, cgNormal, dense, fixedPoint, gmres, minres, neumann, nystrom, woodbury } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const makers = { cg, cgNormal, dense, fixedPoint, gmres, minres, neumann };
const b = Float64Array.of(1, 2);

describe.each(Object.entries(makers))('%s', (name, make) => {
  it('says how to wrap a function that is given for an operator', async () => {
    const product = ((v: Float64Array) => v) as unknown as LinearOperator<Float64Array>;
    await expect(make().solve(product, b)).rejects.toThrow(InputError);
    await expect(make().solve(product, b)).rejects.toThrow(/a function as the operator.*apply/);
    expect(() => make().solveSync(product, b)).toThrow(InputError);
    expect(() => make().solveDeferred(product, b)).toThrow(InputError);
    await expect(make().solve(undefined as never, b)).rejects.toThrow(/undefined as the operator/);
  });

  it('refuses a product of another length, and leaves no tensor', async () => {
    const longer = () => Float64Array.of(1, 2, 3);
    const A = { apply: longer, transpose: longer, dispose() {} };
    await expect(make().solve(A, b)).rejects.toThrow(ShapeError);

    const x: NamedTensors = { x: tf.tensor1d([1, 2]) };
    const scalar = (): NamedTensors => ({ x: tf.scalar(1) });
    const before = tf.memory().numTensors;
    const B = { apply: scalar, transpose: scalar, dispose() {} };
    await expect(make().solve(B, x)).rejects.toThrow(/'x' has shape \[\]/);
    expect(() => tf.tidy(() => void make().solveSync(B, x))).toThrow(ShapeError);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose(x);
  });

  it('refuses a misspelt option by its name', () => {
    const options = { tol: 1e-3 } as object;
    expect(() => make(options)).toThrow(InputError);
    expect(() => make(options)).toThrow(new RegExp(`tolerance.*'tol' of ${name}`));
  });

  it('refuses a misspelt option of a solve', async () => {
    const A = { apply: (v: Float64Array) => v.slice(), dispose() {} };
    const options = { strat: b } as object;
    await expect(make().solve(A, b, options)).rejects.toThrow(/'strat' of .*solve/);
    expect(() => make().solveSync(A, b, options)).toThrow(InputError);
    expect(() => make().solveDeferred(A, b, 3 as never)).toThrow(InputError);
  });

  it.each(['verify', 'residual'])('refuses a text for %s, which would count as true', (option) => {
    const A = { apply: (v: Float64Array) => v.slice(), dispose() {} };
    const options = { [option]: 'no' } as object;
    expect(() => make().solveSync(A, b, options)).toThrow(/true or false.*the text "no"/);
    expect(() => make().solveSync(A, b, options)).toThrow(InputError);
  });

  it('can be made again from its own record', () => {
    const solver = make({ tolerance: 0.25 });
    expect(make({ ...solver })).toEqual(solver);
  });
});

it('woodbury and nystrom refuse misspelt options too', async () => {
  expect(() => woodbury({ tol: 1 } as object)).toThrow(/'tol' of woodbury/);
  const A = { apply: (v: Float64Array) => v, dispose() {} };
  await expect(nystrom(A, b, { ranks: 2 } as object)).rejects.toThrow(/'ranks' of nystrom/);
});

it.each([(v: Float64Array) => v, null, 'nystrom', {}])('cg refuses the preconditioner %s', (M) => {
  expect(() => cg({ preconditioner: M as never })).toThrow(InputError);
  expect(() => cg({ preconditioner: M as never })).toThrow(/preconditioner.*apply/);
});

it('says that a product which is handed out twice was freed', async () => {
  const [kept, right] = [{ x: tf.tensor1d([1, 1]) }, { x: tf.tensor1d([4, 5]) }];
  const A = { apply: () => kept, transpose: () => kept, dispose() {} };
  await expect(cg().solve(A, right)).rejects.toThrow(/new vector from every apply/);
  tf.dispose([kept, right]);
});
