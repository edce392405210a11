/**
 * How derivatives were computed: `'compiled'`, by programs, and with them the solver or the steps around
 * them; `'partly compiled'`, derivatives by programs and the rest operation by operation; `'interpreted'`,
 * all operation by operation, by the kernels of the backend.
 */
export type Execution = 'compiled' | 'partly compiled' | 'interpreted';
