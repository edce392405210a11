import { exportOf } from './namespace';

/** Holds the value of one name, as the property of that name. */
export type Box = Record<string, unknown>;

/** The names that all cells share, each with its value in a box. */
export class Boxes {
  private readonly boxes = new Map<string, Box>();

  /** A box without its value at first: the engine then takes its kind from the first one. */
  box(name: string): Box {
    // In an object like all others, `__proto__` is not a property of its own.
    const box = this.boxes.get(name) ?? (name === '__proto__' ? Object.create(null) : {});
    this.boxes.set(name, box);
    return box;
  }

  /** The names of all cells with their values, for a debugger. */
  variables(): Record<string, unknown> {
    const named = [...this.boxes].filter(([name, box]) => Object.hasOwn(box, name));
    return Object.fromEntries(named.map(([name, box]) => [name, box[name]]));
  }

  /** Gives names the exports of a module, which `names` holds by the name that each gets. */
  import(module: unknown, names: Readonly<Record<string, string>>): void {
    for (const [local, exported] of Object.entries(names)) {
      this.bind(local, exportOf(module, exported));
    }
  }

  /** An export of a module that may change is read again each time, until a cell redefines the name. */
  private bind(name: string, exported: ReturnType<typeof exportOf>): void {
    const box = this.box(name);
    const plain = { configurable: true, enumerable: true, writable: true };
    if ('value' in exported) {
      Object.defineProperty(box, name, { ...plain, value: exported.value });
      return;
    }
    Object.defineProperty(box, name, {
      configurable: true,
      enumerable: true,
      get: exported.get,
      set: (value) => Object.defineProperty(box, name, { ...plain, value }),
    });
  }
}

/** A cell's messages while it runs. */
export interface Progress {
  made(...names: string[]): void;
  result(value: unknown): void;
}
