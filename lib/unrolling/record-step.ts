import {
  type Arithmetic,
  type Coefficient,
  type Iteration,
  listStep,
  mapState,
  type State,
  type StepList,
  type StepOperation,
  type Stepping,
  slopesOf,
  vectorsOfStep,
} from '../methods';
import type { GradientDerivative } from '../problems';
import type { Space } from '../spaces';

/** A step that was taken and can be walked back: reverse mode through one step of an iteration. */
export interface RecordedStep<V> {
  /** The state after the step; it belongs to the caller. */
  readonly next: State<V>;
  /**
   * From the gradient of an outer value with respect to the state after the step, that with
   * respect to the state before, and what the step adds to that with respect to λ and to learned
   * numbers; kept, and the caller's. A vector that is missing counts as zero.
   *
   * It can be left at each `yield`, or asks there for a product, which is to be kept and becomes its own.
   */
  pull(adjoint: Adjoint<V>): Pulling<V, PulledStep<V>>;
  /** Frees what the walk back needs; harmless when repeated. */
  dispose(): void;
}

/** Asks at a `yield` for a product with the derivative of a gradient, or for nothing. */
export type Pulling<V, T> = Generator<ProductAsked<V> | undefined, T, Product<V> | undefined>;

export interface ProductAsked<V> {
  derivative: GradientDerivative<V>;
  u: V;
}

/** `H u` and `Bᵀ u` by the derivative of a gradient. */
export interface Product<V> {
  w: V;
  λ: V;
}

export interface PulledStep<V> {
  state: Adjoint<V>;
  λ: V;
  learned: LearnedAdjoint[];
}

/** `slope · scalar`, a share of the derivative with respect to the learned number sₖ; the scalar is a space's. */
export interface LearnedAdjoint {
  k: number;
  slope: number;
  scalar: unknown;
}

/** A gradient with respect to a state. */
export type Adjoint<V> = Partial<State<V>>;

/** What a step is taken with: the hyperparameters, and how vectors are computed with. */
export interface StepSetting<V> {
  λ: V;
  space: Space<V, unknown>;
  arithmetic: Arithmetic<V>;
}

/**
 * Takes step t from `state` and remembers how it was computed; left after each operation.
 *
 * The state must live as long as the recorded step; the caller disposes both. What is asked for at a
 * point is the derivative of the gradient there, which is disposed with the step.
 */
