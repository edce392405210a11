import type { Blas } from '../blas-library';

export type { Blas, Multiply } from '../blas-library';

/** Why OpenBLAS cannot be used here, whatever is installed. */
export const blasObstacle = (): string | undefined => 'a page cannot call libraries of the system';

/** No library. */
export const loadBlas = (): Blas | { missing: string } => ({
  missing: 'a page cannot call libraries of the system',
});
