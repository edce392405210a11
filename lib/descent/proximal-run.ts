import * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { NotFiniteError } from '../errors';
import { finish, giveWay, type Pausing } from '../event-loop';
import { checkMethods } from '../options';
import { checkedSolution, type SolverStatus } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { proximalOperator } from './implicit-step';
import type { ProximalOptions, ProximalStep } from './proximal-types';
import { pick } from './variables';

/** The share of the predicted decrease that a step must achieve (Armijo's rule). */
const SUFFICIENT = 1e-4;
const HALVINGS = 30;
/** Within this relative error a computed Φ does not show whether it fell. */
const BLUR = 10 * tensors.epsilon;
/** A correction within this share of an entry is lost in what its rounding does to the residual. */
const ROUNDING = 8 * tensors.epsilon;

/** F(y), `‖y − x‖`, `δ‖∇F(y)‖` and the norm of their sum. */
type Facts = [number, number, number, number];

interface Point {
  y: NamedTensors;
  residualNorm: number;
}

/** A loss and its curvature, as for `proximalStep`, to be left for a while; what they return is kept. */
export interface PausingProblem {
  loss(y: NamedTensors): Pausing<tf.Scalar>;
  curvatureAt(y: NamedTensors): Pausing<Curvature>;
}

/** The Newton steps of `proximalStep`, from checked arguments. */
export class ProximalRun {
  #y: NamedTensors;
  /** Where a whole step began for which Φ did not show whether it goes down. */
  #before: Point | undefined;
  #iterations = 0;
  #products = 0;
  #firstLoss = Number.NaN;

  constructor(
    private readonly problem: PausingProblem,
    private readonly x: NamedTensors,
    private readonly delta: number,
    private readonly options: Required<ProximalOptions>,
  ) {
    this.#y = hold(() => tensors.clone(x));
  }

  async result(): Promise<ProximalStep> {
    for (;;) {
      const result = await this.#step();
      if (result) return result;
    }
  }

