import * as tf from '@tensorflow/tfjs';
import type { Heap } from '../backends/wasm/kernels/heap';
import type { Pausing } from '../event-loop';
import type { NamedTensors } from '../spaces';
import type { Curvature } from './curvature';
import { curvatureByProgram } from './curvature-by-program';
import type { ProgramPoint } from './programs-at-point';
import { type Recorder, recordedBy, type Started } from './recorder';
import type { Select } from './select';
import { isolated, recordInPieces, type Tape } from './tape';
import {
  CurvatureRecipe,
  counts,
  heapForPrograms,
  isTraceable,
  knownOn,
  type Leaves,
  recall,
  remember,
  retainedOf,
  structureOf,
  Trace,
  tracedCurvature,
} from './traced';

/** What was recorded: by what is on the tape, or a point for the programs that are known. */
type Outcome<R> = { recorded: R } | { point: ProgramPoint };

/** Records a curvature on the tape. */
export function* recordOnTape<R extends { gradient: NamedTensors }>(
  recorder: Recorder<R>,
  f: () => tf.Scalar,
  select: Select,
): Pausing<Curvature> {
  const { result, tape } = yield* recordInPieces((tape) => recordedBy(recorder, tape, f, select));
  return recorder.onTape(tape, result);
}

/**
 * The same by the programs of the structure of the loss, where they are known. The loss runs in any
 * case; the second time that a structure comes its programs are made.
 *
 * @param candidates the tensors among which the variables will be that are selected
 */
export function* recordByProgram<R extends { gradient: NamedTensors }>(
  recorder: Recorder<R>,
  f: () => tf.Scalar,
  select: Select,
  candidates: readonly tf.Tensor[],
): Pausing<Curvature> {
  const heap = heapForPrograms();
  if (heap === undefined) return yield* recordOnTape(recorder, f, select);
  const trace = new Trace(candidates);
  try {
    const { result, tape } = yield* recordInPieces(
      (tape) => recordedOrKnown({ heap, trace, tape, candidates }, recorder, f, select),
      (portion) => trace.during(portion),
    );
    if ('recorded' in result) return recorder.onTape(tape, result.recorded);
    tape.dispose();
    return yield* curvatureByProgram(result.point);
  } finally {
    trace.dispose();
  }
}

interface Tracing {
  heap: Heap;
  trace: Trace;
  tape: Tape;
  candidates: readonly tf.Tensor[];
}

function* recordedOrKnown<R extends { gradient: NamedTensors }>(
  { heap, trace, tape, candidates }: Tracing,
  recorder: Recorder<R>,
  f: () => tf.Scalar,
  select: Select,
): Pausing<Outcome<R>> {
  const started = recorder.start(tape, f, select);
  trace.inLoss = false;
  yield;
  const leaves = leavesOf(trace, started, candidates);
  const cuts = started.cuts.map(({ id }) =>
    trace.ran.findIndex(({ outputs }) => outputs.some((output) => output.id === id)),
  );
  const isPlain = leaves.all.every(({ dtype, size }) => dtype === 'float32' && size > 0);
  if (!isPlain || cuts.includes(-1) || trace.hasChanged || !isTraceable(tape)) {
    return { recorded: yield* recorder.differentiate(tape, started) };
  }
  const { variables, block, value } = started;
  const known = knownOn(heap);
  const { word: structure, outside } = structureOf(trace.ran, leaves.all);
  const inBlock = Object.keys(variables).map((name) => (name in block ? 1 : 0));
  const word = `${recorder.kind} ${leaves.varied} ${inBlock} ${cuts} ${structure}`;
  const recipe = recall(known, word);
  if (recipe instanceof CurvatureRecipe) {
    counts.hits++;
    // Not the tape's: that can go, with all that it saved.
    const kept = <T extends tf.Tensor>(x: T) => isolated(() => tf.keep(x.clone())) as T;
    const given = [...leaves.all, ...retainedOf(trace, outside)].map(kept);
    const at = { given, value: kept(value), variables: { ...variables }, block: { ...block } };
    return { point: { kind: recorder.kind, heap, recipe, ...at } };
  }
  trace.read = false;
  const recorded = yield* recorder.differentiate(tape, started);
  if (recipe === undefined) remember(known, word, 'seen');
  else if (recipe === 'seen') {
    const products = recorder.products(tape, recorded);
    const { gradient } = recorded;
    const parts = { leaves, outside, loss: started.loss, gradient, block, products };
    remember(known, word, yield* tracedCurvature(heap, trace, tape, parts));
  }
  return { recorded };
}

/** The variables, and after them the other candidates that the loss has used. */
function leavesOf(
  { ran }: Trace,
  { variables }: Started,
  candidates: readonly tf.Tensor[],
): Leaves {
  const varied = Object.values(variables);
  const used = new Set(ran.flatMap(({ inputs }) => inputs.map(([, { id }]) => id)));
  for (const { id } of varied) used.delete(id);
  return {
    all: [...varied, ...candidates.filter(({ id }) => used.has(id))],
    varied: varied.length,
  };
}
