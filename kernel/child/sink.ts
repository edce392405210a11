import type { Bundle, Stream } from './messages';

/** Shows `bundle` under the running cell; `update` replaces the output with its `display_id`. */
export type Display = (bundle: Bundle, update?: boolean) => void;

/** Where what a function shows and prints goes, instead of under the running cell. */
export interface Sink {
  display: Display;
  print(name: Stream, text: string): void;
  /** An interrupt has ended the function: if it had returned a promise, that stays pending. */
  interrupted(): void;
}
