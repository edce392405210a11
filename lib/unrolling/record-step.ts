import {
  type Arithmetic,
  asked,
  type Coefficient,
  type Iteration,
  mapState,
  type State,
  slopesOf,
  type Term,
} from '../methods';
import type { GradientDerivative, InnerForm } from '../problems';
import type { Space } from '../spaces';

/** A step that was taken and can be walked back: reverse mode through one step of an iteration. */
export interface RecordedStep<V> {
  /** The state after the step; it belongs to the caller. */
  readonly next: State<V>;
  /**
   * From the gradient of an outer value with respect to the state after the step, that with
   * respect to the state before, and what the step adds to that with respect to λ and to learned
   * numbers. A vector that is missing counts as zero.
   */
  pull(
    adjoint: Adjoint<V>,
    product?: Product<V>,
  ): { state: Adjoint<V>; λ: V; learned: LearnedAdjoint[] };
  /**
   * The product with the derivative of the gradient that `pull` will ask for, where it can be left for a
   * while; its vector is kept, and the caller's.
   */
  asks(adjoint: Adjoint<V>): { derivative: GradientDerivative<V>; u: V } | undefined;
  /** Frees what the walk back needs; harmless when repeated. */
  dispose(): void;
}

/** `H u` and `Bᵀ u` by the derivative of a gradient. */
export type Product<V> = (derivative: GradientDerivative<V>, u: V) => { w: V; λ: V };

/** `slope · scalar`, a share of the derivative with respect to the learned number sₖ; the scalar is a space's. */
export interface LearnedAdjoint {
  k: number;
  slope: number;
  scalar: unknown;
}

/** A gradient with respect to a state. */
export type Adjoint<V> = Partial<State<V>>;

/** What a step is taken with: the gradient, the hyperparameters, and how vectors are computed with. */
export interface StepSetting<V> {
  form: InnerForm<V>;
  λ: V;
  space: Space<V, unknown>;
  arithmetic: Arithmetic<V>;
}

/**
 * Takes step t from `state` and remembers how it was computed.
 *
 * The state must live as long as the recorded step; the caller disposes both.
 *
 * @param known the derivative of the gradient that the step asks for, where it has been computed; it is
 *   disposed with the step
 */
export function recordStep<V>(
  iteration: Iteration,
  t: number,
  state: State<V>,
  { form, λ, space, arithmetic }: StepSetting<V>,
  known?: GradientDerivative<V>,
): RecordedStep<V> {
  const tape = new StepTape<V>(arithmetic, space);
  try {
    const inputs = mapState(state, (vector) => tape.input(vector));
    const parameters = tape.input(λ);
    let left = known;
    const gradient = (x: Node<V>) => {
      const derivative = left ?? form.linearize(x.value, t);
      left = undefined;
      return tape.gradient(derivative, x, parameters);
    };
    const { outputs, next, saved } = space.tidy(() => {
      const outputs = iteration.step(t, inputs, gradient, tape.arithmetic);
      return space.keep({
        outputs,
        next: mapState(outputs, ({ value }) => value),
        saved: tape.saved,
      });
    });
    return {
      next,
      asks: (adjoint) =>
        tape.goesInPieces
          ? asked<V, { derivative: GradientDerivative<V>; u: V }>(
              space,
              (ask) => tape.pull(outputs, adjoint, [], (derivative, u) => ask({ derivative, u })),
              ({ derivative, u }) => ({ derivative, u: space.keep(space.clone(u)) }),
            )
          : undefined,
      pull: (adjoint, product = (derivative, u) => derivative.vjp(u)) =>
        space.tidy(() => {
          const learned: LearnedAdjoint[] = [];
          const pulled = tape.pull(outputs, adjoint, learned, product);
          const before: Adjoint<V> = {};
          for (const name of Object.keys(inputs)) before[name] = pulled(inputs[name]!);
          return { state: before, λ: pulled(parameters) ?? space.zeros(λ), learned };
        }),
      dispose() {
        tape.dispose();
        space.free(saved, [state, next]);
      },
    };
  } catch (error) {
    tape.dispose();
    throw error;
  }
}

/** A vector that knows its place among the results of a step. */
interface Node<V> {
  value: V;
  index: number;
}

/** Puts into `adjoints` what the adjoint `u` of one result adds to those of its operands. */
type PullRule<V> = (
  u: V,
  add: (operand: Node<V>, adjoint: V) => void,
  learned: LearnedAdjoint[],
  product: Product<V>,
) => void;

