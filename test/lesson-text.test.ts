import { expect, it } from 'vitest';
import { measuredNumbers, unclaimedSizes, unsupported } from './lesson-text';

it('finds what is measured in prose, and nothing else', () => {
  const prose = [
    '# 05 · A question of .5',
    'It ends at .645 after 200 steps, 3.7 × the price, in 12 ms: 84.0 % of 60,000 digits.',
    'With $\\eta = .1$ and `rate = .25` ([Author 2019](https://a.org/1.2), arXiv 1602.02355, section 5.2).',
    '<!-- quoted: .154 --> The paper has .154 and we 1.5·10⁻⁴.',
  ].join('\n');
  expect(measuredNumbers(prose).map(({ text }) => text)).toEqual([
    '.645',
    '3.7 ×',
    '12 ms',
    '84.0 %',
    '1.5·10⁻⁴',
  ]);
});

it('takes a number for printed if a printed one rounds to it', () => {
  const printed = 'loss 0.64512\naccuracy 0.8401\nsteps 1,500\nerror 1.523×10⁻⁴\nother 2e-3';
  const support = { printed, written: '' };
  expect(unsupported('Loss .645, accuracy 84.0 %, error 1.5·10⁻⁴, .002.', support)).toEqual([]);
  expect(unsupported('Loss .646, accuracy 84.1 %, error 1.6·10⁻⁴, 3 times.', support)).toEqual([
    '.646',
    '84.1 %',
    '1.6·10⁻⁴',
    '3 times',
  ]);
});

it('lets prose repeat what code says, and not round it', () => {
  const support = { printed: '', written: 'const RATE = 0.23; const share = 0.1;' };
  expect(unsupported('The rate .23, for 10 % of the rows.', support)).toEqual([]);
  expect(unsupported('The rate .2, for 20 % of the rows.', support)).toEqual(['.2', '20 %']);
});

it('finds sizes in words that no claim has', () => {
  const prose = 'Twenty times as large, by a factor of thirty, less than a tenth; two of three.';
  const claims = ['it is more than twenty times as large', 'at most a tenth'];
  expect(unclaimedSizes(prose, claims)).toEqual(['factor of thirty']);
});
