import { DisposedError } from '../../errors';
import type { Pausing, Portions } from '../../event-loop';
import type { SolverLoops } from '../../spaces';
import { type Captured, finishLeft, type Prepared, type ProductKind, type Recipe } from '../traced';
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
  /** The products to be left for a while, where they take long; what they return is kept. */
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

/** A product: its kind, the tangents or cotangents that it is given, and where the results go. */
interface Product {
  of: ProductKind;
  vectors: readonly number[];
  outputs: readonly number[];
}

/** The derivative of a gradient at w and λ, by the programs of its loss. */
export function derivativeOn(
  { space, recipe, captured, value: loss, portions, judge }: Setting,
  { w, λ, kind }: { w: Flat; λ: Flat; kind: ProductKind },
): LateDerivative {
  const given = [...w.parts(), ...λ.parts(), ...captured.addresses];
  let value: Flat | undefined;
  let [isShared, alive] = [false, true];
  const checkAlive = () => {
    if (alive) return;
    throw new DisposedError({
      given: 'a disposed derivative',
      expected: 'a live derivative',
      remedy: 'Dispose it later.',
    });
  };
  const nothing = [...w.layout.sizes, ...λ.layout.sizes].map(() => 0);
  const halves = new Map<ProductKind, Flat>();
  const sharesIt = (of: ProductKind) => isShared && of === kind;
  const nameOf = (of: ProductKind) => (sharesIt(of) ? (`linearized ${of}` as const) : of);
  const programOf = (of: ProductKind) => recipe.program(nameOf(of));
  /** What the first half of a product gives: the loss and the gradient, where it is shared. */
  const valuesOf = (of: ProductKind) => (sharesIt(of) ? [loss.address, ...value!.parts()] : []);
  const memoryOf = (of: ProductKind) =>
    space.keep(space.allocate(bytesLayout(programOf(of).keptBytes)));
  const half = (of: ProductKind) => {
    const known = halves.get(of);
    if (known !== undefined) return known;
    const kept = memoryOf(of);
    halves.set(of, kept);
    programOf(of).beginAt(given, kept.address, valuesOf(of));
    return kept;
  };
  function* halfInPieces(of: ProductKind): Pausing<Flat> {
    const known = halves.get(of);
    if (known !== undefined) return known;
    // Before a program is made, which may take as long as a turn.
    yield;
    checkAlive();
    const kept = memoryOf(of);
    try {
      yield* programOf(of).beginAtInPieces(given, kept.address, valuesOf(of));
      checkAlive();
    } catch (error) {
      space.free(kept);
      throw error;
    }
    // It may have been begun again meanwhile.
    const half = halves.get(of) ?? kept;
    if (half !== kept) space.free(kept);
    halves.set(of, half);
    return half;
  }
  /** What the second half is given, and where its results go. */
  const laterOf = ({ of, vectors, outputs }: Product) => {
    const results = sharesIt(of) ? [0, ...w.layout.sizes.map(() => 0), ...outputs] : outputs;
    return [[...given, ...vectors], results] as const;
  };
  const multiply = (product: Product) => {
    const kept = half(product.of);
    const [inputs, results] = laterOf(product);
    programOf(product.of).finishAt(inputs, kept.address, results);
  };
  function* inPieces<T>(read: readonly Flat[], made: T, product: Product): Pausing<T> {
    const out = space.keep(made);
    for (const x of read) space.hold(x);
    try {
      const kept = yield* halfInPieces(product.of);
      const [inputs, results] = laterOf(product);
      yield* programOf(product.of).finishAtInPieces(inputs, kept.address, results);
      checkAlive();
      return out;
    } catch (error) {
      space.free(out);
      throw error;
    } finally {
      for (const x of read) space.letGo(x);
    }
  }
  const preparedHessian = (v: Flat, out: Flat): Prepared => {
    const of = 'pull to the varied';
    const kept = half(of);
    const [inputs, results] = laterOf({ of, vectors: ofPull(v), outputs: out.parts() });
    return programOf(of).prepare('late', inputs, kept.address, results);
  };
  const ofPull = (u: Flat) => [...nothing, ...u.parts()];
  const push = (dw: Flat, dλ: Flat, out: Flat): Product => ({
    of: 'push',
    vectors: [...dw.parts(), ...dλ.parts()],
    outputs: out.parts(),
  });
  const pull = (of: ProductKind, u: Flat, ...outs: readonly Flat[]): Product => ({
    of,
    vectors: ofPull(u),
    outputs: outs.flatMap((out) => out.parts()),
  });
  const likeW = () => space.allocate(w.layout);
  const likeλ = () => space.allocate(λ.layout);
  const evaluated = (): Flat => {
    value = space.keep(likeW());
    if (halves.has(kind)) {
      const outputs = [loss.address, ...value.parts()];
      recipe.program('value and gradient').beginAt(given, 0, outputs);
    } else {
      isShared = true;
      half(kind);
    }
    judge();
    return value;
  };
  recipe.retain();
  captured.retain();
  // The products read w and λ, which may be intermediate results of the step that asked.
  for (const x of [w, λ]) space.hold(x);
  return {
    get value() {
      return value ?? evaluated();
    },
    *evaluateInPieces() {
      if (value !== undefined) return;
      value = space.keep(likeW());
      isShared = true;
      yield* halfInPieces(kind);
      judge();
    },
    jvp(dw, dλ) {
      const out = likeW();
      multiply(push(dw, dλ, out));
      return out;
    },
    vjp(u) {
      const out = { w: likeW(), λ: likeλ() };
      multiply(pull('pull', u, out.w, out.λ));
      return out;
    },
    hessian(v) {
      const out = likeW();
      multiply(pull('pull to the varied', v, out));
      return out;
    },
    mixed(u) {
      const out = likeλ();
      multiply(pull('pull to the rest', u, out));
      return out;
    },
    ...(recipe.isLong
      ? {
          inPieces: {
            jvp(dw, dλ) {
              const out = likeW();
              return inPieces([dw, dλ], out, push(dw, dλ, out));
            },
            vjp(u) {
              const out = { w: likeW(), λ: likeλ() };
              return inPieces([u], out, pull('pull', u, out.w, out.λ));
            },
            hessian(v) {
              const out = likeW();
              return inPieces([v], out, pull('pull to the varied', v, out));
            },
            mixed(u) {
              const out = likeλ();
              return inPieces([u], out, pull('pull to the rest', u, out));
            },
          },
        }
      : { loops: flatLoops(space, preparedHessian, { portions }) }),
    dispose: () => {
      if (!alive) return;
      alive = false;
      // A run that has been left reads and writes what is freed.
      finishLeft(space.heap);
      space.free([value, ...halves.values()]);
      for (const x of [w, λ]) space.letGo(x);
      captured.release();
      recipe.release();
    },
  };
}
