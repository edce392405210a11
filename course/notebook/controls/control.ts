import { liveComms } from '../kernel';
import type { Model } from './model';

const DISPLAY: unique symbol = Symbol.for('Jupyter.display') as never;

/** How a kind of control works. */
export interface Kind<T> {
  /** Opens its widget, showing `value`. */
  open(value: T, labelWidth: string): Model;
  /** Calls `set` with each value that the reader chooses. */
  follow(model: Model, set: (value: T) => void): void;
  /** Label and value for readers; empty where there are none. */
  said(value: T): string;
}

/**
 * Something that a reader sets: a slider, a dropdown, a button.
 *
 * As a cell's last value it shows itself; `interact` draws with it.
 */
export class Control<T> {
  readonly label: string;
  private current: T;
  private model: Model | undefined;
  private readonly listeners: (() => void)[] = [];

  constructor(
    label: string,
    value: T,
    private readonly kind: Kind<T>,
  ) {
    this.label = label;
    this.current = value;
  }

  /** What it is set to; of a button, how often it has been pressed. */
  get value(): T {
    return this.current;
  }

  /** Calls `listener` whenever the reader has chosen another value. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Its widget, which is opened when it is asked for first. */
  widget(labelWidth = 'initial'): Model {
    if (!this.model) {
      this.model = this.kind.open(this.current, labelWidth);
      this.kind.follow(this.model, (value) => {
        this.current = value;
        for (const listener of this.listeners) listener();
      });
    }
    return this.model;
  }

  /** Label and value in words. */
  said(): string {
    return this.kind.said(this.current);
  }

  [DISPLAY](): Record<string, unknown> {
    const words = { 'text/plain': this.said() || `[${this.label}]` };
    if (!liveComms()) return words;
    return { 'application/vnd.jupyter.widget-view+json': this.widget().view, ...words };
  }
}
