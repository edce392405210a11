import { expect, it } from 'vitest';
import { coreOf, withKernelsOf } from './blas-core';

const cpuinfo = (vendor: string, flags: string) =>
  `processor\t: 0\nvendor_id\t: ${vendor}\nmodel name\t: any\nflags\t\t: fpu ${flags} rdpid\n\nprocessor\t: 1\n`;
const wide = 'fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl';

it.each([
  ['GenuineIntel', wide, 'SkylakeX'],
  ['GenuineIntel', 'fma avx2 avx512f', 'Haswell'],
  ['GenuineIntel', 'fma avx', undefined],
  ['AuthenticAMD', wide, undefined],
])('of %s with %s: %s', (vendor, flags, core) => {
  expect(coreOf(cpuinfo(vendor, flags))).toBe(core);
});

it('is nothing where nothing is known', () => {
  expect(coreOf('')).toBeUndefined();
});

it('is told while the library is loaded, and not afterwards', () => {
  const environment: Record<string, string | undefined> = {};
  const told = () => environment.OPENBLAS_CORETYPE;
  expect(withKernelsOf('Haswell', environment, told)).toBe('Haswell');
  const fails = () => {
    throw new Error('not there');
  };
  expect(() => withKernelsOf('Haswell', environment, fails)).toThrow('not there');
  expect(withKernelsOf(undefined, environment, told)).toBeUndefined();
  expect(environment).toEqual({});
});

it('leaves what the user has set', () => {
  const environment = { OPENBLAS_CORETYPE: 'Zen' };
  expect(withKernelsOf('Haswell', environment, () => environment.OPENBLAS_CORETYPE)).toBe('Zen');
  expect(environment).toEqual({ OPENBLAS_CORETYPE: 'Zen' });
});
