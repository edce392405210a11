import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { LoopReport, LoopStop, NamedTensors } from '../../spaces';
import { namesOf } from '../named';
import {
  type Captured,
  heapForPrograms,
  keyOf,
  type ProductKind,
  type Recipe,
  type Remembered,
  ran,
} from '../traced';
import { Flat, Layout, numbersLayout } from './flat';
import {
  FACTS,
  FACTS_SIZE,
  KEEPS,
  type RunSolve,
  solveOn,
  TABLE_SIZE,
  TABLES,
} from './solver-loop';
import { type FlatSpace, flatSpaceOn } from './space';

/** What the two losses of a problem remember. */
interface Losses {
  inner: Remembered;
  outer: Remembered;
}

/** The programs of a loss under the key by which they were found. */
interface Known {
  remembered: Remembered;
  key: string;
  recipe: Recipe;
  captured: Captured;
}

/** Iterations of a solve in one call: with `alpha` those of a series, else of conjugate gradients. */
export interface PreparedSolve extends Pick<LoopStop, 'count' | 'goal' | 'limit' | 'growth'> {
  alpha: number | undefined;
  /** τ of `A + τI`. */
  tau: number;
  /** ‖r‖². */
  residual: number;
  /** Whether the iterate of least residual is kept. */
  keepsBest: boolean;
}

/** Of how many names and shapes of its vectors a problem keeps prepared derivatives. */
const MOST = 4;

const prepared = new WeakMap<Remembered, PreparedDerivative[]>();

/**
 * What the implicit derivative of a problem needs that does not depend on its numbers: the programs of
 * both losses, and where each vector is in one block of memory, which a run allocates and frees. It holds
 * no memory itself, and any number of runs may be under way.
 */
export class PreparedDerivative {
  readonly space: FlatSpace;
  /** How many iterations fit into a turn of the event loop, remembered with the loss. */
  readonly portions: Captured['portions']['solves'];
  /** How often a run came to something that is not prepared, since one that did not. */
  misses = 0;
  readonly heap: Heap;
  readonly inner: Known;
  readonly outer: Known;
  readonly block: Block;
  /** Whether the gradient of the inner loss is computed too. */
  readonly hasGradient: boolean;
  readonly #loops: { cg?: RunSolve; richardson?: RunSolve } = {};

  constructor(heap: Heap, { inner, outer }: { inner: Known; outer: Known }, block: Block) {
    this.heap = heap;
    this.space = flatSpaceOn(heap);
    this.portions = inner.captured.portions.solves;
    this.inner = inner;
    this.outer = outer;
    this.block = block;
    this.hasGradient = block.hasGradient;
  }

  /** A run at w and λ, which are copied; it is to be disposed. */
  begin(w: NamedTensors, λ: NamedTensors): PreparedRun {
    return new PreparedRun(this, w, λ);
  }

  /** Whether it is for vectors of these names and shapes, and its programs are still those of the losses. */
  fits(heap: Heap, outer: Remembered, w: NamedTensors, λ: NamedTensors, hasGradient: boolean) {
    return (
      this.heap === heap &&
      this.outer.remembered === outer &&
      this.hasGradient === hasGradient &&
      isLaidOut(w, this.block.w) &&
      isLaidOut(λ, this.block.λ) &&
      isCurrent(this.heap, this.inner) &&
      isCurrent(this.heap, this.outer)
    );
  }

  /** The loop of a method around products with the Hessian. */
  loop(method: 'cg' | 'richardson', product: Parameters<typeof solveOn>[1]): RunSolve {
    this.#loops[method] ??= solveOn(this.heap, product, method, undefined);
    return this.#loops[method];
  }
}

/** Whether a loss still has these programs, and captures the same: it may have been freed and traced again. */
function isCurrent(heap: Heap, { remembered, key, recipe, captured }: Known): boolean {
  const found = remembered.find(heap, key);
  return found !== undefined && found.recipe === recipe && found.captured === captured;
}

/** Whether tensors have the names, the order and the shapes of a layout. */
function isLaidOut(x: NamedTensors, { names, shapes }: Layout): boolean {
  let i = 0;
  for (const name in x) {
    const { dtype, shape } = x[name]!;
    const wanted = shapes[i];
    if (name !== names[i++] || dtype !== 'float32' || shape.length !== wanted!.length) return false;
    for (let j = 0; j < shape.length; j++) if (shape[j] !== wanted![j]) return false;
  }
  return i === names.length;
}

/**
 * The prepared derivative of a problem at vectors of these names and shapes.
 *
 * @param joined the names of both vectors as the outer loss is known by them
 * @returns undefined where programs are not known or cannot run, or take long: timers want turns then
 */
