import { DisposedError } from '../../errors';
import type { Pausing, Portions } from '../../event-loop';
import type { SolverLoops } from '../../spaces';
import {
  type Captured,
  finishLeft,
  type Prepared,
  type ProductKind,
  type ProgramKind,
  type Recipe,
} from '../traced';
import { bytesLayout, type Flat } from './flat';
import { flatLoops } from './solver-loops';
import type { FlatSpace } from './space';

/** The gradient of a loss in w on flat vectors, with its derivative with respect to w and λ. */
export interface FlatDerivative {
  /** The gradient, owned by this; computed when it is first asked for, with the loss. */
  readonly value: Flat;
  /** `H dw + B dλ`. */
  jvp(dw: Flat, dλ: Flat): Flat;
  /** `H u` and `Bᵀ u`. */
  vjp(u: Flat): { w: Flat; λ: Flat };
  /** `H v` alone. */
  hessian(v: Flat): Flat;
  /** `Bᵀ u` alone. */
  mixed(u: Flat): Flat;
  /** Iterations of solves with H, many in one call; missing where one product takes long. */
  readonly loops?: SolverLoops<Flat>;
  /** The products to be left for a while, where they take long, or their programs are to be made; what they return is kept. */
  readonly inPieces?: {
    jvp(dw: Flat, dλ: Flat): Pausing<Flat>;
    vjp(u: Flat): Pausing<{ w: Flat; λ: Flat }>;
    hessian(v: Flat): Pausing<Flat>;
    mixed(u: Flat): Pausing<Flat>;
  };
  dispose(): void;
}

/** The programs of a loss, and what they work with. */
interface Setting {
  space: FlatSpace;
  recipe: Recipe;
  captured: Captured;
  /** Where the loss is put. */
  value: Flat;
  portions: Portions;
  /** Called when the loss is there; throws if it is not finite. */
  judge(): void;
}

/** A derivative whose gradient may be computed in pieces before it is asked for. */
interface LateDerivative extends FlatDerivative {
  evaluateInPieces(): Pausing<void>;
}

/** Where a derivative is taken, and of which products its gradient is the first half. */
interface Place {
  w: Flat;
  λ: Flat;
  kind: ProductKind;
}

/** A product: its kind, the tangents or cotangents that it is given, and where the results go. */
interface Product {
  of: ProductKind;
  vectors: readonly number[];
  outputs: readonly number[];
}

/** The derivative of a gradient at w and λ, by the programs of its loss. */
export function derivativeOn(setting: Setting, place: Place): LateDerivative {
  const { space, recipe, portions } = setting;
  const { w, λ } = place;
  const products = new Products(setting, place);
  const likeW = () => space.allocate(w.layout);
  const likeλ = () => space.allocate(λ.layout);
  return {
    get value() {
      return products.value();
    },
    evaluateInPieces: () => products.evaluateInPieces(),
    jvp(dw, dλ) {
      const out = likeW();
      products.multiply(products.push(dw, dλ, out));
      return out;
    },
    vjp(u) {
      const out = { w: likeW(), λ: likeλ() };
      products.multiply(products.pull('pull', u, out.w, out.λ));
      return out;
    },
    hessian(v) {
      const out = likeW();
      products.multiply(products.pull('pull to the varied', v, out));
      return out;
    },
    mixed(u) {
      const out = likeλ();
      products.multiply(products.pull('pull to the rest', u, out));
      return out;
    },
    // Also where a program is to be made, which takes longer than a product.
    ...((recipe.isLong || !products.areMade()) && {
      inPieces: productsInPieces(products, likeW, likeλ),
    }),
    ...(!recipe.isLong && {
      loops: flatLoops(space, (v, out) => products.preparedHessian(v, out), {
        portions,
        prepare: () => products.prepareInPieces('pull to the varied'),
      }),
    }),
    dispose: () => products.dispose(),
  };
}

