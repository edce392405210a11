import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../../backends/engine';
import type { Heap } from '../../backends/wasm/kernels/heap';
import type { LinearOperator, LoopReport, LoopStop, NamedTensors, SolverLoops } from '../../spaces';
import { isolated } from '../tape';
import {
  type Captured,
  finishLeft,
  type MapProduct,
  type MapRecipe,
  type Prepared,
  SERIES,
  SERIES_NUMBERS,
} from '../traced';
import { bytesLayout, type Flat, Layout, numbersLayout } from './flat';
import { flatLoops } from './solver-loops';
import { type FlatSpace, flatSpaceOn } from './space';

/** The derivative of a map `F(x, θ)` like x, at a point, on flat vectors. */
export interface FlatMap {
  readonly space: FlatSpace;
  /** `v ↦ (∂F/∂x)ᵀ v`. */
  readonly byX: LinearOperator<Flat> & { readonly space: FlatSpace };
  /** A copy in the backend's memory. */
  from(v: NamedTensors): Flat;
  /** `(∂F/∂θ)ᵀ v` for each θ that varies; the caller's. */
  byRest(v: Flat): tf.Tensor[];
  dispose(): void;
}

interface Programs {
  heap: Heap;
  recipe: MapRecipe;
  captured: Captured;
}

/** Where the derivative is taken: all inputs, those that are x by their names, and the shapes of θs that vary. */
interface Point {
  inputs: readonly tf.Tensor[];
  x: NamedTensors;
  rest: readonly (readonly number[])[];
}

/** From this many numbers on, iterations in blocks of rows are faster than vector by vector. */
const LARGE = 2 ** 18;

/** The derivative of a map by its programs. */
export function flatMapOn(programs: Programs, point: Point): FlatMap {
  const at = new Products(programs, point);
  const { space, layout } = at;
  const loops = flatLoops(space, (v, out) => at.prepared(v, out));
  return {
    space,
    byX: {
      space,
      apply: (v) => at.multiplied('pull', v),
      transpose: (v) => at.multiplied('push', v),
      loops: layout.size < LARGE ? loops : inBlocks(at, loops),
      dispose() {},
    },
    from: (v) => space.from(v, layout),
    byRest: (v) => at.rest(v),
    dispose: () => at.dispose(),
  };
}

/** The same iterations, those of Richardson's method several at a time. */
function inBlocks(at: Products, loops: SolverLoops<Flat>): SolverLoops<Flat> {
  return {
    ...loops,
    richardson: (state, stop) => severalAtOnce(at, loops, state, stop),
    portions: { next: (left) => left, took() {} },
  };
}

/** The programs at a point, and their first halves as far as they have run. */
class Products {
  readonly space: FlatSpace;
  readonly layout: Layout;
  readonly recipe: MapRecipe;
  readonly #captured: Captured;
  readonly #inputs: readonly tf.Tensor[];
  readonly #rest: Point['rest'];
  readonly #halves = new Map<MapProduct, Flat>();
  #alive = true;

  constructor({ heap, recipe, captured }: Programs, { inputs, x, rest }: Point) {
    this.space = flatSpaceOn(heap);
    this.layout = new Layout(x);
    this.recipe = recipe;
    this.#captured = captured;
    this.#rest = rest;
    recipe.retain();
    captured.retain();
    this.#inputs = inputs.map((input) => isolated(() => tf.keep(input.clone())));
  }

  /** The addresses of the point, which are others once another backend has had its tensors. */
  get #given(): number[] {
    const { heap } = this.space;
    const inputs = this.#inputs.map((input) => heap.typedArrayFromHeap(input).byteOffset);
    return [...inputs, ...this.#captured.addresses];
  }

  multiplied(kind: 'push' | 'pull', v: Flat): Flat {
    const out = this.space.allocate(this.layout);
    this.finish(kind, this.#placed([[this.#placeOf(kind), v]]), out.parts());
    return out;
  }

  prepared(v: Flat, out: Flat): Prepared {
    const kept = this.#half('pull');
    const given = this.#placed([[this.#placeOf('pull'), v]]);
    return this.recipe.program('pull').prepare('late', given, kept.address, out.parts());
  }

  rest(v: Flat): tf.Tensor[] {
    const { heap } = this.space;
    const outputs = this.#rest.map((shape) => heap.makeOutput([...shape], 'float32'));
    const addresses = outputs.map((out) => heap.typedArrayFromHeap(out).byteOffset);
    const kind = 'pull to the rest';
    this.finish(kind, this.#placed([[this.#placeOf(kind), v]]), addresses);
    return outputs.map((out) => tensorOf(out, heap));
  }

  /** What a series is given. */
  ofSeries(x: Flat, r: Flat, numbers: Flat): number[] {
    const places = this.recipe.places!;
    return this.#placed([
      [places.x, x],
      [places.r, r],
      [places.numbers, numbers],
    ]);
  }

  finish(kind: MapProduct, given: readonly number[], outputs: readonly number[]): void {
    const kept = this.#half(kind);
    this.recipe.program(kind).finishAt(given, kept.address, outputs);
  }

