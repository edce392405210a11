import { FunctionBody, type Imported, imported, instantiated, type Local } from '../assembler';
import { type Heap, memoryOf, perHeap } from '../kernels/heap';

/** What is computed for each entry, of vectors and numbers by their places. */
export type Formula =
  | { kind: 'vector'; index: number }
  | { kind: 'number'; index: number }
  | { kind: 'constant'; value: number }
  | { kind: 'apply'; name: 'add' | 'multiply' | 'quotient' | 'root'; of: readonly Formula[] };

/** Several vectors that are computed entry by entry, each perhaps in place of one that is read. */
export interface Update {
  /** How many vectors and numbers there are. */
  vectors: number;
  numbers: number;
  /** Which vector becomes what. */
  outputs: readonly { to: number; formula: Formula }[];
}

const knownOn = perHeap(() => new Map<string, Imported>());

/**
 * The function of an update, made once: of the bytes of a vector, the address of the numbers, and the
 * addresses of the vectors. All outputs are computed before any is written, so that they may take the
 * place of what is read.
 */
export function updateOn(heap: Heap, update: Update): Imported {
  const known = knownOn(heap);
  const word = JSON.stringify(update);
  const found = known.get(word) ?? made(heap, update);
  known.set(word, found);
  return found;
}

function made(heap: Heap, { vectors, numbers, outputs }: Update): Imported {
  const addresses = Array.from({ length: vectors }, () => 'i32' as const);
  const signature = { parameters: ['i32', 'i32', ...addresses], results: [] } as const;
  const f = new FunctionBody('update', signature);
  const [bytes, from, ...places] = f.parameters as [Local, Local, ...Local[]];
  const [at, whole] = [f.local('i32'), f.local('i32')];
  const factors = Array.from({ length: numbers }, () => f.local('v128'));
  factors.forEach((factor, i) => {
    f.get(from)
      .memory('v128.load32_splat', 4 * i)
      .set(factor);
  });
  const results = outputs.map(() => f.local('v128'));
  const shared = new Map<Formula, Local>();
  const body = (lanes: 1 | 4) => {
    const done = new Set<Formula>();
    const compute = (formula: Formula): void => {
      if (formula.kind === 'number') {
        f.get(factors[formula.index]!);
        return;
      }
      if (formula.kind === 'constant') {
        f.f32(formula.value).do('f32x4.splat');
        return;
      }
      const local = shared.get(formula) ?? f.local('v128');
      shared.set(formula, local);
      if (done.has(formula)) {
        f.get(local);
        return;
      }
      done.add(formula);
      if (formula.kind === 'vector') {
        f.get(places[formula.index]!, at).do('i32.add');
        f.memory(lanes === 4 ? 'v128.load' : 'v128.load32_zero');
      } else applied(f, formula, compute);
      f.tee(local);
    };
    outputs.forEach(({ formula }, i) => {
      compute(formula);
      f.set(results[i]!);
    });
    outputs.forEach(({ to }, i) => {
      f.get(places[to]!, at).do('i32.add').get(results[i]!);
      f.memory(lanes === 4 ? 'v128.store' : 'v128.store32_lane');
    });
    f.advance(at, 4 * lanes);
  };
  f.get(bytes).i32(-16).do('i32.and').set(whole);
  f.while(at, whole, () => body(4));
  f.while(at, bytes, () => body(1));
  return imported('update', signature, instantiated(memoryOf(heap), [f], []).update!);
}

type Applied = Extract<Formula, { kind: 'apply' }>;

function applied(f: FunctionBody, { name, of }: Applied, compute: (x: Formula) => void): void {
  const [a, b] = of;
  switch (name) {
    case 'root':
      compute(a!);
      f.do('f32x4.sqrt');
      return;
    case 'quotient':
      // 0 where the divisor is 0.
      f.f32(0).do('f32x4.splat');
      compute(a!);
      compute(b!);
      f.do('f32x4.div');
      compute(b!);
      f.f32(0).do('f32x4.splat', 'f32x4.eq', 'v128.bitselect');
      return;
    default:
      compute(a!);
      compute(b!);
      f.do(name === 'add' ? 'f32x4.add' : 'f32x4.mul');
  }
}
