export { button } from './button';
export type { Control } from './control';
export { type DropdownOptions, dropdown } from './dropdown';
export { type Controls, interact, type Settings } from './interact';
export { type SliderOptions, slider } from './slider';
