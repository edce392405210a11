import { instantiated } from '../../backends/wasm/assembler';
import { type RowCombinations, rowCombinations } from './row-combinations';
import { type RowProducts, rowProducts } from './row-products';

/** The memory of all work, in bytes: 5,700 unknowns. It grows as needed, and is kept. */
const MOST_BYTES = 2 ** 28;
const PAGE = 2 ** 16;

/** What multiplies rows of float64 in WebAssembly, and the memory that it works on. */
interface Machine {
  readonly memory: WebAssembly.Memory;
  readonly add: RowProducts;
  readonly subtract: RowProducts;
  readonly combine: RowCombinations;
}

let machine: Machine | undefined;
let isMissing = false;

/** @returns undefined where there is no WebAssembly, or the page forbids it */
function started(): Machine | undefined {
  if (machine !== undefined || isMissing) return machine;
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_BYTES / PAGE });
    const bodies = [
      rowProducts('add', 'add'),
      rowProducts('subtract', 'sub'),
      rowCombinations('combine'),
    ];
    const { add, subtract, combine } = instantiated(memory, bodies, []);
    machine = { memory, add: add!, subtract: subtract!, combine: combine! };
  } catch {
    isMissing = true;
  }
  return machine;
}

/** Who has numbers in the memory. */
let tenant: Lease | undefined;

/**
 * The memory for one piece of work, from address 0. Work that is left in between may find it used by
 * other work: what was there is saved by who comes, and put back by `numbers`.
 */
export class Lease {
  #saved: Float64Array | undefined;

  private constructor(
    readonly machine: Machine,
    private readonly length: number,
  ) {}

  /** @returns undefined where there is no WebAssembly, or no room for so many numbers */
  static of(length: number): Lease | undefined {
    const found = started();
    if (found === undefined || 8 * length > MOST_BYTES) return undefined;
    const missing = 8 * length - found.memory.buffer.byteLength;
    try {
      if (missing > 0) found.memory.grow(Math.ceil(missing / PAGE));
    } catch {
      return undefined;
    }
    return new Lease(found, length);
  }

  /** The numbers, as they were left; at first whatever there is. Valid until the work is left. */
  numbers(): Float64Array {
    const all = new Float64Array(this.machine.memory.buffer, 0, this.length);
    if (tenant === this) return all;
    if (tenant !== undefined) tenant.#leave();
    if (this.#saved !== undefined) all.set(this.#saved);
    this.#saved = undefined;
    tenant = this;
    return all;
  }

  /** Nothing is needed any more. */
  end(): void {
    if (tenant === this) tenant = undefined;
    this.#saved = undefined;
  }

  #leave(): void {
    this.#saved = new Float64Array(this.machine.memory.buffer, 0, this.length).slice();
  }
}

/** The least multiple of `unit` that is at least `count`. */
export const upTo = (unit: number, count: number): number => unit * Math.ceil(count / unit);
