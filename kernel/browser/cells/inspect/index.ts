import { mappedStack } from '../traces';
import { classOf, functionName, keysOf, prefixOf, unknownInside } from './kinds';
import { layOut } from './layout';
import { printedKey, printedString } from './text';

/** By this name a value has a method that prints it, as for Node.js' `util.inspect`. */
export const ownInspect = Symbol.for('nodejs.util.inspect.custom');

export interface InspectOptions {
  /** How many levels of objects are opened; `null` opens all. */
  depth?: number | null;
  breakLength?: number;
  maxArrayLength?: number | null;
  maxStringLength?: number | null;
}

/** A value as Node.js prints it, as far as a page can look into it: not into promises. */
export function inspect(value: unknown, options: InspectOptions = {}): string {
  return new Inspection(options).print(value, 0);
}

const LEVELS_ON_A_LINE = 3;

type Shape = {
  braces: [string, string];
  base?: string;
  /** The entries before the properties. */
  entries?: string[];
  list?: readonly unknown[];
  cut?: boolean;
};

/** What is printed of a value before its own properties. */
type Kind = {
  /** All of it, where it has no properties. */
  whole: string;
  /** In the place of what is too deep. */
  short: string;
  count: number;
  /** Own keys that are not properties, such as the indices of a list. */
  hidden?: (key: PropertyKey) => boolean;
  fill(level: number): Shape;
};

class Inspection {
  private readonly depth: number;
  private readonly width: number;
  private readonly mostEntries: number;
  private readonly mostCharacters: number;
  private readonly open: object[] = [];
  private readonly circular = new Map<object, number>();
  private indentation = 0;
  /** The level of the object that was begun last. */
  private deepest = 0;

  constructor(private readonly options: InspectOptions) {
    this.depth = options.depth === undefined ? 2 : (options.depth ?? Number.POSITIVE_INFINITY);
    this.width = options.breakLength ?? 80;
    this.mostEntries = limit(options.maxArrayLength, 100);
    this.mostCharacters = limit(options.maxStringLength, 10_000);
  }

