export { CompilationInterrupted, Compiler } from './client';
export type { Compiled } from './session';
export type { Diagnostic } from './typescript';