/** The operations of one step in order, each with the way back. */
class StepTape<V> {
  /** Vectors that the way back needs. */
  readonly saved: V[] = [];
  readonly arithmetic: Arithmetic<Node<V>>;
  readonly #rules: PullRule<V>[] = [];
  readonly #derivatives: GradientDerivative<V>[] = [];
  readonly #plain: Arithmetic<V>;
  readonly #space: Space<V, unknown>;

  constructor(plain: Arithmetic<V>, space: Space<V, unknown>) {
    this.#space = space;
    this.#plain = plain;
    this.arithmetic = this.#recordingArithmetic(plain);
  }

  input(value: V): Node<V> {
    return this.#note(value, () => {});
  }

  gradient(derivative: GradientDerivative<V>, x: Node<V>, parameters: Node<V>): Node<V> {
    this.#derivatives.push(derivative);
    return this.#note(derivative.value, (u, add, _, product) => {
      const { w, λ } = product(derivative, u);
      add(x, w);
      add(parameters, λ);
    });
  }

  /** The adjoints of all results, given those of the outputs; `undefined` is zero. */
  pull(
    outputs: State<Node<V>>,
    adjoint: Adjoint<V>,
    learned: LearnedAdjoint[],
    product: Product<V>,
  ): (result: Node<V>) => V | undefined {
    const adjoints: (V | undefined)[] = new Array(this.#rules.length);
    const add = ({ index }: Node<V>, u: V) => {
      const before = adjoints[index];
      adjoints[index] =
        before === undefined
          ? u
          : this.#plain.combine([
              [1, before],
              [1, u],
            ]);
    };
    for (const name of Object.keys(outputs)) {
      const u = adjoint[name];
      if (u !== undefined) add(outputs[name]!, u);
    }
    for (let i = adjoints.length - 1; i >= 0; i--) {
      const u = adjoints[i];
      if (u !== undefined) this.#rules[i]!(u, add, learned, product);
    }
    return ({ index }) => adjoints[index];
  }

  get goesInPieces(): boolean {
    return this.#derivatives.some(({ inPieces }) => inPieces !== undefined);
  }

  dispose(): void {
    for (const derivative of this.#derivatives) derivative.dispose();
  }

  /** `∂(a x)/∂sₖ = x ∂a/∂sₖ`, against the adjoint u. */
  #learn(a: Coefficient, u: V, x: V, learned: LearnedAdjoint[]): void {
    const slopes = slopesOf(a);
    if (slopes.size === 0) return;
    const scalar = this.#space.dot(u, x);
    for (const [k, slope] of slopes) learned.push({ k, slope, scalar });
  }

  #note(value: V, rule: PullRule<V>): Node<V> {
    return { value, index: this.#rules.push(rule) - 1 };
  }

  #recordingArithmetic({ combine, multiply, divide, sqrt, shift }: Arithmetic<V>) {
    const recording: Arithmetic<Node<V>> = {
      combine: (terms) => {
        for (const [a, x] of terms) if (slopesOf(a).size > 0) this.saved.push(x.value);
        return this.#note(
          combine(terms.map(([a, x]): Term<V> => [a, x.value])),
          (u, add, learned) => {
            for (const [a, x] of terms) {
              add(x, combine([[a, u]]));
              this.#learn(a, u, x.value, learned);
            }
          },
        );
      },
      multiply: (x, y) => {
        this.saved.push(x.value, y.value);
        return this.#note(multiply(x.value, y.value), (u, add) => {
          add(x, multiply(u, y.value));
          add(y, multiply(u, x.value));
        });
      },
      divide: (x, y) => {
        const quotient = divide(x.value, y.value);
        this.saved.push(quotient, y.value);
        return this.#note(quotient, (u, add) => {
          const share = divide(u, y.value);
          add(x, share);
          add(y, combine([[-1, multiply(share, quotient)]]));
        });
      },
      sqrt: (x) => {
        const root = sqrt(x.value);
        this.saved.push(root);
        return this.#note(root, (u, add) => add(x, combine([[0.5, divide(u, root)]])));
      },
      shift: (x, c) =>
        this.#note(shift(x.value, c), (u, add, learned) => {
          add(x, u);
          if (slopesOf(c).size > 0) this.#learn(c, u, shift(this.#space.zeros(u), 1), learned);
        }),
    };
    return recording;
  }
}
