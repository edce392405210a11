import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { blasVariables, coreOf, withVariables } from '../blas-core';
import type { Blas } from '../blas-library';

export type { Blas, Multiply } from '../blas-library';

const names = ['libopenblas.so.0', 'libopenblas.so', 'libopenblas.dylib', 'libopenblas.dll'];
const rowMajor = 101;
const order = (transpose: boolean) => (transpose ? 112 : 111);

/** The package that calls libraries of the system; who installed the library alone may not have it. */
function findKoffi(): typeof import('koffi') | undefined {
  try {
    return createRequire(__filename)('koffi');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The kernels for this processor, where OpenBLAS does not choose them well. */
function ownCore(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  try {
    return coreOf(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return undefined;
  }
}

/** Why OpenBLAS cannot be used here, whatever is installed: nothing is in the way. */
export const blasObstacle = (): string | undefined => undefined;

/** The system's OpenBLAS, or why there is none. */
export function loadBlas(): Blas | { missing: string } {
  const koffi = findKoffi();
  if (!koffi) return { missing: 'the package koffi is not installed (npm install koffi)' };
  const variables = blasVariables(ownCore());
  for (const file of names) {
    try {
      const library = withVariables(variables, process.env, () => koffi.load(file));
      const sgemm = library.func(
        'void cblas_sgemm(int, int, int, int, int, int, float, const float*, int, const float*, int, float, _Inout_ float*, int)',
      );
      const setThreads = library.func('void openblas_set_num_threads(int)');
      const config = library.func('const char* openblas_get_config()') as () => string;
      return {
        name: config().trim(),
        setThreads,
        multiply: (ta, tb, m, n, k, a, b, c, add, strides) =>
          sgemm(
            rowMajor,
            order(ta),
            order(tb),
            m,
            n,
            k,
            1,
            a,
            strides?.a ?? (ta ? m : k),
            b,
            strides?.b ?? (tb ? k : n),
            add ? 1 : 0,
            c,
            n,
          ),
      };
    } catch {
      // Not under this name; perhaps under the next.
    }
  }
  return { missing: 'no OpenBLAS was found' };
}