  print(value: unknown, level: number): string {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return this.primitive(value);
    }
    const own: unknown = Reflect.get(value, ownInspect);
    if (typeof own === 'function' && own !== inspect) {
      const given: unknown = own.call(
        value,
        this.depth - level,
        { ...this.options, stylize: String },
        inspect,
      );
      if (given !== value) {
        if (typeof given !== 'string') return this.print(given, level);
        return given.replaceAll('\n', `\n${' '.repeat(this.indentation)}`);
      }
    }
    if (this.open.includes(value)) {
      const number = this.circular.get(value) ?? this.circular.size + 1;
      this.circular.set(value, number);
      return `[Circular *${number}]`;
    }
    return this.object(value, level);
  }

  private primitive(value: unknown): string {
    if (typeof value === 'string') {
      const left = value.length - this.mostCharacters;
      const shown = printedString(
        value.slice(0, this.mostCharacters),
        this.width,
        this.indentation,
      );
      return left > 0 ? `${shown}... ${left} more character${left > 1 ? 's' : ''}` : shown;
    }
    if (typeof value === 'bigint') return `${value}n`;
    return Object.is(value, -0) ? '-0' : String(value);
  }

  private object(value: object, level: number): string {
    const kind = this.kindOf(value);
    const keys = keysOf(value).filter((key) => !kind.hidden?.(key));
    const isEmpty = keys.length === 0 && kind.count === 0;
    if (isEmpty) return kind.whole;
    if (level > this.depth) return `[${kind.short}]`;
    this.open.push(value);
    this.deepest = level;
    const { braces, base = '', entries = [], list, cut = false } = kind.fill(level);
    const properties = keys.map((key) => this.property(value, key, level));
    this.open.pop();
    const output = [...entries, ...properties];
    const number = this.circular.get(value);
    const mark = number === undefined ? '' : `<ref *${number}> `;
    if (output.length === 0) {
      return base === '' ? `${mark}${braces[0]}${braces[1]}` : `${mark}${base}`;
    }
    if (mark !== '' && base === '') braces[0] = `${mark}${braces[0]}`;
    return layOut(
      {
        output,
        base: base === '' ? '' : `${mark}${base}`,
        braces,
        indentation: this.indentation,
        list: properties.length === 0 ? list : list && [...list, undefined],
        cut,
        below: this.deepest - level,
      },
      { width: this.width, levels: LEVELS_ON_A_LINE },
    );
  }

  /** What kind of thing a value is. */
  private kindOf(value: object): Kind {
    const name = classOf(value);
    if (Array.isArray(value)) return this.array(value, name);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return this.typedArray(value as typeof value & ArrayLike<number>, name);
    }
    if (value instanceof Map) return this.map(value, name);
    if (value instanceof Set) return this.set(value, name);
    const base = baseOf(value, name)?.replaceAll('\n', `\n${' '.repeat(this.indentation)}`);
    if (base === undefined) return plainObject(value, name);
    if (value instanceof Error) return this.error(value, base);
    return {
      short: shortNameOf(name),
      count: 0,
      whole: base,
      ...(value instanceof String && { hidden: isIndex }),
      fill: () => ({ base, braces: ['{', '}'] }),
    };
  }

  private array(value: unknown[], name: string | undefined): Kind {
    const prefix = name === 'Array' ? '' : `${name ?? '[Array: null prototype]'}(${value.length}) `;
    return { short: 'Array', ...this.list(value, prefix, () => value) };
  }

  private typedArray(value: ArrayLike<number>, name: string | undefined): Kind {
    const prefix = `${name}(${value.length}) `;
    return { short: shortNameOf(name), ...this.list(value, prefix, () => Array.from(value)) };
  }

  private list(
    value: ArrayLike<unknown>,
    prefix: string,
    entriesOf: () => readonly unknown[],
  ): Omit<Kind, 'short'> {
    return {
      count: value.length,
      whole: `${prefix}[]`,
      hidden: isIndex,
      fill: (level) => ({
        braces: [`${prefix}[`, ']'],
        ...this.items(value, level),
        list: entriesOf(),
      }),
    };
  }

  private map(value: Map<unknown, unknown>, name: string | undefined): Kind {
    const entry = (key: unknown, item: unknown, level: number) =>
      this.indented(2, () => `${this.print(key, level + 1)} => ${this.print(item, level + 1)}`);
    return {
      short: shortNameOf(name),
      count: value.size,
      whole: `${name}(0) {}`,
      fill: (level) => ({
        braces: [`${name}(${value.size}) {`, '}'],
        ...this.cutTo([...value], ([key, item]) => entry(key, item, level)),
      }),
    };
  }

  private set(value: Set<unknown>, name: string | undefined): Kind {
    return {
      short: shortNameOf(name),
      count: value.size,
      whole: `${name}(0) {}`,
      fill: (level) => ({
        braces: [`${name}(${value.size}) {`, '}'],
        ...this.cutTo([...value], (item) => this.indented(2, () => this.print(item, level + 1))),
      }),
    };
  }

  private error(value: Error, base: string): Kind {
    const hasCause = value.cause !== undefined;
    return {
      short: base,
      count: hasCause ? 1 : 0,
      whole: base,
      hidden: (key) => /^(stack|message)$/.test(String(key)),
      fill: (level) => ({
        base,
        braces: ['{', '}'],
        entries:
          hasCause && !Object.keys(value).includes('cause')
            ? [`[cause]: ${this.indented(2, () => this.print(value.cause, level + 1))}`]
            : [],
      }),
    };
  }

  private items(list: ArrayLike<unknown>, level: number): { entries: string[]; cut: boolean } {
    const entries: string[] = [];
    let at = 0;
    while (at < list.length && entries.length < this.mostEntries) {
      if (at in list) {
        const item = list[at++];
        entries.push(this.indented(2, () => this.print(item, level + 1)));
        continue;
      }
      const from = at;
      while (at < list.length && !(at in list)) at++;
      entries.push(`<${at - from} empty item${at - from > 1 ? 's' : ''}>`);
    }
    const left = list.length - at;
    if (left > 0) entries.push(more(left));
    return { entries, cut: left > 0 };
  }

  private cutTo<T>(items: T[], print: (item: T) => string): { entries: string[] } {
    const entries = items.slice(0, this.mostEntries).map(print);
    const left = items.length - entries.length;
    return { entries: left > 0 ? [...entries, more(left)] : entries };
  }

  private property(value: object, key: PropertyKey, level: number): string {
    const descriptor = Object.getOwnPropertyDescriptor(value, key) ?? {
      value: Reflect.get(value, key),
      enumerable: true,
    };
    const name = printedKey(key, descriptor.enumerable === true);
    if (descriptor.get) return `${name}: ${descriptor.set ? '[Getter/Setter]' : '[Getter]'}`;
    if (descriptor.set) return `${name}: [Setter]`;
    const text = this.indented(2, () => this.print(descriptor.value, level + 1));
    return `${name}: ${text}`;
  }

  private indented(by: number, print: () => string): string {
    this.indentation += by;
    try {
      return print();
    } finally {
      this.indentation -= by;
    }
  }
}

const limit = (given: number | null | undefined, preset: number): number =>
  given === undefined ? preset : (given ?? Number.POSITIVE_INFINITY);

const more = (left: number): string => `... ${left} more item${left > 1 ? 's' : ''}`;

const isIndex = (key: PropertyKey): boolean => typeof key === 'string' && /^\d+$/.test(key);

const shortNameOf = (name: string | undefined): string => name ?? 'Object: null prototype';

function plainObject(value: object, name: string | undefined): Kind {
  const prefix = prefixOf(value, name);
  const unknown = unknownInside(value);
  return {
    short: shortNameOf(name),
    count: unknown.length,
    whole: `${prefix}{}`,
    fill: () => ({ braces: [`${prefix}{`, '}'], entries: unknown }),
  };
}

/** The text of what is printed by one, before its own properties. */
function baseOf(value: object, name: string | undefined): string | undefined {
  if (typeof value === 'function') return functionName(value);
  if (value instanceof Error) {
    const stack = (typeof value.stack === 'string' && mappedStack(value.stack)) || String(value);
    return /\n\s+at /.test(stack) ? stack : `[${stack}]`;
  }
  if (value instanceof RegExp) return String(value);
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  for (const box of [Number, String, Boolean, BigInt, Symbol]) {
    if (!(value instanceof box)) continue;
    const inner: unknown = value.valueOf();
    return `[${name}: ${inspect(inner)}]`;
  }
  return undefined;
}