/** The products as runs that can be left for a while. */
function productsInPieces(
  products: Products,
  likeW: () => Flat,
  likeλ: () => Flat,
): NonNullable<FlatDerivative['inPieces']> {
  return {
    jvp(dw, dλ) {
      const out = likeW();
      return products.inPieces([dw, dλ], out, products.push(dw, dλ, out));
    },
    vjp(u) {
      const out = { w: likeW(), λ: likeλ() };
      return products.inPieces([u], out, products.pull('pull', u, out.w, out.λ));
    },
    hessian(v) {
      const out = likeW();
      return products.inPieces([v], out, products.pull('pull to the varied', v, out));
    },
    mixed(u) {
      const out = likeλ();
      return products.inPieces([u], out, products.pull('pull to the rest', u, out));
    },
  };
}

/** The gradient and the products at one place, and the first halves of the programs that ran there. */
class Products {
  readonly #setting: Setting;
  readonly #place: Place;
  /** For each part of w and λ that it has no tangent. */
  readonly #nothing: readonly number[];
  readonly #halves = new Map<ProductKind, Flat>();
  #value: Flat | undefined;
  /** Whether the first half of the place's products gives the gradient too. */
  #isShared = false;
  #alive = true;

  constructor(setting: Setting, place: Place) {
    this.#setting = setting;
    this.#place = place;
    const { recipe, captured, space } = setting;
    const { w, λ } = place;
    this.#nothing = [...w.layout.sizes, ...λ.layout.sizes].map(() => 0);
    recipe.retain();
    captured.retain();
    // The products read w and λ, which may be intermediate results of the step that asked.
    for (const x of [w, λ]) space.hold(x);
  }

  /** The addresses of w, λ and what the loss captures, which are others once another backend has had that. */
  readonly #given = (): number[] => {
    const { w, λ } = this.#place;
    return [...w.parts(), ...λ.parts(), ...this.#setting.captured.addresses];
  };

  /** The gradient. */
  value(): Flat {
    return this.#value ?? this.#evaluated();
  }

