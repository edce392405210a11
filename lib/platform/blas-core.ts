const VARIABLE = 'OPENBLAS_CORETYPE';

/**
 * What `load` returns, while an environment tells OpenBLAS which of its kernels this processor can run.
 *
 * A release of OpenBLAS knows the processors of Intel that were there before it, by their numbers, and takes any later
 * one for a Pentium 4: a matrix product then takes three to four times as long. A caller who has set the variable
 * themselves is left alone.
 */
export function withKernelsOf<T>(
  core: string | undefined,
  environment: Record<string, string | undefined>,
  load: () => T,
): T {
  if (core === undefined || environment[VARIABLE] !== undefined) return load();
  environment[VARIABLE] = core;
  try {
    return load();
  } finally {
    // Programs that this one starts choose for themselves.
    delete environment[VARIABLE];
  }
}

const AVX512 = ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'];
const AVX2 = ['avx2', 'fma'];

/**
 * OpenBLAS's name for the kernels that suit a processor; undefined where its own choice does.
 *
 * @param cpuinfo what Linux says of the processors, of which the first counts
 */
export function coreOf(cpuinfo: string): string | undefined {
  const entry = (name: string) => cpuinfo.match(new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm'))?.[1];
  if (entry('vendor_id') !== 'GenuineIntel') return undefined;
  const flags = new Set(entry('flags')?.split(' '));
  if (AVX512.every((flag) => flags.has(flag))) return 'SkylakeX';
  return AVX2.every((flag) => flags.has(flag)) ? 'Haswell' : undefined;
}
