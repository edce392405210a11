import { expect, it } from 'vitest';
import type { Multiply } from './blas';
import { bySize, LEAST_SHARED } from './by-size';

it('wakes other threads for large products alone, and sets their number where it changes', () => {
  const seen: [what: string, number: number][] = [];
  const plain: Multiply = (_ta, _tb, m) => void seen.push(['rows', m]);
  const multiply = bySize(plain, (threads) => void seen.push(['threads', threads]), 4);
  const nothing = new Float32Array(0);
  const product = (m: number) => multiply(false, false, m, 1, 1, nothing, nothing, nothing, false);
  for (const m of [LEAST_SHARED, LEAST_SHARED - 1, 8, LEAST_SHARED]) product(m);
  expect(seen).toEqual([
    ['threads', 4],
    ['rows', LEAST_SHARED],
    ['threads', 1],
    ['rows', LEAST_SHARED - 1],
    ['rows', 8],
    ['threads', 4],
    ['rows', LEAST_SHARED],
  ]);
});

it('hands a product on as it is asked for', () => {
  const found: Parameters<Multiply>[] = [];
  const multiply = bySize(
    (...product) => found.push(product),
    () => {},
    2,
  );
  const [a, b, c] = [1, 2, 3].map((size) => new Float32Array(size)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const asked: Parameters<Multiply> = [true, false, 2, 3, 4, a, b, c, true, { a: 5, b: 6 }];
  multiply(...asked);
  expect(found).toEqual([asked]);
});
