export { type Callable, FunctionBody, type Label, type Local, type Signature } from './function';
export type { ValueType } from './instructions';
export { type Imported, imported, instantiated } from './module';
