export { makeProgram } from './bundle';
export { checkInNotebook, type NotebookVerdict, verdictWithout } from './check';
export { plainLaunch } from './launch';
export type { Limits } from './learner';
export { codeFor, exercisesOf, NotebookError, readNotebook, sectionsOf } from './notebook';
export { type Sandbox, sandboxLaunch, sandboxProblem } from './sandbox';
export { makeSnapshot } from './snapshot';
