import { expect, it } from 'vitest';
import { looseClaims } from './lesson-claims';

const claims = (...statements: string[]) =>
  statements.map((statement, i) => `claim('claim ${i}', () => (${statement}));`).join('\n');

it('finds claims that cannot be false', () => {
  const code = claims('{ holds: true, a }', '{ holds: a <= a, a }', '{ holds: a < b, a, b }');
  expect(looseClaims(code)).toEqual(["'claim 0'", "'claim 1'"]);
});

it('finds numbers that have nothing to do with what decides', () => {
  const code = `const ratio = first / last; const other = 3;
${claims('{ holds: ratio < 2, last }', '{ holds: ratio < 2, other }', '{ holds: Math.max(...ends) < 1, other: Math.max(...later) }')}`;
  expect(looseClaims(code)).toEqual(["'claim 1'", "'claim 2'"]);
});
