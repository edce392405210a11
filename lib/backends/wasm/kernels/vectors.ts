import { addKernel, type Call } from '../../kernels/kernel';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { type Argument, runInShares } from '../threads/pool';
import { floats, type Heap, memoryOf, perHeap } from './heap';

/** Addresses in bytes; `whole` and `end` are where x's last round of ROUND bytes ends, and x. */
export interface VectorLoops {
  /** out ← a x + y, with a at its address. */
  axpy(x: number, y: number, end: number, out: number, a: number): void;
  /** ⟨x, y⟩. */
  dot(x: number, y: number, whole: number, end: number): number;
}

/** Bytes of four numbers, and of one round: a power of two, enough to hide that each step takes a while. */
const FOUR = 16;
export const ROUND = 128;
const OFFSETS = Array.from({ length: ROUND / FOUR }, (_, i) => FOUR * i);

function axpy(): FunctionBody {
  const f = new FunctionBody('axpy', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [x, y, end, out, at] = f.parameters;
  const [whole, a, factor] = f.locals('i32', 'f32', 'v128');
  const advanceAll = (bytes: number) => {
    for (const local of [x, y, out]) f.advance(local, bytes);
  };
  f.get(at).memory('f32.load').tee(a).do('f32x4.splat').set(factor);
  f.get(end, end, x).do('i32.sub');
  f.i32(ROUND - 1)
    .do('i32.and', 'i32.sub')
    .set(whole);
  f.while(x, whole, () => {
    for (const offset of OFFSETS) {
      f.get(out, factor, x).memory('v128.load', offset).do('f32x4.mul');
      f.get(y).memory('v128.load', offset).do('f32x4.add').memory('v128.store', offset);
    }
    advanceAll(ROUND);
  });
  return f.while(x, end, () => {
    f.get(out, a, x).memory('f32.load').do('f32.mul');
    f.get(y).memory('f32.load').do('f32.add').memory('f32.store');
    advanceAll(4);
  });
}

/** Bytes of x whose products are summed in float32; their sums are added in float64. */
const BLOCK = 16 * ROUND;
/**
 * After a block whose sum is smaller, the products of the next are taken in float64: in float32 they
 * might be below 1.2e-38, where a processor takes a hundred times as long and digits are lost.
 */
const SMALL = 1e-24;

/** Written once for a function: products of two blocks, up to `stop`, added to `total`. */
type Block = (f: FunctionBody, x: Local, y: Local, stop: Local, total: Local) => void;

const inFloats = (sums: readonly Local[]): Block => {
  const sum = sums[0]!;
  return (f, x, y, stop, total) => {
    for (const each of sums) f.f32x4(0).set(each);
    f.while(x, stop, () => {
      sums.forEach((each, i) => {
        f.get(x).memory('v128.load', OFFSETS[i]).get(y).memory('v128.load', OFFSETS[i]);
        f.do('f32x4.mul').get(each).do('f32x4.add').set(each);
      });
      f.advance(x, ROUND).advance(y, ROUND);
    });
    f.get(sum);
    for (const each of sums.slice(1)) f.get(each).do('f32x4.add');
    f.set(sum).get(total);
    for (const i of [0, 1, 2, 3]) {
      f.get(sum).lane('f32x4.extract_lane', i).do('f64.promote_f32', 'f64.add');
    }
    f.set(total);
  };
};

const inDoubles = (sums: readonly Local[]): Block => {
  const sum = sums[0]!;
  const doubles = (f: FunctionBody, from: Local, offset: number) =>
    f.get(from).memory('v128.load64_zero', offset).do('f64x2.promote_low_f32x4');
  return (f, x, y, stop, total) => {
    for (const each of sums) f.f64x2(0).set(each);
    f.while(x, stop, () => {
      for (const [i, each] of [...sums, ...sums].entries()) {
        const offset = (i * FOUR) / 2;
        doubles(f, x, offset);
        doubles(f, y, offset).do('f64x2.mul').get(each).do('f64x2.add').set(each);
      }
      f.advance(x, ROUND).advance(y, ROUND);
    });
    f.get(sum);
    for (const each of sums.slice(1)) f.get(each).do('f64x2.add');
    f.set(sum).get(total);
    for (const i of [0, 1]) f.get(sum).lane('f64x2.extract_lane', i).do('f64.add');
    f.set(total);
  };
};

function dot(): FunctionBody {
  const f = new FunctionBody('dot', { parameters: ['i32', 'i32', 'i32', 'i32'], results: ['f64'] });
  const [x, y, whole, end] = f.parameters;
  const [stop, isSmall, total, before] = f.locals('i32', 'i32', 'f64', 'f64');
  const sums = f.localsOf('v128', OFFSETS.length);
  const [floats, doubles] = [inFloats(sums), inDoubles(sums)];
  f.while(x, whole, () => {
    // The block ends at the end of the whole rounds at the latest.
    f.get(x).i32(BLOCK).do('i32.add').get(whole);
    f.get(x).i32(BLOCK).do('i32.add').get(whole).do('i32.lt_u').select('i32').set(stop);
    f.get(total).set(before).get(isSmall);
    f.if(
      () => doubles(f, x, y, stop, total),
      () => floats(f, x, y, stop, total),
    );
    f.get(total, before).do('f64.sub', 'f64.abs').f64(SMALL).do('f64.lt').set(isSmall);
  });
  f.while(x, end, () => {
    // In float32, as in a whole round: a flat vector has its numbers there, and is to give the same.
    f.get(x).memory('f32.load').get(y).memory('f32.load').do('f32.mul', 'f64.promote_f32');
    f.get(total).do('f64.add').set(total);
    f.advance(x, 4).advance(y, 4);
  });
  return f.get(total);
}

export const loopsOn = perHeap((heap): VectorLoops => {
  const made = instantiated(memoryOf(heap), [axpy(), dot()], []);
  return { axpy: made.axpy!, dot: made.dot! };
});

export const wholeRounds = (bytes: number) => bytes - (bytes % ROUND);

type Two = Call<'x' | 'y', unknown>;
type Three = Call<'a' | 'x' | 'y', unknown>;

/**
 * Adds two kernels that the wasm backend does not have, for vectors of millions of parameters:
 * `VectorDot`, ⟨x, y⟩ as a scalar, and `VectorAxpy`, a x + y with a scalar a.
 *
 * Made of the stock kernels they pass over memory two and three times as often, and the stock sum is
 * a loop of single additions. They have no gradient: nothing that is recorded may use them.
 */
export function addVectorKernels(): void {
  addKernel('VectorDot', 'wasm', ({ inputs: { x, y }, backend }: Two) => {
    const heap = backend as Heap;
    const out = heap.makeOutput([], 'float32');
    const [left, right] = [floats(heap, x), floats(heap, y)];
    const { byteOffset: from, byteLength: bytes } = left;
    const whole = from + wholeRounds(bytes);
    floats(heap, out)[0] = loopsOn(heap).dot(from, right.byteOffset, whole, from + bytes);
    return out;
  });

  addKernel('VectorAxpy', 'wasm', ({ inputs: { a, x, y }, backend }: Three) => {
    const heap = backend as Heap;
    const out = heap.makeOutput(x.shape, 'float32');
    // Addresses are taken now, after the last allocation: an allocation may move the heap.
    const [from, base, to, factor] = [x, y, out, a].map((each) => floats(heap, each).byteOffset);
    const count = floats(heap, x).length;
    const moving = (address: number): Argument => [address, 4, 0];
    const end: Argument = [from!, 4, 4];
    runInShares(heap, {
      run: loopsOn(heap).axpy,
      count,
      work: count,
      unit: ROUND / 4,
      arguments: [moving(from!), moving(base!), end, moving(to!), [factor!, 0, 0]],
    });
    return out;
  });
}
