export { check } from './check';
export type { Evidence } from './compare';
export { type Hint, hint } from './hint';
export { progressMap } from './progress-map';
export { ToDoError, todo } from './todo';
export type { Status as VerdictStatus, Verdict } from './verdict';
