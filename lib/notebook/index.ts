export { type Bundle, inNotebook, publish } from './display';
export { type FigureOptions, figure, figureBundle } from './figure';
export type { Axis, Layout, Trace, Values } from './trace';
