import * as tf from '@tensorflow/tfjs';
import { tensorOf } from '../backends/engine';
import type { Heap } from '../backends/wasm/kernels/heap';
import { DisposedError } from '../errors';
import type { Pausing } from '../event-loop';
import type { NamedTensors } from '../spaces';
import type { LossesOnTheWay } from './curvature';
import type { CurvatureKind } from './curvature-kind';
import { type Flat, flatSpaceOn, Layout } from './flat';
import { listed, named } from './named';
import type { CurvatureProgram, CurvatureRecipe, RowViews } from './traced';

/** A loss at a point, with the programs of its structure. */
export interface ProgramPoint {
  kind: CurvatureKind;
  heap: Heap;
  recipe: CurvatureRecipe;
  /** The loss; owned from now on, as is what is given. */
  value: tf.Scalar;
  /** What the programs are handed, in order: the leaves, of which the first are varied, and the rest. */
  given: readonly tf.Tensor[];
  /** Only names and shapes matter. */
  variables: NamedTensors;
  block: NamedTensors;
}

/** What the first half of a program has left for its second. */
interface Half {
  kept: Flat;
  /** What else it has handed out, in order. */
  early: Flat | undefined;
}

/** The programs of a loss at a point: what their first halves have left there, and calls of the second. */
export class ProgramsAtPoint {
  readonly flats: ReturnType<typeof flatSpaceOn>;
  /** The loss here and elsewhere, if programs compute it. */
  readonly #values: Flat | undefined;
  readonly #gradient: readonly tf.TensorInfo[];
  readonly #halves = new Map<CurvatureProgram, Half>();
  readonly #ownedFlats: Flat[] = [];
  readonly #ownedTensors: (() => NamedTensors | undefined)[] = [];
  #isAlive = true;

  constructor(readonly point: ProgramPoint) {
    const { heap, recipe, variables } = point;
    recipe.retain();
    this.flats = flatSpaceOn(heap);
    if (recipe.views.value.length > 0) this.#values = this.own(listLayout([1, 1]));
    this.#gradient = Object.values(variables).map(({ shape }) =>
      heap.makeOutput([...shape], 'float32'),
    );
  }

  /** Where the programs find what they are handed, which is elsewhere once another backend has had it. */
  get addresses(): number[] {
    return this.point.given.map((x) => this.addressOf(x));
  }

  checkAlive(): void {
    if (this.#isAlive) return;
    throw new DisposedError({
      given: 'a disposed curvature',
      expected: 'a live curvature',
      remedy: 'Record again, or dispose later.',
    });
  }

  addressOf(x: tf.TensorInfo): number {
    return this.point.heap.typedArrayFromHeap(x).byteOffset;
  }

  /** Numbers that are freed with the programs. */
  own(layout: Layout): Flat {
    const flat = this.flats.keep(this.flats.allocate(layout));
    this.#ownedFlats.push(flat);
    return flat;
  }

  /** Disposes what a function returns with the programs. */
  ownTensors(tensors: () => NamedTensors | undefined): void {
    this.#ownedTensors.push(tensors);
  }

  /** The gradient, which the first half that has run has written. */
  gradientTensors(): NamedTensors {
    const gradient = named(
      this.point.variables,
      this.#gradient.map((x) => tensorOf(x, this.point.heap)),
    );
    for (const each of Object.values(gradient)) tf.keep(each);
    this.ownTensors(() => gradient);
    return gradient;
  }

  /** Makes a program, to be left for a while, unless it is made already. */
  *makeInPieces(of: CurvatureProgram): Pausing<void> {
    if (this.#halves.has(of)) return;
    yield* this.point.recipe.halvesInPieces(of);
    this.checkAlive();
  }

  /** Runs the first half of a program, which gives the gradient too, unless it has run. */
  half(of: CurvatureProgram): Half {
    this.checkAlive();
    const known = this.#halves.get(of);
    if (known !== undefined) return known;
    const { program } = this.point.recipe.halves(of);
    const kept = this.own(numbersLayout(program.keptBytes / 4));
    const early = typeof of === 'string' ? undefined : this.own(earlyLayout(of));
    const valueAt = this.#values?.parts().slice(0, 1) ?? [];
    const gradientAt = this.#gradient.map((x) => this.addressOf(x));
    const outputs = [...valueAt, ...gradientAt, ...(early?.parts() ?? [])];
    program.beginAt(this.addresses, kept.address, outputs);
    const made = { kept, early };
    this.#halves.set(of, made);
    return made;
  }

  /** The loss here, once a first half has run, and at other values of its variables; undefined where no program has it. */
  lossesTo(variables: NamedTensors): LossesOnTheWay | undefined {
    this.checkAlive();
    const { value } = this.point.recipe;
    if (this.#values === undefined || value === undefined) return undefined;
    const moved = listed(this.point.variables, variables).map((x) => this.addressOf(x));
    const there = this.#values.parts().slice(1);
    value.beginAt([...moved, ...this.addresses.slice(moved.length)], 0, there);
    const [before, after] = this.flats.numbers(this.#values);
    return { before: before!, after: after! };
  }

  /** The call of a second half that writes a product with v to q. */
  product(of: Exclude<CurvatureProgram, 'gradient'>, v: Flat, q: Flat) {
    const { kept } = this.half(of);
    const { program, first, from } = this.point.recipe.halves(of);
    const all = this.addresses;
    v.parts().forEach((address, i) => {
      all[from + i] = address;
    });
    const outputs = new Array<number>(first).fill(0);
    return program.prepare('late', all, kept.address, [...outputs, ...q.parts()]);
  }

  dispose(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    const { value, given, recipe } = this.point;
    this.flats.free(this.#ownedFlats);
    const owned = this.#ownedTensors.map((tensors) => tensors()).filter((x) => x !== undefined);
    tf.dispose([value, ...owned, [...given]]);
    recipe.release();
  }
}

const numbersLayout = (size: number) => listLayout([Math.max(1, size)]);

/** Lists of the given lengths, one after the other, each where four numbers can be read at once. */
export function listLayout(sizes: readonly number[]): Layout {
  return new Layout(
    Object.fromEntries(sizes.map((size, i) => [`${i}`.padStart(9, 'n'), { shape: [size], size }])),
  );
}

/** The coordinates of the gradient, and after them the inputs of layers that are computed. */
const earlyLayout = ({ gradient, layers }: RowViews): Layout =>
  listLayout([
    ...gradient.map(({ value }) => value.size),
    ...layers.flatMap((layer) =>
      layer && layer.a.value.given === undefined ? [layer.rows * layer.inputs] : [],
    ),
  ]);