export function preparedDerivative(
  { inner, outer }: Losses,
  { w, λ }: { w: NamedTensors; λ: NamedTensors },
  joined: (w: NamedTensors, λ: NamedTensors) => NamedTensors,
  hasGradient: boolean,
): PreparedDerivative | undefined {
  const heap = heapForPrograms();
  if (heap === undefined || inner.marks || outer.marks) return undefined;
  const kept = prepared.get(inner) ?? [];
  for (const each of kept) if (each.fits(heap, outer, w, λ, hasGradient)) return each;
  const found = {
    inner: knownOf(heap, inner, w, λ),
    outer: knownOf(heap, outer, joined(w, λ), {}),
  };
  if (found.inner === undefined || found.outer === undefined) return undefined;
  if (!found.inner.recipe.hasProducts) return undefined;
  if (found.inner.recipe.isLong || found.outer.recipe.isLong) return undefined;
  const losses = { inner: found.inner, outer: found.outer };
  const block = new Block(found.inner.recipe, new Layout(w), new Layout(λ), hasGradient);
  const made = new PreparedDerivative(heap, losses, block);
  prepared.set(inner, [made, ...kept].slice(0, MOST));
  return made;
}

function knownOf(
  heap: Heap,
  remembered: Remembered,
  w: NamedTensors,
  λ: NamedTensors,
): Known | undefined {
  const all = [...Object.values(w), ...Object.values(λ)];
  if (all.some(({ dtype, size }) => dtype !== 'float32' || size === 0)) return undefined;
  const key = keyOf({ all, varied: Object.keys(w).length }, namesOf(w, λ));
  const entry = remembered.find(heap, key);
  return entry && { remembered, key, recipe: entry.recipe, captured: entry.captured };
}

/** Numbers of a run, each at its place: vectors like w and like λ, and what programs and loops keep. */
class Block {
  readonly w: Layout;
  readonly λ: Layout;
  readonly hasGradient: boolean;
  /** The kind of program whose first half serves products with H. */
  readonly hessian: ProductKind | `linearized ${ProductKind}`;
  readonly table = numbersLayout(TABLE_SIZE);
  readonly facts = numbersLayout(FACTS_SIZE);
  readonly scalar = numbersLayout(1);
  readonly kept: { hessian: Layout; mixed: Layout };
  /** All of it. */
  readonly layout: Layout;

  constructor(recipe: Recipe, w: Layout, λ: Layout, hasGradient: boolean) {
    this.w = w;
    this.λ = λ;
    this.hasGradient = hasGradient;
    this.hessian = hasGradient ? 'linearized pull to the varied' : 'pull to the varied';
    const ofKept = (kind: Block['hessian']) =>
      numbersLayout(Math.max(1, recipe.program(kind).keptBytes / 4));
    this.kept = { hessian: ofKept(this.hessian), mixed: ofKept('pull to the rest') };
    const rest = [λ, λ, λ, this.scalar, this.table, this.facts, this.kept.hessian, this.kept.mixed];
    const all = [...Array<Layout>(VECTORS + (hasGradient ? 1 : 0)).fill(w), ...rest];
    this.layout = numbersLayout(all.reduce((sum, { size }) => sum + spaceFor(size), 0) / 4);
  }
}

/** How many vectors like w a run has, besides the gradient. */
const VECTORS = 7;

/** Bytes for some numbers: SIMD loads go from multiples of 16. */
const spaceFor = (size: number): number => 16 * Math.ceil(size / 4);

/** One derivative under way. */
export class PreparedRun {
  /** The point, and the gradients of the outer loss there: the right-hand side is `∂g/∂w`. */
  readonly w: Flat;
  readonly λ: Flat;
  readonly b: Flat;
  readonly dλ: Flat;
  /** The iterate of the solve, its residual, the direction, room for its image, and the best iterate. */
  readonly x: Flat;
  readonly r: Flat;
  readonly p: Flat;
  readonly q: Flat;
  readonly best: Flat;
  /** `Bᵀ v`. */
  readonly mixed: Flat;
  /** The gradient of the inner loss, where it is computed. */
  readonly gradient: Flat | undefined;
  readonly #of: PreparedDerivative;
  readonly #scalar: Flat;
  readonly #table: Flat;
  readonly #facts: Flat;
  readonly #kept: { hessian: Flat; mixed: Flat };
  readonly #memory: Flat;
  #isBegun = false;

  get space(): FlatSpace {
    return this.#of.space;
  }

  get portions(): PreparedDerivative['portions'] {
    return this.#of.portions;
  }

  constructor(of: PreparedDerivative, w: NamedTensors, λ: NamedTensors) {
    const { block, space, inner, outer } = of;
    this.#of = of;
    this.#memory = space.keep(space.allocate(block.layout));
    for (const { recipe, captured } of [inner, outer]) {
      recipe.retain();
      captured.retain();
    }
    let end = this.#memory.address;
    const next = (layout: Layout) => {
      const flat = new Flat(layout, end);
      end += spaceFor(layout.size);
      return flat;
    };
    this.w = next(block.w);
    this.b = next(block.w);
    this.x = next(block.w);
    this.r = next(block.w);
    this.p = next(block.w);
    this.q = next(block.w);
    this.best = next(block.w);
    this.gradient = of.hasGradient ? next(block.w) : undefined;
    this.λ = next(block.λ);
    this.dλ = next(block.λ);
    this.mixed = next(block.λ);
    this.#scalar = next(block.scalar);
    this.#table = next(block.table);
    this.#facts = next(block.facts);
    this.#kept = { hessian: next(block.kept.hessian), mixed: next(block.kept.mixed) };
    space.put(w, this.w);
    space.put(λ, this.λ);
  }

