import { expect, it } from 'vitest';
import { random } from '../../numbers';
import type { Multiply } from './blas';
import { inBlocks, multipliesWithoutCopies } from './narrow';

/** How a product is asked for, and a plain product of what is asked for. */
function watched() {
  const asked: number[] = [];
  const sizes: number[] = [];
  const multiply: Multiply = (ta, tb, m, n, k, a, b, c, add, strides) => {
    asked.push(m);
    sizes.push(m * n * k);
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
  return { asked, sizes, multiply };
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
    inBlocks(found.multiply)(ta, tb, m, n, k, a!, b!, results[0]!, add);
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
  inBlocks(watched().multiply)(false, false, m, n, k, a, b, results[0]!, false, distances);
  watched().multiply(false, false, m, n, k, a, b, results[1]!, false, distances);
  expect(results[0]).toEqual(results[1]);
});

const tiles: [name: string, ta: boolean, tb: boolean, n: number, threads: number, calls: number][] =
  [
    ['with few columns is in small blocks', false, false, 3, 1, 24],
    ['with a large matrix that is transposed is, too', true, false, 3, 2, 24],
    ['with the most columns is, too', false, false, 32, 2, 46],
    ['of few columns of a transpose is in large ones', false, true, 3, 1, 3],
    ['on several threads is in large ones', false, false, 3, 4, 3],
    ['of a transpose on several threads is taken at once', true, false, 3, 4, 1],
  ];

it.each(tiles)('by kernels without copies a product %s', (...given) => {
  const [, ta, tb, n, threads, calls] = given;
  const [height, width] = [1100, 1000];
  const [m, k] = ta ? [width, height] : [height, width];
  const stream = random(4);
  // Rows that are further apart than they are long; whole numbers, so that any order adds up to the same.
  const whole = (count: number) => Float32Array.from(stream.normals(count), Math.round);
  const distances = { a: width + 3, b: (tb ? k : n) + 2 };
  const [a, b] = [whole(height * distances.a), whole((tb ? n : k) * distances.b)];
  for (const add of [false, true]) {
    const [found, expected] = [watched(), watched()];
    const results = [found, expected].map(() => new Float32Array(m * n).fill(7));
    const product = inBlocks(found.multiply, { withoutCopies: true, threads });
    product(ta, tb, m, n, k, a, b, results[0]!, add, distances);
    expected.multiply(ta, tb, m, n, k, a, b, results[1]!, add, distances);
    expect(found.asked).toHaveLength(calls);
    if (threads <= 2 && !tb) expect(Math.max(...found.sizes)).toBeLessThanOrEqual(1e6);
    expect(results[0]).toEqual(results[1]);
  }
});

it('kernels without copies are those of OpenBLAS for AVX-512', () => {
  const names = ['SkylakeX', 'SAPPHIRERAPIDS', 'Haswell', 'Zen'];
  const config = (core: string) => `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ${core} MAX_THREADS=64`;
  expect(names.map((core) => multipliesWithoutCopies(config(core)))).toEqual([
    ...[true, true, false, false],
  ]);
});