  #placeOf(kind: 'push' | 'pull' | 'pull to the rest'): number {
    const { tangent, cotangent } = this.recipe.places!;
    return kind === 'push' ? tangent : cotangent;
  }

  /** The point, and vectors from their places on. */
  #placed(vectors: readonly (readonly [place: number, vector: Flat])[]): number[] {
    const given = this.#given;
    while (given.length < this.recipe.places!.count) given.push(0);
    for (const [place, vector] of vectors) {
      for (const [i, address] of vector.parts().entries()) given[place + i] = address;
    }
    return given;
  }

  #half(kind: MapProduct): Flat {
    const known = this.#halves.get(kind);
    if (known !== undefined) return known;
    const program = this.recipe.program(kind);
    const kept = this.space.keep(this.space.allocate(bytesLayout(program.keptBytes)));
    this.#halves.set(kind, kept);
    program.beginAt(this.#given, kept.address);
    return kept;
  }

  dispose(): void {
    if (!this.#alive) return;
    this.#alive = false;
    finishLeft(this.space.heap);
    this.space.free([...this.#halves.values()]);
    tf.dispose([...this.#inputs]);
    this.#captured.release();
    this.recipe.release();
  }
}

type SeriesState = Parameters<NonNullable<SolverLoops<Flat>['richardson']>>[0];

/** By series as long as that goes; what is left, and what they would have to break off, one by one. */
function severalAtOnce(
  at: Products,
  { richardson }: SolverLoops<Flat>,
  state: SeriesState,
  stop: LoopStop,
): LoopReport {
  const report = new Series(at, state).run(stop);
  const left = stop.count - report.taken;
  if (left === 0 || report.best <= stop.goal) return report;
  const { least, best } = report;
  const rest = richardson!(state, { ...stop, least, best, count: Math.min(left, SERIES) });
  if (rest.taken === 0) return report;
  return { ...rest, taken: report.taken + rest.taken };
}

/** Richardson's method, several iterations of a program at a time. */
class Series {
  readonly #at: Products;
  readonly #state: SeriesState;

  constructor(at: Products, state: SeriesState) {
    this.#at = at;
    this.#state = state;
  }

  /** Ends before iterations of which one would be rejected, or good enough. */
  run({ count, goal, limit, growth, least, best }: LoopStop): LoopReport {
    const { space } = this.#at;
    const { x, r, best: kept = this.#state.nearest } = this.#state;
    const report = { taken: 0, residual: space.dot(r, r), curvature: 1, least, best };
    const numbers = space.allocate(new Layout(NUMBERS));
    const sums = this.#at.recipe.sizes('series').slice(2 * x.layout.sizes.length);
    const squares = space.allocate(numbersLayout(sums.reduce((a, b) => a + b, 0)));
    let [from, to] = [
      [x, r],
      [space.allocate(x.layout), space.allocate(x.layout)],
    ] as [readonly [Flat, Flat], readonly [Flat, Flat]];
    const free = [numbers, squares, ...to];
    try {
      while (report.taken + SERIES <= count && report.best > goal) {
        const residuals = this.#advance(from, to, { numbers, squares, sums }, report.residual);
        if (!areFine(residuals, report, { goal, limit, growth })) break;
        const residual = residuals.at(-1)!;
        Object.assign(report, { residual, least: residual, best: residual });
        report.taken += SERIES;
        [from, to] = [to, from];
      }
      if (from[0] !== x) {
        space.move(from[0].address, x.address, x.layout.size);
        space.move(from[1].address, r.address, r.layout.size);
      }
      if (kept !== undefined && report.taken > 0) {
        space.move(x.address, kept.address, x.layout.size);
      }
      return report;
    } finally {
      space.free(free);
    }
  }

  /** The residuals after each iteration, squared. */
  #advance(
    [x, r]: readonly [Flat, Flat],
    [nextX, nextR]: readonly [Flat, Flat],
    { numbers, squares, sums }: { numbers: Flat; squares: Flat; sums: readonly number[] },
    residual: number,
  ): number[] {
    const { space } = this.#at;
    const { alpha } = this.#state;
    // Squares of numbers near 1: those of a small residual would be 0, or slow.
    const norm = Math.fround(Math.sqrt(residual));
    const unit = norm > 0 && 1 / norm < MOST ? 1 / norm : 1;
    const given = space.numbers(numbers);
    given[SERIES_NUMBERS.alpha] = alpha;
    given[SERIES_NUMBERS.minus] = -alpha;
    given[SERIES_NUMBERS.unit] = unit;
    const outputs = [...nextX.parts(), ...nextR.parts()];
    let at = squares.address;
    for (const size of sums) {
      outputs.push(at);
      at += 4 * size;
    }
    this.#at.finish('series', this.#at.ofSeries(x, r, numbers), outputs);
    return residualsOf(space.numbers(squares), sums, x.layout.sizes.length, unit);
  }
}

const NUMBERS = Object.fromEntries(
  Object.keys(SERIES_NUMBERS)
    .filter((name) => name !== 'count')
    .map((name) => [name, { shape: [], size: 1 }]),
);

/** The largest factor that float32 holds. */
const MOST = 1e38;

/** The sums of squares of all blocks after each iteration. */
function residualsOf(
  squares: Float32Array,
  sums: readonly number[],
  blocks: number,
  unit: number,
): number[] {
  const residuals = new Array<number>(SERIES).fill(0);
  let at = 0;
  sums.forEach((size, i) => {
    let sum = 0;
    for (const end = at + size; at < end; at++) sum += squares[at]!;
    residuals[Math.floor(i / blocks)]! += sum / unit / unit;
  });
  return residuals;
}

/** Whether all iterations are taken, and the last one is the first that may be good enough, and the best. */
function areFine(
  residuals: readonly number[],
  { residual, best, least }: LoopReport,
  { goal, limit, growth }: Pick<LoopStop, 'goal' | 'limit' | 'growth'>,
): boolean {
  let before = Math.min(residual, best, least);
  return residuals.every((next, i) => {
    // A NaN is less than nothing.
    const isTaken = next < limit && next < growth * before && next < before;
    before = next;
    return isTaken && (i === residuals.length - 1 || next > goal);
  });
}
