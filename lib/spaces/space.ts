/**
 * A real vector space with an inner product, as solvers and methods need it.
 *
 * `V` is a vector, `S` a scalar that stays where the vectors are: a `number` for a
 * `Float64Array`, a tensor of rank 0 for named tensors. An algorithm written with these
 * operations alone runs on both, and on a GPU never waits for a number to come back.
 *
 * No operation changes its arguments. Masks are scalars that are 1 where a comparison holds and
 * 0 where it does not.
 */
export interface Space<V, S> {
  readonly name: string;
  /** The unit roundoff of its arithmetic, about `2.2e-16` or `1.2e-7`. */
  readonly epsilon: number;

  /** The zero vector of the same shape as `like`. */
  zeros(like: V): V;
  /** A copy that lives and dies on its own. */
  clone(x: V): V;
  /** `a x`. */
  scale(a: S, x: V): V;
  /** `a x + y`. */
  axpy(a: S, x: V, y: V): V;
  /** `x − y`. */
  subtract(x: V, y: V): V;
  /** The inner product `⟨x, y⟩`. */
  dot(x: V, y: V): S;
  /** `‖x‖ = √⟨x, x⟩`, right also where the squares of the numbers vanish or overflow. */
  norm(x: V): S;
  /** `x` where the mask is 1, else `y`; a NaN in the one not chosen does not get through. */
  select(mask: S, x: V, y: V): V;

  readonly scalars: Scalars<S>;

  /** The numbers of some scalars, in one transfer; gives timers a turn when that is due. */
  read(values: readonly S[]): Promise<number[]>;
  /**
   * The same without waiting.
   *
   * @throws UnsupportedError where that would stall a GPU; `readableNow` tests that beforehand.
   */
  readSync(values: readonly S[]): number[];
  /** Whether `readSync` works here and now. */
  readableNow(): boolean;

  /** Runs `f` and frees every vector and scalar it made, but for those it returns. Synchronous. */
  tidy<T>(f: () => T): T;
  /** Exempts what is inside `x` from every surrounding `tidy`: it lives until `free`. */
  keep<T>(x: T): T;
  /** Frees the vectors and scalars inside `x` that are not also inside `except`; repeatable. */
  free(x: unknown, except?: unknown): void;

  /**
   * Checks that `x` is a vector of the shape of `like`.
   *
   * @throws ShapeError naming the part that differs; `what` is how the message calls `x`.
   */
  check(x: V, like: V, what: string): void;
}

/** Arithmetic on scalars, where they live. */
export interface Scalars<S> {
  of(value: number): S;
  add(a: S, b: S): S;
  subtract(a: S, b: S): S;
  multiply(a: S, b: S): S;
  divide(a: S, b: S): S;
  sqrt(a: S): S;
  /** The mask of `a < b`; 0 if either is NaN. */
  less(a: S, b: S): S;
  /** The mask of both. */
  and(a: S, b: S): S;
  /** `a` where the mask is 1, else `b`. */
  select(mask: S, a: S, b: S): S;
}
