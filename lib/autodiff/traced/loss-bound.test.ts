import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { leaveOutWithoutPrograms } from '../../../test/needs';
import { useBackend } from '../../backends';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { random } from '../../numbers';
import { entriesView, entryOf, f, negative, times } from './entries';
import { boundOfLoss, CERTAINLY_FINITE } from './loss-bound';
import { Program } from './program';
import { rowSums, sumOver } from './reductions';
import type { Entries, View } from './value';

leaveOutWithoutPrograms();

beforeAll(() => useBackend('wasm', { threads: 1 }));

const shape = [3, 5];
const given = (number: number): View => ({
  value: { size: 15, given: number, late: false },
  shape,
});
const [x, y] = [given(0), given(1)];
const number = (value: number): Entries => ({ kind: 'number', value });
const softplus = (of: View) => entriesView(f('softplus', entryOf(of)), of.shape);
const sum = (of: View) => sumOver(of, of.shape, undefined, false, []);
const mean = (of: View) => sumOver(of, of.shape, undefined, true, []);
const plus = (a: View, b: View) => entriesView(f('add', entryOf(a), entryOf(b)), a.shape);
const scaled = (by: number, a: View) => entriesView(f('multiply', number(by), entryOf(a)), a.shape);
const exponentials = (of: View) => entriesView(f('exponential', entryOf(of)), of.shape);

const losses: [string, View][] = [
  ['a mean', mean(softplus(negative(times(x, y))))],
  ['a mean and a penalty', plus(mean(softplus(x)), scaled(0.5, sum(times(y, y))))],
  ['a negative sum less another', plus(negative(sum(softplus(x))), sum(softplus(y)))],
  ['weights', sum(times(softplus(x), y))],
  ['a very small factor', scaled(1e-37, sum(softplus(scaled(1e30, x))))],
  ['a square of rows', sum(times(rowSums(softplus(x)), rowSums(softplus(y))))],
  ['a product of three', sum(times(times(softplus(x), softplus(y)), softplus(x)))],
  ['an exponential beside it', plus(sum(softplus(x)), sum(exponentials(y)))],
  ['one within another', sum(softplus(negative(softplus(x))))],
];

describe('a bound of a loss', () => {
  it.each(losses)('below the limit says that it is finite: %s', (_, loss) => {
    const heap = tf.backend() as Heap;
    const bound = boundOfLoss(loss)!;
    const program = Program.of(heap, [bound, loss], { inHalves: false });
    const draw = random(1);
    const seen = { below: 0, beyond: 0 };
    for (let exponent = -30; exponent <= 38; exponent++) {
      const numbers = () => draw.normals(15).map((value) => value * 10 ** exponent);
      for (const [i, spoilt] of [0, Number.NaN, Infinity, -Infinity].entries()) {
        const values = [numbers(), numbers()];
        if (i > 0) values[exponent & 1]![7] = spoilt;
        const tensors = values.map((each) => tf.tensor(Float32Array.from(each), shape));
        const results = program.run(tensors);
        const [limit, value] = results.map((each) => each.dataSync()[0]!);
        tf.dispose([...tensors, ...results]);
        const isBelow = Math.abs(limit!) < CERTAINLY_FINITE;
        seen[isBelow ? 'below' : 'beyond']++;
        if (!isBelow) continue;
        expect(value).toSatisfy(Number.isFinite);
        expect(Math.abs(value!)).toBeLessThanOrEqual(limit! * (1 + 1e-5));
      }
    }
    expect(Math.min(seen.below, seen.beyond)).toBeGreaterThan(20);
    program.dispose();
  });

  it('is missing where nothing takes less time', () => {
    expect(boundOfLoss(sum(exponentials(x)))).toBeUndefined();
    expect(boundOfLoss(sum(exponentials(softplus(x))))).toBeUndefined();
    expect(boundOfLoss(mean(times(x, y)))).toBeUndefined();
  });

  it('adds factors, which the product alone might hide', () => {
    const heap = tf.backend() as Heap;
    const loss = sum(times(softplus(x), y));
    const program = Program.of(heap, [boundOfLoss(loss)!], { inHalves: false });
    const tensors = [tf.fill(shape, 1e18), tf.zeros(shape)];
    const [limit] = program.run(tensors);
    expect(limit!.dataSync()[0]).toBeGreaterThan(CERTAINLY_FINITE);
    tf.dispose([...tensors, limit!]);
    program.dispose();
  });
});
