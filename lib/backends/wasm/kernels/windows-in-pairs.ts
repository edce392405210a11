import { addProduct, FunctionBody, instantiated, type Local } from '../assembler';
import { type Heap, memoryOf, perHeap } from './heap';
import { PAIR } from './windows-at';

/** A window as the numbers that it sees of an image: lines of neighbours at equal distances. */
export interface Window {
  lines: number;
  /** Numbers of a line. */
  length: number;
  /** Numbers from one line to the next in the image; in a filter they are one after the other. */
  distance: number;
}

/** Some numbers of a window: their bytes from its first one, in the image and in the filter. */
interface Piece {
  image: number;
  filter: number;
  load: 'v128.load' | 'v128.load32_zero';
  store: 'v128.store' | 'v128.store32_lane';
}

function piecesOf({ lines, length, distance }: Window): Piece[] {
  const pieces: Piece[] = [];
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; ) {
      const [image, filter] = [4 * (line * distance + i), 4 * (line * length + i)];
      const isFour = length - i >= 4;
      if (isFour) pieces.push({ image, filter, load: 'v128.load', store: 'v128.store' });
      else pieces.push({ image, filter, load: 'v128.load32_zero', store: 'v128.store32_lane' });
      i += isFour ? 4 : 1;
    }
  }
  return pieces;
}

/** The address of the window, or of the output, of a pair. */
const addressOf = (f: FunctionBody, what: 'window' | 'output', pair: Local, base: Local) =>
  f
    .get(pair)
    .memory('i32.load', what === 'window' ? 0 : PAIR / 2)
    .get(base)
    .do('i32.add');

/** Sums that are kept apart, so that an addition need not wait for the one before. */
const SUMS = 4;

/**
 * Output = bias + Σ ⟨window, filter⟩, of one term or two, of images and their filters.
 *
 * Parameters are the addresses of the first pair and of the end, of the outputs, the bias, and for each term
 * the addresses of the images and of the filter.
 */
const dots = (window: Window, terms: 1 | 2) => {
  const ofTerms = ['i32', 'i32', 'i32', 'i32'].slice(0, 2 * terms) as 'i32'[];
  const f = new FunctionBody('dots', {
    parameters: ['i32', 'i32', 'i32', 'f32', ...ofTerms],
    results: [],
  });
  const [pair, end, outputs, bias, ...places] = f.parameters as readonly Local[] as [
    ...[Local, Local, Local, Local],
    ...Local[],
  ];
  const at = f.local('i32');
  const sums = f.localsOf('v128', SUMS);
  const [a, b, c, d] = sums as [Local, Local, Local, Local];
  return f.while(pair, end, () => {
    for (const sum of sums) f.f32x4(0).set(sum);
    for (let term = 0; term < terms; term++) {
      const [image, filter] = places.slice(2 * term) as [Local, Local];
      addressOf(f, 'window', pair, image).set(at);
      for (const [i, piece] of piecesOf(window).entries()) {
        f.get(at).memory(piece.load, piece.image);
        f.get(filter).memory(piece.load, piece.filter);
        addProduct(f, sums[i % SUMS]!, 'f32x4');
      }
    }
    f.get(a, b).do('f32x4.add').get(c, d).do('f32x4.add', 'f32x4.add').set(a);
    addressOf(f, 'output', pair, outputs).get(bias);
    for (const lane of [0, 1, 2, 3]) f.get(a).lane('f32x4.extract_lane', lane);
    f.do('f32.add', 'f32.add', 'f32.add', 'f32.add').memory('f32.store');
    f.advance(pair, PAIR);
  });
};

/** How many pieces of a filter fit into registers, beside what is computed with them. */
const MOST_HELD = 12;

/** The pieces of a window in groups that fit into registers. */
function groupsOf(window: Window): Piece[][] {
  const pieces = piecesOf(window);
  const size = Math.ceil(pieces.length / Math.ceil(pieces.length / MOST_HELD));
  const starts = [...pieces.keys()].filter((i) => i % size === 0);
  return starts.map((i) => pieces.slice(i, i + size));
}

