import { type Flat, type FlatSpace, flatSpaceNow, Layout } from '../../autodiff';
import { InputError } from '../../errors';
import { finish, giveWay, Pace, type Pausing } from '../../event-loop';
import {
  arithmeticOf,
  asked,
  flatArithmetic,
  type Iteration,
  isLibraryMethod,
  iterationOf,
  type Method,
  mapState,
  type State,
} from '../../methods';
import type { FlatProblem } from '../../problems';
import {
  type NamedTensors,
  normsOf,
  type Space,
  spaceOf,
  tensors,
  type Vector,
} from '../../spaces';
import { finiteNorm, requireFinite, requireSame } from './checks';
import type { InnerProblem, InnerStep, Memory, Mover } from './mover';
import type { Place } from './place';

/** Moves a vector by the steps of a method. */
export class MethodMover<V extends Vector> implements Mover<V> {
  moves = 0;
  readonly #method: Method;
  readonly #place: Place<V>;
  readonly #space: Space<V, unknown>;
  #state: State<V> | undefined;
  #steps = 0;
  readonly #pace = new Pace();

  constructor(method: Method, place: Place<V>) {
    this.#method = method;
    this.#place = place;
    this.#space = spaceOf(place.value);
    iterationOf(method);
  }

  async descend({ gradient, inPieces }: InnerProblem<V>, enough: number): Promise<InnerStep> {
    const began = performance.now();
    let seen: V | undefined =
      this.#pace.isLong && inPieces ? await this.#ahead(inPieces) : undefined;
    const next = this.#next(
      (x) => {
        seen ??= this.#space.keep(gradient(x));
        return seen;
      },
      () => this.#space.free(seen),
    );
    this.#pace.took(performance.now() - began);
    try {
      const gradientNorm = await finiteNorm(this.#space, seen!, 'the norm of an inner gradient');
      const moved = gradientNorm > enough;
      if (moved) await this.#move(next);
      else this.#space.free(next, this.#state);
      return { loss: undefined, gradientNorm, moved };
    } catch (error) {
      this.#space.free(next, this.#state);
      throw error;
    } finally {
      this.#space.free(seen);
    }
  }

