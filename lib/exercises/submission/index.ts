export { checkInNotebook, type NotebookVerdict } from './check';
export { codeFor, exercisesOf, NotebookError, readNotebook, sectionsOf } from './notebook';
export type { Limits } from './run';
