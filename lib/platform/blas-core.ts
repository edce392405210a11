/**
 * What `load` returns, while an environment has some variables, except where the caller has set them
 * or they are undefined.
 */
export function withVariables<T>(
  variables: Readonly<Record<string, string | undefined>>,
  environment: Record<string, string | undefined>,
  load: () => T,
): T {
  const added = Object.entries(variables).filter(
    ([name, value]) => value !== undefined && environment[name] === undefined,
  );
  for (const [name, value] of added) environment[name] = value;
  try {
    return load();
  } finally {
    // Programs that this one starts choose for themselves.
    for (const [name] of added) delete environment[name];
  }
}

/**
 * What OpenBLAS is told while it is loaded.
 *
 * The core: a release knows the processors of Intel that were there before it, by their numbers, and takes any later
 * one for a Pentium 4, with which a matrix product takes three to four times as long.
 *
 * The timeout is the logarithm of the cycles for which a thread spins after a product, on a core that
 * others may need: half a millisecond, where its default is some 30. A thread that has spun its share
 * away is put last on a busy machine, and the product waits for it for up to 20 ms; one that sleeps is
 * woken at once.
 */
export const blasVariables = (core: string | undefined) => ({
  OPENBLAS_CORETYPE: core,
  OPENBLAS_THREAD_TIMEOUT: '20',
});

const AVX512 = ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'];
const AVX2 = ['avx2', 'fma'];

/**
 * OpenBLAS's name for the kernels that suit a processor; undefined where its own choice does.
 *
 * @param cpuinfo the text of `/proc/cpuinfo`; the first processor counts
 */
export function coreOf(cpuinfo: string): string | undefined {
  const entry = (name: string) => cpuinfo.match(new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm'))?.[1];
  if (entry('vendor_id') !== 'GenuineIntel') return undefined;
  const flags = new Set(entry('flags')?.split(' '));
  if (AVX512.every((flag) => flags.has(flag))) return 'SkylakeX';
  return AVX2.every((flag) => flags.has(flag)) ? 'Haswell' : undefined;
}
