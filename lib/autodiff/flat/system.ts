import { FunctionBody, type Imported, imported, instantiated } from '../../backends/wasm/assembler';
import { type Formula, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';
import { type Flat, Layout } from './flat';
import type { FlatSpace } from './space';

/** Where addresses and counts are in the table of a system. */
const [BYTES, NUMBERS, P, Q, V, SCALES] = [0, 1, 2, 3, 4, 5];
/** The number after them: δ. */
const DELTA = 6;
const TABLE = new Layout({ table: { shape: [7], size: 7 } });

interface SystemParts {
  delta: number;
  scales: Flat | undefined;
  /** Prepares q ← C v. */
  prepare(v: Flat, q: Flat): Prepared;
}

/** Prepares `q ← p + δ S C S p`, where without S the product is given p times the weights, if there are some. */
export function systemOn(flats: FlatSpace, { delta, scales, prepare }: SystemParts) {
  const table = flats.keep(flats.allocate(TABLE));
  let scaled: Flat | undefined;
  return {
    prepare(p: Flat, q: Flat, weighed: Flat): Prepared {
      if (scales !== undefined) scaled ??= flats.keep(flats.allocate(p.layout));
      const product = prepare(scaled ?? weighed, q);
      const at = flats.integers(table);
      at[BYTES] = 4 * p.layout.size;
      at[NUMBERS] = table.address + 4 * DELTA;
      at[P] = p.address;
      at[Q] = q.address;
      at[V] = scaled?.address ?? 0;
      at[SCALES] = scales?.address ?? 0;
      flats.numbers(table)[DELTA] = delta;
      const sequence = sequenceOf(flats.heap, product, scales !== undefined);
      return { sequence, table: table.address, bytes: product.bytes };
    },
    dispose: () => flats.free([table, scaled]),
  };
}

const made = new WeakMap<Imported, Map<boolean, Imported>>();

/** The function around a product's program, made once for as long as that is there. */
function sequenceOf(heap: Heap, product: Prepared, isScaled: boolean): Imported {
  const known = made.get(product.sequence) ?? new Map<boolean, Imported>();
  made.set(product.sequence, known);
  const found = known.get(isScaled) ?? around(heap, product, isScaled);
  known.set(isScaled, found);
  return found;
}

const vector = (index: number): Formula => ({ kind: 'vector', index });
const apply = (name: 'add' | 'multiply', ...of: Formula[]): Formula => ({
  kind: 'apply',
  name,
  of,
});

function around(heap: Heap, product: Prepared, isScaled: boolean): Imported {
  // Among the vectors p, q, v and the scales.
  const [p, q, scales] = [vector(0), vector(1), vector(3)];
  const vectors = isScaled ? [P, Q, V, SCALES] : [P, Q];
  const image = isScaled ? apply('multiply', scales, q) : q;
  const added = apply('add', apply('multiply', { kind: 'number', index: 0 }, image), p);
  const update = (to: number, formula: Formula) =>
    updateOn(heap, { vectors: vectors.length, numbers: 1, outputs: [{ to, formula }] });
  const sum = update(1, added);
  const before = isScaled ? update(2, apply('multiply', scales, p)) : undefined;
  const signature = { parameters: ['i32'], results: [] } as const;
  const f = new FunctionBody('system', signature);
  const [table] = f.parameters;
  const call = (callee: Imported) => {
    for (const place of [BYTES, NUMBERS, ...vectors]) f.get(table!).memory('i32.load', 4 * place);
    f.call(callee);
  };
  if (before !== undefined) call(before);
  f.i32(product.table).call(product.sequence);
  call(sum);
  const imports = [product.sequence, sum, ...(before === undefined ? [] : [before])];
  return imported('system', signature, instantiated(memoryOf(heap), [f], imports).system!);
}
