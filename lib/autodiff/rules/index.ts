import type { Rule } from '../program';
import { reverse } from './reverse';

/** The derivative of an operation, by the shortest rule there is for it. */
export const derive: Rule = reverse;
