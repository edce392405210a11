import { expect, it } from 'vitest';
import { random } from '../../numbers';
import type { Multiply } from './blas';
import { inRows } from './narrow';

/** How a product is asked for, and a plain product of what is asked for. */
function watched() {
  const asked: number[] = [];
  const multiply: Multiply = (ta, tb, m, n, k, a, b, c, add, strides) => {
    asked.push(m);
    const rowOfA = strides?.a ?? (ta ? m : k);
    const rowOfB = strides?.b ?? (tb ? k : n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = add ? c[i * n + j]! : 0;
        for (let p = 0; p < k; p++) {
          sum +=
            a[ta ? p * rowOfA + i : i * rowOfA + p]! * b[tb ? j * rowOfB + p : p * rowOfB + j]!;
        }
        c[i * n + j] = sum;
      }
    }
  };
  return { asked, multiply };
}

const cases: [name: string, ta: boolean, tb: boolean, columns: number, blocks: number][] = [
  ['of few columns is taken in blocks', false, false, 3, 3],
  ['of few columns of a transpose is, too', false, true, 3, 3],
  ['with a large matrix that is transposed is taken at once', true, false, 3, 1],
  ['of many columns is taken at once', false, false, 33, 1],
];

it.each(cases)('a product %s, with the same result', (_, ta, tb, n, blocks) => {
  const [m, k] = [1100, 1000];
  const stream = random(1);
  const [a, b] = [m * k, k * n].map((count) => Float32Array.from(stream.normals(count)));
  for (const add of [false, true]) {
    const [found, expected] = [watched(), watched()];
    const results = [found, expected].map(() => new Float32Array(m * n).fill(7));
    inRows(found.multiply)(ta, tb, m, n, k, a!, b!, results[0]!, add);
    expected.multiply(ta, tb, m, n, k, a!, b!, results[1]!, add);
    expect(found.asked).toHaveLength(blocks);
    expect(results[0]).toEqual(results[1]);
  }
});

it('a part of a wider matrix is read by the distance of its rows', () => {
  const [m, n, k, width] = [1100, 2, 1000, 1003];
  const a = Float32Array.from(random(2).normals(m * width));
  const b = Float32Array.from(random(3).normals(k * n));
  const results = [new Float32Array(m * n), new Float32Array(m * n)];
  const distances = { a: width, b: n };
  inRows(watched().multiply)(false, false, m, n, k, a, b, results[0]!, false, distances);
  watched().multiply(false, false, m, n, k, a, b, results[1]!, false, distances);
  expect(results[0]).toEqual(results[1]);
});
