import { expect, it } from 'vitest';
import { comparison, ratiosOf, type Saved } from '../bench/measurements';

const saved = (measurements: Record<string, number[]>): Saved => ({
  benchmark: 'any',
  args: [],
  date: '2026-01-01',
  machine: 'one',
  node: 'v22',
  load: 0,
  measurements,
});

it('compares medians, and is sure only where the quartiles are apart', () => {
  const [twice, same] = ratiosOf(
    { twice: [1, 2, 3], same: [1, 2, 3], lost: [1] },
    { twice: [7, 8, 9], same: [1.5, 2.2, 3.5], fresh: [1] },
  );
  expect(twice).toEqual({
    label: 'twice',
    before: 2,
    after: 8,
    ratio: 4,
    range: [7.5 / 2.5, 8.5 / 1.5],
    verdict: 'slower',
  });
  expect(same!.ratio).toBeCloseTo(1.1);
  expect(same!.verdict).toBe('');
});

it('one round each decides nothing', () => {
  const [faster] = ratiosOf({ a: [4] }, { a: [1] });
  expect(faster).toMatchObject({ ratio: 0.25, range: [0.25, 0.25], verdict: '' });
});

it('names what makes two runs incomparable', () => {
  const text = comparison(
    saved({ a: [2, 2, 2], b: [1] }),
    { ...saved({ a: [1, 1, 1] }), machine: 'another', args: ['cpu'] },
    'before',
  );
  expect(text).toMatch(/Other machine: one before, another now/);
  expect(text).toMatch(/Other arguments: none before, cpu now/);
  expect(text).toMatch(/Not measured now: b/);
  expect(text).toMatch(/a +2\.00 +1\.00 +0\.50 +0\.50 – 0\.50 +faster/);
});
