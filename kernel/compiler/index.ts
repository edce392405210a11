export {
  type Answer,
  CompilationInterrupted,
  Compiler,
  type CompilerWorker,
  type Request,
  type Rest,
} from './client';
export type { Completions } from './completion';
export type { Diagnostic } from './diagnostics';
export type { Compiled } from './session';