  /** Where w, λ and what the inner loss captures are, which is elsewhere once another backend has had that. */
  get #given(): number[] {
    return [...this.w.parts(), ...this.λ.parts(), ...this.#of.inner.captured.addresses];
  }

  /** The gradients of the outer loss into b and dλ; returns the loss. */
  outerGradients(): number {
    const { outer, space } = this.#of;
    const given = [...this.w.parts(), ...this.λ.parts(), ...outer.captured.addresses];
    const outputs = [this.#scalar.address, ...this.b.parts(), ...this.dλ.parts()];
    outer.recipe.program('value and gradient').beginAt(given, 0, outputs);
    return space.first(this.#scalar);
  }

  /** The gradient of the inner loss, where it is computed; returns the loss. */
  innerGradient(): number {
    this.#begin();
    return this.#of.space.first(this.#scalar);
  }

  /** out ← H v. */
  multiply(v: Flat, out: Flat): void {
    this.#begin();
    const [inputs, results] = this.#hessian(v, out);
    this.#program.finishAt(inputs, this.#kept.hessian.address, results);
  }

  /** out ← Bᵀ u. */
  mixedBack(u: Flat, out: Flat): void {
    const kept = this.#kept.mixed.address;
    const program = this.#of.inner.recipe.program('pull to the rest');
    program.beginAt(this.#given, kept);
    program.finishAt([...this.#given, ...this.#nothing(), ...u.parts()], kept, out.parts());
  }

  /** out ← Σ aᵢxᵢ. */
  combine(out: Flat, factors: readonly number[], xs: readonly Flat[]): void {
    const addresses = xs.map(({ address }) => address);
    this.#of.space.loops.combine(out.address, out.layout.size, factors, addresses);
  }

  copy(from: Flat, to: Flat): void {
    this.#of.space.move(from.address, to.address, to.layout.size);
  }

  /** Iterations from x, r and p, which are changed in place; `best` takes the iterate of least residual. */
  solve({ alpha, tau, residual, keepsBest, ...stop }: PreparedSolve): LoopReport {
    const { heap, space } = this.#of;
    const { x, r, p, q, best } = this;
    const isSeries = alpha !== undefined;
    this.#begin();
    const [inputs, results] = this.#hessian(isSeries ? r : p, q);
    const product = this.#program.prepare('late', inputs, this.#kept.hessian.address, results);
    const loop = this.#of.loop(isSeries ? 'richardson' : 'cg', product);
    const places = space.integers(this.#table);
    places[0] = x.address;
    places[1] = r.address;
    places[2] = isSeries ? r.address : p.address;
    places[3] = q.address;
    places[4] = keepsBest ? best.address : x.address;
    places[TABLES] = product.table;
    places[TABLES + 1] = 0;
    const facts = space.doubles(this.#facts);
    facts[FACTS.scalar / 8] = alpha ?? residual;
    facts[FACTS.goal / 8] = stop.goal;
    facts[FACTS.limit / 8] = stop.limit;
    facts[FACTS.growth / 8] = stop.growth;
    facts[FACTS.least / 8] = residual;
    facts[FACTS.best / 8] = residual;
    facts[FACTS.shift / 8] = tau;
    facts[FACTS.floor / 8] = 0;
    const bytes = 4 * x.layout.size;
    const keeps = keepsBest ? KEEPS.best : KEEPS.none;
    const taken = loop(this.#table.address, this.#facts.address, bytes, stop.count, keeps);
    ran(product, taken);
    // Another view: a kernel in the program may have let the memory grow.
    const left = memoryOf(heap).buffer === facts.buffer ? facts : space.doubles(this.#facts);
    return {
      taken,
      residual: left[FACTS.residual / 8]!,
      curvature: left[FACTS.curvature / 8]!,
      least: left[FACTS.least / 8]!,
      best: left[FACTS.best / 8]!,
    };
  }

  dispose(): void {
    const { space, inner, outer } = this.#of;
    space.free(this.#memory);
    for (const { recipe, captured } of [inner, outer]) {
      captured.release();
      recipe.release();
    }
  }

  get #program() {
    return this.#of.inner.recipe.program(this.#of.block.hessian);
  }

  /** The first half of products with H, once. */
  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const outputs = this.gradient ? [this.#scalar.address, ...this.gradient.parts()] : [];
    this.#program.beginAt(this.#given, this.#kept.hessian.address, outputs);
  }

  /** What the second half of `out ← H v` is given, and where its results go. */
  #hessian(v: Flat, out: Flat) {
    const inputs = [...this.#given, ...this.#nothing(), ...v.parts()];
    const { sizes } = this.w.layout;
    const results = this.gradient ? [0, ...sizes.map(() => 0), ...out.parts()] : out.parts();
    return [inputs, results] as const;
  }

  /** For each part of w and λ that it has no tangent. */
  #nothing(): number[] {
    return [...this.w.layout.sizes, ...this.λ.layout.sizes].map(() => 0);
  }
}
