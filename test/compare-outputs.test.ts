import { describe, expect, test } from 'vitest';
import { compare, compareClaims, isSmaller } from './compare-outputs';
import type { Output } from './output';

/** What a comparison of two lessons takes for the same, and what it does not. */

const shown = (...texts: string[]): Output[] =>
  texts.map((text) => ({ output_type: 'display_data', data: { 'text/plain': text } }));

describe('outputs of a lesson in a page against those that are stored', () => {
  test.each([
    ['training: 42 in 2 min 49 s, CNN', 'training: 42 in 7.3 s, CNN'],
    ['race: 20 in 1 h 04 min', 'race: 20 in 59 s'],
    ['took .3 ms', 'took 12 µs'],
  ])('times differ: %s', (now, stored) => {
    expect(compare(shown(now), shown(stored))).toMatchObject({ words: [], differing: 0 });
  });

  test('the digits that a page fetches are an output of their own', () => {
    const now = shown('the MNIST digits, MB: 11.2 in 2.0 s', '5 digits');
    expect(compare(now, shown('5 digits'))).toMatchObject({ words: [], numbers: 1, differing: 0 });
    const stopped = shown('the MNIST digits, MB: stopped at 3 of 11.2 after 2.0 s', '5 digits');
    expect(compare(stopped, shown('5 digits')).words).toEqual([]);
  });

  test('tables are compared by cells, without columns of times, up to their end', () => {
    const table = (error: string, reached: string, seconds: string, claimed: string) =>
      shown(
        `Errors

way           error  work to .1  time (s)
─────────────────────────────────────────
Adam, η = 1  ${error}  ${reached.padEnd(11)}  ${seconds}

✓ it is below the other (error ${claimed})`,
      );
    const stored = table('0.012', '277', '2.4', '0.012');
    expect(compare(table('0.012', '277', '15.0', '0.012'), stored)).toMatchObject({
      words: [],
      numbers: 5,
      differing: 0,
    });
    expect(compare(table('0.011', 'not reached', '2.4', '0.011'), stored)).toMatchObject({
      words: [],
      differing: 3,
      largest: 1,
    });
    const renamed = compare(
      [
        {
          output_type: 'display_data',
          data: { 'text/plain': String(stored[0]!.data!['text/plain']).replace('Adam', 'Eve') },
        },
      ],
      stored,
    );
    expect(renamed.words).toHaveLength(1);
  });

  test('numbers, words, outputs and other progress count', () => {
    expect(compare(shown('loss 0.31'), shown('loss 0.30')).differing).toBe(1);
    expect(compare(shown('✗ it holds'), shown('✓ it holds')).words).toHaveLength(1);
    const slow = shown('✗ it takes less (ratio 2; seconds differ by machine)');
    expect(compare(slow, shown('✓ it takes less (ratio .5)')).words).toEqual([]);
    expect(compareClaims(slow, shown('✓ it takes less (ratio .5)')).words).toEqual([]);
    expect(compare(shown('a', 'b'), shown('a')).words).toEqual(['2 outputs, not 1']);
    const stopped = 'race: stopped at 3 of 20 after 2.0 s';
    expect(compare(shown(stopped), shown('race: 20 in 2.0 s')).words).toHaveLength(1);
  });

  test('of a lesson with smaller sizes, claims are compared', () => {
    const [stored, now] = [3, 1].map((seeds) =>
      shown(`medians of ${seeds} seeds`, `✓ it holds within ${seeds} % (ratio ${seeds}.5)`),
    );
    expect(isSmaller(shown('In a page, this lesson takes one seed instead of three.'))).toBe(true);
    expect(isSmaller(stored!)).toBe(false);
    expect(compareClaims(now!, stored!).words).toEqual([]);
    expect(compareClaims(shown('✗ it holds within 3 %'), stored!).words).toHaveLength(1);
    expect(compareClaims([], stored!).words).toHaveLength(1);
  });
});
