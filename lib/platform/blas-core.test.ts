import { expect, it } from 'vitest';
import { blasVariables, coreOf, withVariables } from './blas-core';

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
  const told = () => ({ ...environment });
  const all = { OPENBLAS_CORETYPE: 'Haswell', OPENBLAS_THREAD_TIMEOUT: '20' };
  expect(withVariables(blasVariables('Haswell'), environment, told)).toEqual(all);
  const fails = () => {
    throw new Error('not there');
  };
  expect(() => withVariables(blasVariables('Haswell'), environment, fails)).toThrow('not there');
  const { OPENBLAS_CORETYPE: _, ...others } = all;
  expect(withVariables(blasVariables(undefined), environment, told)).toEqual(others);
  expect(environment).toEqual({});
});

it('leaves what the user has set', () => {
  const set = { OPENBLAS_CORETYPE: 'Zen', OPENBLAS_THREAD_TIMEOUT: '26' };
  const environment = { ...set };
  expect(withVariables(blasVariables('Haswell'), environment, () => ({ ...environment }))).toEqual(
    set,
  );
  expect(environment).toEqual(set);
});
