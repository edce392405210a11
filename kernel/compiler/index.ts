export { CompilationInterrupted, Compiler } from './client';
export type { Completions } from './completion';
export type { Diagnostic } from './diagnostics';
export type { Compiled } from './session';
