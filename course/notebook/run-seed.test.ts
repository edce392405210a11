import { InputError } from 'implicit-lab';
import { afterEach, expect, it, vi } from 'vitest';
import { runSeed } from './run-seed';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('is the seed itself, and another one in each further run', () => {
  expect(runSeed(7)).toBe(7);
  vi.stubEnv('IMPLICIT_LAB_SEED', '2');
  expect(runSeed(7)).toBe(2007);
});

it('refuses what is not a seed', () => {
  expect(() => runSeed(0.5)).toThrow(InputError);
  vi.stubEnv('IMPLICIT_LAB_SEED', 'two');
  expect(() => runSeed(7)).toThrow(InputError);
});
