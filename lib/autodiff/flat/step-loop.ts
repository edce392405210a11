import { FunctionBody, type Imported, instantiated } from '../../backends/wasm/assembler';
import { type Formula, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';
import { dotOn, squaredNorm } from './dot';

/**
 * A step of a first-order method, entry by entry. Vectors are places: those of the state in order, the
 * gradient after them, and after that the point where it is taken, unless that is one of the state.
 */
export interface StepUpdates {
  /** How many vectors the state has. */
  state: number;
  /** How many numbers a step has. */
  numbers: number;
  /** Where the gradient is taken: a vector of the state, or what is computed of the state. */
  point: number | Formula;
  /** Which vector of the state becomes what. */
  next: readonly { to: number; formula: Formula }[];
}

/** Squared norms in this range are right as they are. */
const [LEAST, MOST] = [1e-20, 1e30];
/** A squared norm is certainly above a bound where it exceeds it by this factor. */
const CERTAIN = 1 + 1e-12;

/**
 * Takes steps in one call, each where the loss is certainly finite and the squared norm of the gradient above a
 * bound and in the range of float32; returns how many. A step after which a vector of the state but
 * the first is out of range is the last one.
 */
export type RunSteps = (
  table: number,
  numbers: number,
  count: number,
  value: number,
  bytes: number,
  enough: number,
) => number;

/** From what squared norm of the gradient on a step is taken, where one of `enough` ends the steps. */
export const boundOf = (enough: number) => Math.max(LEAST, enough ** 2 * CERTAIN);

const loops = new WeakMap<Imported, Map<string, RunSteps>>();

/**
 * The loop of a gradient and of the updates of a step, made once for as long as the gradient's program.
 *
 * @param finite the loss is finite where the number that the program gives is less than this in size
 */
export function descentOn(
  heap: Heap,
  gradient: Prepared,
  updates: StepUpdates,
  finite: number,
): RunSteps {
  const known = loops.get(gradient.sequence) ?? new Map<string, RunSteps>();
  loops.set(gradient.sequence, known);
  const word = JSON.stringify(updates);
  const found = known.get(word) ?? made(heap, gradient, updates, finite);
  known.set(word, found);
  return found;
}

function made(
  heap: Heap,
  gradient: Prepared,
  { state, numbers, point, next }: StepUpdates,
  finite: number,
) {
  const hasPoint = typeof point !== 'number';
  const vectors = state + 1 + (hasPoint ? 1 : 0);
  const dot = dotOn(heap);
  const imports = [gradient.sequence, dot];
  const update = (outputs: StepUpdates['next']) => {
    const f = updateOn(heap, { vectors, numbers, outputs });
    if (!imports.includes(f)) imports.push(f);
    return f;
  };
  const f = new FunctionBody('steps', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'f64'],
    results: ['i32'],
  });
  const [table, from, count, value, bytes, enough] = f.parameters;
  const [done, squared] = [f.local('i32'), f.local('f64')];
  const addresses = Array.from({ length: vectors }, (_, i) => {
    const address = f.local('i32');
    f.get(table!)
      .memory('i32.load', 4 * i)
      .set(address);
    return address;
  });
  const updated = (outputs: StepUpdates['next']) => {
    f.get(bytes!, from!, ...addresses).call(update(outputs));
  };
  f.block((end) => {
    f.loop((again) => {
      f.get(done, count!).do('i32.ge_u').brIf(end);
      if (hasPoint) updated([{ to: vectors - 1, formula: point }]);
      f.i32(gradient.table).call(gradient.sequence);
      f.get(value!).memory('f32.load').do('f32.abs');
      f.f32(finite).do('f32.lt', 'i32.eqz').brIf(end);
      squaredNorm(f, dot, addresses[state]!, bytes!);
      f.tee(squared).get(enough!).do('f64.gt', 'i32.eqz').brIf(end);
      f.get(squared).f64(MOST).do('f64.lt', 'i32.eqz').brIf(end);
      updated(next);
      f.advance(done, 1).advance(from!, 4 * numbers);
      for (const memory of addresses.slice(1, state)) {
        squaredNorm(f, dot, memory, bytes!);
        f.f64(MOST).do('f64.lt', 'i32.eqz').brIf(end);
      }
      f.br(again);
    });
  });
  f.get(done);
  return instantiated(memoryOf(heap), [f], imports).steps as RunSteps;
}