  /** The gradient that the next step will ask for, kept. */
  async #ahead(gradient: (x: V) => Pausing<V>): Promise<V | undefined> {
    const space = this.#space;
    const point = asked<V, V>(
      space,
      (ask) => this.#step(ask),
      (x) => space.clone(x),
    );
    if (point === undefined) return undefined;
    try {
      return await finish(gradient(point));
    } finally {
      space.free(point);
    }
  }

  async descendFlat(
    setting: FlatProblem,
    { count, enough }: { count: number; enough: number },
    after: (done: number) => void,
  ): Promise<number> {
    const { space, w } = setting;
    const iteration = iterationOf(this.#method);
    const begun = (): State<Flat> =>
      this.#state === undefined
        ? iteration.begin(space.clone(w))
        : mapState(this.#state, (x) => space.from(x as NamedTensors, w.layout));
    let state = space.keep(space.tidy(begun));
    const { portions } = setting;
    let done = 0;
    try {
      await finish(setting.prepare('descend'));
      while (done < count) {
        const began = performance.now();
        const stretch = { from: this.#steps + done, count: portions.next(count - done), enough };
        let taken = setting.descend(iteration, state, stretch);
        if (taken === 0) {
          const next = this.#flatStep(setting, iteration, state, stretch);
          if (next === undefined) break;
          space.free(state, next);
          state = next;
          taken = 1;
        }
        portions.took(taken, performance.now() - began);
        done += taken;
        const { x: _, ...memory } = state;
        for (const each of Object.values(memory)) {
          requireFinite(space.norm(each), `the memory of ${this.#method.name}, with a norm`);
        }
        await giveWay();
        after(done);
      }
      setting.moveTo(state.x);
      this.#takeOver(
        mapState(state, (x) => tensors.keep(space.toTensors(x))),
        done,
      );
      return done;
    } finally {
      space.free(state);
    }
  }

  /** The state after one step, kept; undefined where the gradient is small enough. */
  #flatStep(
    { space, arithmetic, form }: FlatProblem,
    iteration: Iteration,
    state: State<Flat>,
    { from, enough }: { from: number; enough: number },
  ): State<Flat> | undefined {
    let seen: Flat | undefined;
    let next: State<Flat> | undefined;
    let isTaken = false;
    try {
      const gradient = (x: Flat) => {
        seen = space.keep(form.gradient(x, from + 1));
        return seen;
      };
      next = space.tidy(() => space.keep(iteration.step(from + 1, state, gradient, arithmetic)));
      const norm = space.norm(seen!);
      requireFinite(norm, 'the norm of an inner gradient');
      isTaken = norm > enough;
      return isTaken ? next : undefined;
    } finally {
      space.free(seen, isTaken ? next : undefined);
      if (!isTaken) space.free(next, state);
    }
  }

  /** The state after some steps, of tensors, which V are here. */
  #takeOver(state: State<NamedTensors>, steps: number): void {
    const next = state as State<Vector> as State<V>;
    if (steps > 0) this.#place.assign(next.x);
    this.#space.free(this.#state);
    this.#state = next;
    this.#steps += steps;
    this.moves += steps;
  }

  async follow(gradient: V): Promise<void> {
    // A method of your own may compute with tensors alone.
    const isPlain = gradient instanceof Float64Array || !isLibraryMethod(this.#method);
    const flats = isPlain ? undefined : flatSpaceNow();
    const next =
      flats === undefined
        ? this.#next((x) => this.#known(gradient, x === this.#state!.x))
        : this.#nextOn(flats, gradient as NamedTensors);
    try {
      await this.#move(next);
    } catch (error) {
      this.#space.free(next, this.#state);
      throw error;
    }
  }

  /** The gradient, asked for at λ or elsewhere. */
  #known<T>(gradient: T, isAtλ: boolean): T {
    if (isAtλ) return gradient;
    throw new InputError({
      given: `the outer optimizer ${this.#method.name}, which looks at other points than λ`,
      expected: 'gradientDescent, heavyBall, adam, or an optimizer of TensorFlow.js',
      remedy: 'A hypergradient is known at λ alone.',
    });
  }

  /** The state after a step in the backend's memory, kept: a kernel for each operation takes longer. */
  #nextOn(space: FlatSpace, gradient: NamedTensors): State<V> {
    const iteration = iterationOf(this.#method);
    const λ = this.#place.value as Vector as NamedTensors;
    const layout = new Layout(λ);
    const flat = (x: NamedTensors) => space.from(x, layout);
    const state = space.tidy((): State<NamedTensors> => {
      const before: State<Flat> =
        this.#state === undefined
          ? iteration.begin(flat(λ))
          : mapState(this.#state, (x) => flat(x as NamedTensors));
      const g = flat(gradient);
      const known = (x: Flat) => this.#known(g, x === before.x);
      const next = iteration.step(this.#steps + 1, before, known, flatArithmetic(space));
      return mapState(next, (x) => tensors.keep(space.toTensors(x)));
    });
    // V are named tensors here.
    return state as State<Vector> as State<V>;
  }

  async remember(): Promise<Memory> {
    const vectors = this.#space.keep(
      Object.fromEntries(
        Object.entries(this.#state ?? {}).map(([name, x]) => [name, this.#space.clone(x)]),
      ),
    );
    return { of: this.#method.name, vectors, numbers: { steps: this.#steps } };
  }

  async recall({ of, vectors, numbers }: Memory): Promise<void> {
    requireSame(of, this.#method.name);
    const before = this.#state;
    const entries = Object.entries(vectors).map(([name, x]) => [name, this.#space.clone(x as V)]);
    this.#state = entries.length === 0 ? undefined : this.#space.keep(Object.fromEntries(entries));
    this.#steps = numbers.steps!;
    this.#space.free(before);
  }

  dispose(): void {
    this.#space.free(this.#state);
    this.#state = undefined;
  }

  /** The state after a step, kept; `undo` is called where it throws. */
  #next(gradient: (x: V) => V, undo = () => {}): State<V> {
    try {
      return this.#space.tidy(() => this.#space.keep(this.#step(gradient)));
    } catch (error) {
      undo();
      throw error;
    }
  }

  #step(gradient: (x: V) => V): State<V> {
    const space = this.#space;
    const iteration = iterationOf(this.#method);
    // What the method keeps of a place must not move with it.
    this.#state ??= space.keep(iteration.begin(space.clone(this.#place.value)));
    const state = this.#state;
    const arithmetic = arithmeticOf(this.#place.value);
    return iteration.step(this.#steps + 1, state, gradient, arithmetic);
  }

  /** What overflows here, as squares of a gradient do first, would stay ∞ and stop all later steps. */
  async #checkMemory({ x: _, ...memory }: State<V>): Promise<void> {
    const vectors = Object.values(memory).filter((vector) => vector !== undefined);
    if (vectors.length === 0) return;
    const norms = await normsOf(this.#space, vectors);
    for (const norm of norms)
      requireFinite(norm, `the memory of ${this.#method.name}, with a norm`);
  }

  async #move(next: State<V>): Promise<void> {
    await this.#checkMemory(next);
    this.moves++;
    this.#place.assign(next.x);
    this.#space.free(this.#state, next);
    this.#state = next;
    this.#steps++;
  }
}