  dispose(): void {
    tensors.free([this.#y, this.#before]);
  }

  /** Evaluates F at y, and moves y by a Newton step unless the run ends there. */
  async #step(): Promise<ProximalStep | undefined> {
    const C = await inTurns(this.problem.curvatureAt(this.#y));
    checkMethods(C, 'the curvature of proximalStep', ['apply', 'dispose']);
    let at: { r: NamedTensors; facts: tf.Scalar[] } | undefined;
    try {
      at = this.#residualAt(C);
      const [F, distance, pullNorm, residualNorm] = (await tensors.read(at.facts)) as Facts;
      if (this.#iterations === 0) this.#begin(F, pullNorm);
      const reached = { y: this.#y, residualNorm };
      // Written so that a NaN does not pass.
      if (this.#before && !(residualNorm <= this.#before.residualNorm / 2)) {
        return this.#end('max-iterations', this.#before);
      }
      if (residualNorm <= this.options.tolerance * pullNorm) return this.#end('converged', reached);
      if (this.#iterations >= this.options.maxIterations) {
        return this.#end('max-iterations', reached);
      }
      return await this.#descend(C, at.r, reached, { F, distance });
    } finally {
      C.dispose();
      tensors.free(at);
    }
  }

  /** `r = y − x + δ∇F(y)`, kept, and what it consists of. */
  #residualAt(C: Curvature): { r: NamedTensors; facts: tf.Scalar[] } {
    const s = tensors.scalars;
    return hold(() => {
      const moved = tensors.subtract(this.#y, this.x);
      const gradient = pick(C.gradient, Object.keys(this.#y));
      const pull = tensors.scale(s.of(this.delta), gradient);
      const r = tensors.axpy(s.of(1), pull, moved);
      return { r, facts: [C.value, tensors.norm(moved), tensors.norm(pull), tensors.norm(r)] };
    });
  }

  #begin(F: number, pullNorm: number): void {
    if (!Number.isFinite(F + pullNorm)) throw notFinite(F, pullNorm);
    this.#firstLoss = F;
  }

  /** The result, whose value is no longer the run's. */
  #end(status: SolverStatus, { y: value, residualNorm }: Point): ProximalStep {
    tensors.free([this.#y, this.#before], value);
    [this.#y, this.#before] = [{}, undefined];
    const [loss, iterations, products] = [this.#firstLoss, this.#iterations, this.#products];
    return { value, loss, iterations, products, residualNorm, status };
  }

  /** Moves y by a Newton step, or ends where there is none to take. */
  async #descend(
    C: Curvature,
    r: NamedTensors,
    from: Point,
    at: { F: number; distance: number },
  ): Promise<ProximalStep | undefined> {
    const { direction, isSolved } = await this.#newtonDirection(C, r, from.residualNorm);
    try {
      const { slope, isRounding } = await this.#inspect(r, direction);
      if (isSolved && isRounding) return this.#end('converged', from);
      const next = await this.#search(direction, slope, at);
      if (next === undefined) return this.#end('max-iterations', from);
      this.#moveTo(next, from);
      return undefined;
    } finally {
      tensors.free(direction);
    }
  }

  #moveTo(next: { y: NamedTensors; certain: boolean }, from: Point): void {
    if (this.#before) tensors.free(this.#before.y);
    this.#before = next.certain ? undefined : from;
    if (next.certain) tensors.free(this.#y);
    this.#y = next.y;
    this.#iterations += 1;
  }

  /** `(I + δH)⁻¹ r`, or r where the solver has nothing to offer; solved for `r / ‖r‖`, of any unit. */
  async #newtonDirection(C: Curvature, r: NamedTensors, norm: number) {
    const { solver } = this.options;
    const A = proximalOperator(C, this.delta);
    const unit = hold(() => mapTensors(r, (value) => tf.div(value, norm)));
    try {
      const solution = checkedSolution(solver, await solver.solve(A, unit), tensors, unit);
      this.#products += A.products;
      const used = solution.iterations > 0 ? solution.value : unit;
      const direction = hold(() => tensors.scale(tensors.scalars.of(norm), used));
      tensors.free(solution.value);
      return { direction, isSolved: solution.status === 'converged' };
    } finally {
      tensors.free(unit);
    }
  }

  /** The first of y − d, y − d/2, … whose Φ is low enough, or may be; or nothing. */
  async #search(d: NamedTensors, slope: number, at: { F: number; distance: number }) {
    const phi = this.#phi(at.F, at.distance);
    for (let k = 0, t = 1; k < HALVINGS; k++, t /= 2) {
      const candidate = hold(() => tensors.axpy(tensors.scalars.of(-t), d, this.#y));
      let accepted = false;
      try {
        const reached = await this.#phiAt(candidate);
        const certain =
          reached.value < phi.value && reached.value <= phi.value - SUFFICIENT * t * slope;
        const unclear = Math.abs(reached.value - phi.value) <= Math.max(phi.blur, reached.blur);
        accepted = certain || (t === 1 && unclear);
        if (accepted) return { y: candidate, certain };
      } finally {
        if (!accepted) tensors.free(candidate);
      }
    }
    return undefined;
  }

  async #phiAt(y: NamedTensors) {
    const facts = [await inTurns(this.problem.loss(y))];
    try {
      facts.push(hold(() => tensors.norm(tensors.subtract(y, this.x))));
      return this.#phi(...((await tensors.read(facts)) as [number, number]));
    } finally {
      tensors.free(facts);
    }
  }

  /** Φ from F(y) and ‖y − x‖; in double precision, where nothing that squares hold is lost. */
  #phi(F: number, distance: number) {
    const penalty = penaltyOf(distance, this.delta);
    return { value: F + penalty, blur: BLUR * (Math.abs(F) + penalty) };
  }

  /**
   * `rᵀd / δ`, what Φ falls by at first, from unit vectors, whose squares do not vanish; and whether
   * d changes no entry of y by more than rounding does.
   */
  async #inspect(r: NamedTensors, d: NamedTensors) {
    const facts = hold(() => {
      const [rNorm, dNorm] = [tensors.norm(r), tensors.norm(d)];
      const cosine = tensors.dot(unitOf(r, rNorm), unitOf(d, dNorm));
      return [rNorm, dNorm, cosine, this.#visibleEntries(d)];
    }) as tf.Scalar[];
    const read = (await tensors.read(facts)) as [number, number, number, number];
    tensors.free(facts);
    const [rNorm, dNorm, cosine, beyond] = read;
    return { slope: (rNorm / this.delta) * dNorm * cosine, isRounding: beyond === 0 };
  }

  /** How many entries of y and x a step of d changes by more than their rounding. */
  #visibleEntries(d: NamedTensors): tf.Tensor {
    const counts = Object.keys(d).map((name) => {
      const size = tf.maximum(tf.abs(this.#y[name]!), tf.abs(this.x[name]!));
      const visible = tf.greater(tf.abs(d[name]!), tf.mul(ROUNDING, size));
      return tf.sum(tf.cast(visible, 'float32'));
    });
    return tf.addN(counts);
  }
}

/** Does it with a turn for timers before and after it, where one is due: it may begin with a loss. */
async function inTurns<T>(work: Pausing<T>): Promise<T> {
  await giveWay();
  return finish(work);
}

const hold = <T>(make: () => T): T => tensors.keep(tensors.tidy(make));

const unitOf = (v: NamedTensors, norm: tf.Scalar): NamedTensors =>
  mapTensors(v, (value) => tf.divNoNan(value, norm));

/** `‖y − x‖² / 2δ`; for δ = 0 y is x. */
const penaltyOf = (distance: number, delta: number) =>
  distance === 0 ? 0 : ((distance / delta) * distance) / 2;

function notFinite(loss: number, norm: number) {
  return new NotFiniteError({
    given: `a loss of ${loss} whose gradient, times δ, has the norm ${norm}`,
    expected: 'finite numbers at the point the step starts from',
    remedy: 'Look for a logarithm of 0 or an overflow in the loss; the weights are unchanged.',
  });
}
