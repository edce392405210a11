export { check } from './check';
export type { Alternative, Exercise, Mutant, Probe, Property, Run, Task } from './exercise';
export { type Hint, hint } from './hint';
export { progressMap } from './progress-map';
export { ToDoError, todo } from './todo';
export type { Status, Verdict } from './verdict';