  *evaluateInPieces(): Pausing<void> {
    if (this.#value !== undefined) return;
    this.#value = this.#newGradient();
    this.#isShared = true;
    yield* this.#halfInPieces(this.#place.kind);
    this.#setting.judge();
  }

  /** `H dw + B dλ` into out. */
  push(dw: Flat, dλ: Flat, out: Flat): Product {
    return { of: 'push', vectors: [...dw.parts(), ...dλ.parts()], outputs: out.parts() };
  }

  /** `H u`, `Bᵀ u` or both into outs. */
  pull(of: ProductKind, u: Flat, ...outs: readonly Flat[]): Product {
    const vectors = [...this.#nothing, ...u.parts()];
    return { of, vectors, outputs: outs.flatMap((out) => out.parts()) };
  }

  multiply(product: Product): void {
    const kept = this.#half(product.of);
    const [inputs, results] = this.#laterOf(product);
    this.#program(product.of).finishAt(inputs(), kept.address, results);
  }

  *inPieces<T>(read: readonly Flat[], made: T, product: Product): Pausing<T> {
    const { space } = this.#setting;
    const out = space.keep(made);
    for (const x of read) space.hold(x);
    try {
      const kept = yield* this.#halfInPieces(product.of);
      const [inputs, results] = this.#laterOf(product);
      yield* this.#program(product.of).finishAtInPieces(inputs, kept.address, results);
      this.#checkAlive();
      return out;
    } catch (error) {
      space.free(out);
      throw error;
    } finally {
      for (const x of read) space.letGo(x);
    }
  }

  /** out ← H v, to be run by a loop. */
  preparedHessian(v: Flat, out: Flat): Prepared {
    const product = this.pull('pull to the varied', v, out);
    const kept = this.#half(product.of);
    const [inputs, results] = this.#laterOf(product);
    return this.#program(product.of).prepare('late', inputs(), kept.address, results);
  }

  /** Whether the programs of the products that are asked for most are there. */
  areMade(): boolean {
    const { recipe } = this.#setting;
    return recipe.has('pull to the varied') || recipe.has('linearized pull to the varied');
  }

  /** Makes the program of a product, to be left for a while, unless it is there. */
  *prepareInPieces(of: ProductKind): Pausing<void> {
    const { recipe } = this.#setting;
    const kind = this.#kindOf(of);
    if (recipe.has(kind)) return;
    yield* recipe.programInPieces(kind);
    this.#checkAlive();
  }

  dispose(): void {
    if (!this.#alive) return;
    this.#alive = false;
    const { space, captured, recipe } = this.#setting;
    const { w, λ } = this.#place;
    // A run that has been left reads and writes what is freed.
    finishLeft(space.heap);
    space.free([this.#value, ...this.#halves.values()]);
    for (const x of [w, λ]) space.letGo(x);
    captured.release();
    recipe.release();
  }

  #checkAlive(): void {
    if (this.#alive) return;
    throw new DisposedError({
      given: 'a disposed derivative',
      expected: 'a live derivative',
      remedy: 'Dispose it later.',
    });
  }

  #sharesIt(of: ProductKind): boolean {
    return this.#isShared && of === this.#place.kind;
  }

  #kindOf(of: ProductKind): ProgramKind {
    return this.#sharesIt(of) ? `linearized ${of}` : of;
  }

  #program(of: ProductKind) {
    return this.#setting.recipe.program(this.#kindOf(of));
  }

  /** What the first half of a product gives: the loss and the gradient, where it is shared. */
  #valuesOf(of: ProductKind): readonly number[] {
    return this.#sharesIt(of) ? [this.#setting.value.address, ...this.#value!.parts()] : [];
  }

  #newGradient(): Flat {
    const { space } = this.#setting;
    return space.keep(space.allocate(this.#place.w.layout));
  }

  #memoryOf(of: ProductKind): Flat {
    const { space } = this.#setting;
    return space.keep(space.allocate(bytesLayout(this.#program(of).keptBytes)));
  }

  #half(of: ProductKind): Flat {
    const known = this.#halves.get(of);
    if (known !== undefined) return known;
    const kept = this.#memoryOf(of);
    this.#halves.set(of, kept);
    this.#program(of).beginAt(this.#given(), kept.address, this.#valuesOf(of));
    return kept;
  }

  *#halfInPieces(of: ProductKind): Pausing<Flat> {
    const known = this.#halves.get(of);
    if (known !== undefined) return known;
    yield;
    this.#checkAlive();
    yield* this.prepareInPieces(of);
    const { space } = this.#setting;
    const kept = this.#memoryOf(of);
    try {
      yield* this.#program(of).beginAtInPieces(this.#given, kept.address, this.#valuesOf(of));
      this.#checkAlive();
    } catch (error) {
      space.free(kept);
      throw error;
    }
    // It may have been begun again meanwhile.
    const half = this.#halves.get(of) ?? kept;
    if (half !== kept) space.free(kept);
    this.#halves.set(of, half);
    return half;
  }

  /** What the second half is given, and where its results go. */
  #laterOf({ of, vectors, outputs }: Product) {
    const { w } = this.#place;
    const results = this.#sharesIt(of) ? [0, ...w.layout.sizes.map(() => 0), ...outputs] : outputs;
    return [() => [...this.#given(), ...vectors], results] as const;
  }

  #evaluated(): Flat {
    const { recipe, value: loss, judge } = this.#setting;
    const { kind } = this.#place;
    const value = this.#newGradient();
    this.#value = value;
    if (this.#halves.has(kind)) {
      const outputs = [loss.address, ...value.parts()];
      recipe.program('value and gradient').beginAt(this.#given(), 0, outputs);
    } else {
      this.#isShared = true;
      this.#half(kind);
    }
    judge();
    return value;
  }
}
