export { button } from './button';
export type { Control } from './control';
export { type Drawn, drawn, viewState } from './drawing';
export { type DropdownOptions, dropdown } from './dropdown';
export { type Controls, interact, type Settings } from './interact';
export { openLive } from './live';
export { type SliderOptions, slider } from './slider';
export { openColumn, openControl } from './widgets';