export function* recordStep<V>(
  iteration: Iteration,
  t: number,
  state: State<V>,
  setting: StepSetting<V>,
): Stepping<V, RecordedStep<V>, GradientDerivative<V>> {
  const { space } = setting;
  const list = listStep(iteration, t, state);
  const derivatives: GradientDerivative<V>[] = [];
  const dispose = () => {
    for (const derivative of derivatives) derivative.dispose();
  };
  try {
    const vectors = yield* vectorsOfStep(list, state, setting, (asked: GradientDerivative<V>) => {
      derivatives.push(asked);
      return asked.value;
    });
    const own = derivatives.map(({ value }) => value);
    const next = mapState(list.next, (place) => {
      const vector = vectors[place]!;
      return own.includes(vector) ? space.keep(space.clone(vector)) : vector;
    });
    const saved = savedOf(list).map((place) => vectors[place]!);
    space.free(vectors, [state, next, saved, own]);
    const step = { list, vectors, derivatives, setting };
    return {
      next,
      pull: (adjoint) => pullThrough(step, adjoint),
      dispose() {
        dispose();
        space.free(saved, [state, next]);
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The places of the vectors that the way back needs. */
function savedOf({ names, operations }: StepList): number[] {
  return operations.flatMap((operation, i): readonly number[] => {
    const place = names.length + i;
    switch (operation.kind) {
      case 'combine':
        return operation.of.filter((_, n) => slopesOf(operation.factors[n]!).size > 0);
      case 'multiply':
        return operation.of;
      case 'divide':
        return [operation.of[1], place];
      case 'sqrt':
        return [place];
      default:
        return [];
    }
  });
}

/** A step as its way back needs it: of the vectors those that were saved. */
interface Steps<V> {
  list: StepList;
  vectors: readonly V[];
  /** By the order in which they were asked for. */
  derivatives: readonly GradientDerivative<V>[];
  setting: StepSetting<V>;
}

function* pullThrough<V>(step: Steps<V>, adjoint: Adjoint<V>): Pulling<V, PulledStep<V>> {
  const { names, operations, next } = step.list;
  const { space, λ } = step.setting;
  const way = new WayBack(step);
  try {
    for (const name of Object.keys(next)) {
      const u = adjoint[name];
      if (u !== undefined) way.add(next[name]!, u);
    }
    let gradients = step.derivatives.length;
    for (let i = operations.length - 1; i >= 0; i--) {
      const operation = operations[i]!;
      if (operation.kind === 'gradient') gradients--;
      const u = way.at(names.length + i);
      if (u === undefined) continue;
      if (operation.kind !== 'gradient') {
        way.pull(operation, names.length + i, u);
        yield undefined;
        continue;
      }
      const derivative = step.derivatives[gradients]!;
      way.addProduct(operation.of[0], (yield { derivative, u })!);
    }
    const state: Adjoint<V> = {};
    for (const [place, name] of names.entries()) state[name] = way.at(place);
    const result = {
      state,
      λ: way.λ ?? space.keep(space.zeros(λ)),
      learned: way.learned,
    };
    way.free([result, adjoint]);
    return result;
  } catch (error) {
    way.free(adjoint);
    space.free(way.learned.map(({ scalar }) => scalar));
    throw error;
  }
}

/** The adjoints of the places of a step, from the last to the first. */
class WayBack<V> {
  readonly learned: LearnedAdjoint[] = [];
  /** What has been added to the derivative with respect to λ; undefined is zero. */
  λ: V | undefined;
  readonly #step: Steps<V>;
  readonly #adjoints: (V | undefined)[] = [];
  readonly #made: V[] = [];

  constructor(step: Steps<V>) {
    this.#step = step;
  }

  /** The adjoint of a place; undefined is zero. */
  at(place: number): V | undefined {
    return this.#adjoints[place];
  }

  add(place: number, u: V): void {
    this.#adjoints[place] = this.#sum(this.#adjoints[place], u);
  }

  addProduct(point: number, { w, λ }: Product<V>): void {
    this.#made.push(w, λ);
    this.add(point, w);
    this.λ = this.#sum(this.λ, λ);
  }

  /** Adds what the adjoint u of an operation adds to those of its operands. */
  pull(operation: Exclude<StepOperation, { kind: 'gradient' }>, place: number, u: V): void {
    const { vectors, setting } = this.#step;
    const { combine, multiply, divide } = setting.arithmetic;
    const vector = (i: number) => vectors[operation.of[i]!]!;
    const add = (i: number, share: () => V) => this.add(operation.of[i]!, this.#make(share));
    switch (operation.kind) {
      case 'combine':
        for (const [i, a] of operation.factors.entries()) {
          add(i, () => combine([[a, u]]));
          this.#learn(a, u, () => vector(i));
        }
        break;
      case 'multiply':
        add(0, () => multiply(u, vector(1)));
        add(1, () => multiply(u, vector(0)));
        break;
      case 'divide': {
        const share = this.#make(() => divide(u, vector(1)));
        this.add(operation.of[0], share);
        add(1, () => combine([[-1, multiply(share, vectors[place]!)]]));
        break;
      }
      case 'sqrt':
        add(0, () => combine([[0.5, divide(u, vectors[place]!)]]));
        break;
      case 'shift':
        this.add(operation.of[0], u);
        this.#learn(operation.by, u, () => setting.arithmetic.shift(setting.space.zeros(u), 1));
    }
  }

  /** Frees what was made on the way. */
  free(except: unknown): void {
    this.#step.setting.space.free(this.#made, except);
  }

  /** `∂(a x)/∂sₖ = x ∂a/∂sₖ`, against the adjoint u. */
  #learn(a: Coefficient, u: V, x: () => V): void {
    const slopes = slopesOf(a);
    if (slopes.size === 0) return;
    const { space } = this.#step.setting;
    const scalar = space.tidy(() => space.keep(space.dot(u, x())));
    for (const [k, slope] of slopes) this.learned.push({ k, slope, scalar });
  }

  #sum(before: V | undefined, u: V): V {
    if (before === undefined) return u;
    return this.#make(() =>
      this.#step.setting.arithmetic.combine([
        [1, before],
        [1, u],
      ]),
    );
  }

  #make(compute: () => V): V {
    const { space } = this.#step.setting;
    const made = space.tidy(() => space.keep(compute()));
    this.#made.push(made);
    return made;
  }
}
