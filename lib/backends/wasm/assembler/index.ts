export { type Callable, FunctionBody, type Label, type Local, type Signature } from './function';
export { addProduct, hasMultiplyAdd } from './fused-multiply-add';
export type { InstructionName, MemoryInstructionName, ValueType } from './instructions';
export { type Imported, imported, instantiated, isOfModule, originOf } from './module';
