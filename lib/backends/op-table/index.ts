import type { Case } from './case';
import { elementwise } from './elementwise';
import { layers } from './layers';
import { rest } from './losses';
import { movement } from './movement';
import { products } from './products';
import { reductions_ } from './reductions';

/** Every differentiable op of TensorFlow.js, called in every way that matters for derivatives. */
export const opTable: Case[] = [
  ...elementwise,
  ...reductions_,
  ...movement,
  ...products,
  ...rest,
  ...layers,
];

export type { Case, Draw, Input } from './case';
export { type Around, type Evaluation, evaluate, inputsOf, quotients } from './evaluate';