/**
 * Goes through all pairs once for each group of pieces of the filter, which are held in local variables;
 * `each` is handed the address of a window and the number of its output.
 *
 * Parameters are the addresses of the first pair and of the end, of the outputs, of the images and of the filter.
 */
function holding(
  name: string,
  window: Window,
  {
    before,
    each,
    after,
  }: Record<'before' | 'after', (f: FunctionBody, filter: Local, held: Held) => void> & {
    each(f: FunctionBody, at: Local, output: Local, held: Held): void;
  },
): FunctionBody {
  const f = new FunctionBody(name, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [first, end, outputs, image, filter] = f.parameters;
  const [pair, at, output] = f.locals('i32', 'i32', 'v128');
  const locals = f.localsOf('v128', MOST_HELD);
  for (const group of groupsOf(window)) {
    const held = group.map((piece, i) => ({ piece, local: locals[i]! }));
    f.get(first).set(pair);
    before(f, filter, held);
    f.while(pair, end, () => {
      addressOf(f, 'window', pair, image).set(at);
      addressOf(f, 'output', pair, outputs).memory('v128.load32_splat').set(output);
      each(f, at, output, held);
      f.advance(pair, PAIR);
    });
    after(f, filter, held);
  }
  return f;
}

/** Pieces of a filter, each in a local variable. */
type Held = readonly { piece: Piece; local: Local }[];

/** Filter = Σ output · window. */
const toFilters = (window: Window) =>
  holding('toFilters', window, {
    before(f, _, held) {
      for (const { local } of held) f.f32x4(0).set(local);
    },
    each(f, at, output, held) {
      for (const { piece, local } of held) {
        addProduct(f.get(at).memory(piece.load, piece.image).get(output), local, 'f32x4');
      }
    },
    after(f, filter, held) {
      for (const { piece, local } of held) f.get(filter, local).memory(piece.store, piece.filter);
    },
  });

/** Σ output; parameters are the addresses of the first pair and of the end, and of the outputs. */
const total = () => {
  const f = new FunctionBody('total', { parameters: ['i32', 'i32', 'i32'], results: ['f64'] });
  const [pair, end, outputs] = f.parameters;
  const sum = f.local('f64');
  f.while(pair, end, () => {
    addressOf(f, 'output', pair, outputs).memory('f32.load').do('f64.promote_f32');
    f.get(sum).do('f64.add').set(sum);
    f.advance(pair, PAIR);
  });
  return f.get(sum);
};

/** Window += output · filter. */
const toWindows = (window: Window) => {
  let sum: Local | undefined;
  return holding('toWindows', window, {
    before(f, filter, held) {
      for (const { piece, local } of held)
        f.get(filter).memory(piece.load, piece.filter).set(local);
    },
    each(f, at, output, held) {
      sum ??= f.local('v128');
      for (const { piece, local } of held) {
        f.get(at).memory(piece.load, piece.image).set(sum);
        addProduct(f.get(local, output), sum, 'f32x4');
        f.get(at, sum).memory(piece.store, piece.image);
      }
    },
    after() {},
  });
};

const makers = {
  dots: (window: Window) => dots(window, 1),
  dotsOfTwo: (window: Window) => dots(window, 2),
  toFilters,
  toWindows,
  total,
};

/** Functions that were written for a window, by what they do and the window's sizes. */
const functionsOn = perHeap(() => new Map<string, (...addresses: number[]) => number>());

/** The function for windows of these sizes, which it is written for when it is first asked for. */
export function functionFor(heap: Heap, what: keyof typeof makers, window: Window) {
  const { lines, length, distance } = window;
  const name = `${what} ${lines} ${length} ${distance}`;
  const functions = functionsOn(heap);
  const known =
    functions.get(name) ??
    Object.values(instantiated(memoryOf(heap), [makers[what](window)], []))[0]!;
  functions.set(name, known);
  return known;
}
