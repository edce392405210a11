import {
  type FunctionBody,
  type Imported,
  imported,
  type Local,
} from '../../backends/wasm/assembler';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { loopsOn, ROUND } from '../../backends/wasm/kernels/vectors';

const dots = new WeakMap<Heap, Imported>();

/** ⟨x, y⟩ of the space, to be called from other functions. */
export function dotOn(heap: Heap): Imported {
  const signature = { parameters: ['i32', 'i32', 'i32', 'i32'], results: ['f64'] } as const;
  const dot = dots.get(heap) ?? imported('dot', signature, loopsOn(heap).dot);
  dots.set(heap, dot);
  return dot;
}

/** Leaves ⟨x, y⟩ of vectors of the given number of bytes. */
export function innerProduct(f: FunctionBody, dot: Imported, x: Local, y: Local, bytes: Local) {
  f.get(x, y).get(x, bytes).i32(-ROUND).do('i32.and', 'i32.add');
  return f.get(x, bytes).do('i32.add').call(dot);
}

export const squaredNorm = (f: FunctionBody, dot: Imported, x: Local, bytes: Local) =>
  innerProduct(f, dot, x, x, bytes);
