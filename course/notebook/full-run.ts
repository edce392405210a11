import { variable } from 'implicit-lab/support';

/**
 * Whether lessons run the longer version of their experiments: `FULL=1 npm start`.
 *
 * The pages and their claims are of the shorter one.
 */
export const isFullRun = (): boolean => variable('FULL') === '1';
