import { describe, expect, it } from 'vitest';
import { formatNumber, formatSeconds, readableNumbers } from './number';

describe('formatNumber', () => {
  it.each([
    [0.912, '0.9120'],
    [-0.05, '−0.05'],
    [1234.5678, '1,235'],
    [60000, '60,000'],
    [0, '0'],
    [-0, '0'],
    [999_999, '999,999'],
    [1_000_000, '1×10⁶'],
    [-1.5e-7, '−1.5×10⁻⁷'],
    [999_999.6, '1.000×10⁶'],
    [0.0001, '0.0001'],
    [0.2501, '0.2501'],
    [0.125, '0.1250'],
    [0.00009, '9×10⁻⁵'],
    [0.99996, '1.000'],
    [12.5e20, '1.250×10²¹'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '−∞'],
  ])('writes %f as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  it('keeps as many digits as asked for', () => {
    expect(formatNumber(Math.PI, 2)).toBe('3.1');
    expect(formatNumber(Math.PI, 6)).toBe('3.14159');
    expect(formatNumber(1.23e-9, 1)).toBe('1×10⁻⁹');
  });
});

describe('readableNumbers', () => {
  it.each([
    ['from 3e-6 to 69', 'from 3×10⁻⁶ to 69'],
    ['silently wrong by 1.5e+2 %', 'silently wrong by 150 %'],
    ['f = 8e-2, f = 3e+0; -6.5e-21.', 'f = 0.08, f = 3; −6.5×10⁻²¹.'],
    ['(series 6.2e+18), 1e5', '(series 6.2×10¹⁸), 100,000'],
    ['0.0000068 and 0.00013, −0.00007', '6.8×10⁻⁶ and 0.00013, −7×10⁻⁵'],
    ['head 784-32-5, cell2e3, 0x1e5, .5', 'head 784-32-5, cell2e3, 0x1e5, .5'],
  ])('writes %s as %s', (text, read) => {
    expect(readableNumbers(text)).toBe(read);
  });
});

describe('formatSeconds', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [65, '1 min 05 s'],
    [3599.7, '1 h 00 min'],
    [7810, '2 h 10 min'],
  ])('writes %f as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
