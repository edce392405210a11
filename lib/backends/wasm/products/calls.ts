import { hasMultiplyAdd, instantiated } from '../assembler';
import type { At, Call } from '../fused/sequence';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';
import { type Multiply, multiplyBodies, PANEL_ROW } from './multiply';
import { type LayOut, panelsBody, panelsOfTransposeBody } from './panels';
import { inShares, isWorthSharing } from './shares';
import { COLUMNS } from './tiles';
import { type Transpose, transposeBody } from './transpose';

/** A product of two matrices in the backend's memory: out ← op(a) · op(b), of m × k and k × n numbers. */
export interface MatrixProduct {
  transposeA: boolean;
  transposeB: boolean;
  m: number;
  n: number;
  k: number;
  /** The numbers from one row of a to the next in memory, and of b, where these are parts of longer ones. */
  strides?: { a: number; b: number };
}

interface ProductLoops {
  multiply: Multiply;
  panels: LayOut;
  panelsOfTranspose: LayOut;
  transpose: Transpose;
}

const loopsWith = (asOne: boolean) =>
  perHeap((heap): ProductLoops => {
    const memory = memoryOf(heap);
    const transpose = transposeBody();
    const layingOut = [panelsBody(), panelsOfTransposeBody(transpose), transpose];
    // Two modules, each of which is small.
    const made = {
      ...instantiated(memory, multiplyBodies(asOne), []),
      ...instantiated(memory, layingOut, []),
    };
    return {
      multiply: made.multiply!,
      panels: made.panels!,
      panelsOfTranspose: made.panelsOfTranspose!,
      transpose: made.transpose!,
    };
  });

const [apart, asOne] = [loopsWith(false), loopsWith(true)];

/** Multiplies and adds by one instruction where the engine has it, unless it is said otherwise. */
const loopsOn = (heap: Heap, isOne = hasMultiplyAdd) => (isOne ? asOne : apart)(heap);

/** So many numbers of b are laid out at a time, and of a on one thread, which stay in a cache. */
const LAID_OUT = 2 ** 18;
const IN_CACHE = 2 ** 16;
/** The numbers between rows of a that were laid out: rows a power of two apart share places in a cache. */
const GAP = 16;

/** Fewer rows or columns, or smaller matrices than that, are multiplied where they are. */
const WORTH = { rows: 24, columns: 96, b: 2 ** 14, a: 2 ** 15 } as const;

/** How a product is divided. */
interface Plan {
  /** Whether b is laid out in panels, and a transposed one is transposed. */
  laysOutB: boolean;
  transposesA: boolean;
  /** As many rows and columns are computed at a time. */
  rows: number;
  columns: number;
}

function planOf({ transposeA, transposeB, m, n, k }: MatrixProduct, cached: number): Plan {
  const laysOutB = k > 1 && (transposeB || (m >= WORTH.rows && n * k >= WORTH.b));
  const transposesA = transposeA && n >= WORTH.columns && m * k >= WORTH.a;
  const atATime = (numbers: number, length: number, multiple: number) =>
    multiple * Math.max(1, Math.floor(numbers / length / multiple));
  return {
    ...{ laysOutB, transposesA },
    rows: Math.min(m, atATime(cached, k + GAP, 12)),
    columns: laysOutB ? Math.min(n, atATime(LAID_OUT, k, COLUMNS)) : n,
  };
}

/** How many panels there are, see `eachPanel`: of fewer than eight columns, of four or one each. */
const panelsOf = (columns: number) =>
  Math.ceil(columns / (columns < 4 ? 1 : columns < COLUMNS ? 4 : COLUMNS));

const bytesOfPanels = ({ laysOutB, columns }: Plan, k: number) =>
  laysOutB ? PANEL_ROW * k * panelsOf(columns) : 0;

/** The largest number of terms that are added in float32. */
export const MOST_TERMS = 4096;

/** The bytes that a product of no more terms needs for itself, at most. */
export const MOST_WORK = 8 * LAID_OUT;

/** The bytes that a product needs for itself. */
export function workOf(product: MatrixProduct): number {
  const plan = planOf(product, LAID_OUT);
  const { k } = product;
  return bytesOfPanels(plan, k) + (plan.transposesA ? 4 * (k + GAP) * plan.rows : 0);
}

export type Operand = 'a' | 'b' | 'out' | 'work';

const at = (operand: Operand, plus: number): At<Operand> => ({ at: operand, plus });

/**
 * What multiplies by instructions of our own, all terms of a sum one after the other; `work` has
 * `workOf` bytes.
 *
 * @param isOne whether a multiplication and an addition are one instruction
 */
export function productCalls(heap: Heap, product: MatrixProduct, isOne?: boolean): Call<Operand>[] {
  const loops = loopsOn(heap, isOne);
  const { transposeA, m, n, k } = product;
  const shared = isWorthSharing(heap, m, n, k);
  // A b of one row is in memory as its transpose is.
  const transposeB = product.transposeB && k > 1;
  const { a: lengthOfA, b: lengthOfB } = product.strides ?? {
    a: transposeA ? m : k,
    b: transposeB ? k : n,
  };
  const plan = planOf(product, shared ? LAID_OUT : IN_CACHE);
  const [rowOfA, columnOfA] = transposeA ? [4, 4 * lengthOfA] : [4 * lengthOfA, 4];
  const panelBytes = bytesOfPanels(plan, k);
  const { multiply, transpose } = shared ? inShares(heap, loops) : loops;
  const calls: Call<Operand>[] = [];
  for (let column = 0; column < n; column += plan.columns) {
    const columns = Math.min(plan.columns, n - column);
    let right: [At<Operand>, number, number] = [at('b', 4 * column), 4 * lengthOfB, PANEL_ROW];
    if (plan.laysOutB) {
      const run = transposeB ? loops.panelsOfTranspose : loops.panels;
      const from = at('b', 4 * column * (transposeB ? lengthOfB : 1));
      calls.push({ run, arguments: [from, 4 * lengthOfB, columns, k, at('work', 0)] });
      right = [at('work', 0), PANEL_ROW, PANEL_ROW * k];
    }
    for (let row = 0; row < m; row += plan.rows) {
      const rows = Math.min(plan.rows, m - row);
      let left: [At<Operand>, number, number] = [at('a', rowOfA * row), rowOfA, columnOfA];
      if (plan.transposesA) {
        const [laid, length] = [at('work', panelBytes), 4 * (k + GAP)];
        const given = [left[0], columnOfA, k, 4 * rows, laid, length];
        calls.push({ run: transpose, arguments: given });
        left = [laid, length, 4];
      }
      const to = at('out', 4 * (row * n + column));
      calls.push({ run: multiply, arguments: [...left, ...right, to, 4 * n, rows, columns, k] });
    }
  }
  return calls;
}

/** Writes aᵀ to `out`, for a matrix of the given numbers of rows and columns. */
export function transposeCall(heap: Heap, rows: number, columns: number): Call<'a' | 'out'> {
  const run = loopsOn(heap).transpose;
  const given = [{ at: 'a' }, 4 * columns, rows, 4 * columns, { at: 'out' }, 4 * rows] as const;
  return { run, arguments: given };
}
