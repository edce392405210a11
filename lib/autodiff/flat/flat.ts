/** How named tensors are stored one after another. */
export class Layout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  /** The number of entries of each. */
  readonly sizes: readonly number[];
  /** Where each begins, in bytes. */
  readonly offsets: readonly number[];
  /** The number of all entries. */
  readonly size: number;

  constructor(like: Record<string, { shape: readonly number[]; size: number }>) {
    this.names = Object.keys(like);
    this.shapes = this.names.map((name) => like[name]!.shape);
    this.sizes = this.names.map((name) => like[name]!.size);
    let size = 0;
    this.offsets = this.sizes.map((count) => {
      const offset = 4 * size;
      size += count;
      return offset;
    });
    this.size = size;
  }
}

/** A vector of float32 in the backend's memory, unknown to TensorFlow.js. */
export class Flat {
  readonly layout: Layout;
  readonly address: number;
  alive = true;
  kept = false;
  /** How many still read it, also after it was freed. */
  readers = 0;

  constructor(layout: Layout, address: number) {
    this.layout = layout;
    this.address = address;
  }

  /** The addresses of its parts. */
  parts(): number[] {
    const { address } = this;
    return this.layout.offsets.map((offset) => address + offset);
  }
}

const layouts = new Map<number, Layout>();

/** The number of its numbers, or of its addresses. */
export const numbersLayout = (size: number): Layout => bytesLayout(4 * size);

/** Of what a program keeps. */
export function bytesLayout(bytes: number): Layout {
  const size = Math.max(1, bytes / 4);
  const known = layouts.get(size) ?? new Layout({ kept: { shape: [size], size } });
  layouts.set(size, known);
  return known;
}
