import { showValues } from './values';

export { type Bundle, inNotebook, publish } from '../output';
export { type BandOptions, band } from './band';
export {
  button,
  type Control,
  type Controls,
  type DropdownOptions,
  dropdown,
  interact,
  type Settings,
  type SliderOptions,
  slider,
} from './controls';
export { type FigureOptions, figure, figureBundle } from './figure';
export { isFullRun } from './full-run';
export { DIVERGING, PALETTE, SEQUENTIAL } from './look';
export { type Progress, progress, track } from './progress';
export { runSeed } from './run-seed';
export { sizeHere } from './size-here';
export { ClaimError, type ClaimOptions, claim, type Finding, predict } from './statements';
export { type Cell, type Column, type TableOptions, table, tableBundle } from './table';
export type { Axis, Layout, Trace, Values } from './trace';

showValues();
