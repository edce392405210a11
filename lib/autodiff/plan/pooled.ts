import * as tf from '@tensorflow/tfjs';
import { hasKernel } from '../../backends/engine';
import { type Pausing, withoutPause } from '../../event-loop';
import type { Step } from '../graph';
import type { Instruction } from '../program';
import { placesOf } from '../rules/max-pool';
import { sameShape } from '../rules/shapes';
import { engine, type Tape } from '../tape';
import type { Values } from '../values';
import { countReaders, type Ends } from './readers';

/**
 * A convolution, the bias and the relu after it, and a pool of its maxima, which alone reads all that:
 * a maximum depends on one output of the convolution, so that only those outputs are computed, and
 * handed on backwards, at which the maxima are, a quarter of them for a pool of 2 × 2.
 */
class PooledConvolution implements Instruction {
  readonly reads: readonly number[];
  readonly writes: readonly [number];
  readonly #found: Found;
  readonly #parts: readonly Instruction[];
  readonly #constants: Constants;
  readonly #shapes: Shapes;

  constructor(found: Found, parts: readonly Instruction[], tape: Tape) {
    const { pool, slots } = found;
    this.#found = found;
    this.#parts = parts;
    this.#shapes = shapesOf(found);
    this.reads = [slots.x, slots.filter, slots.bias].filter((slot) => slot !== undefined);
    this.writes = [pool.writes[0]!];
    this.#constants = constantsOf(found, this.#shapes, tape);
  }

  push(values: Values): void {
    withoutPause(this.#pushed(values, (x) => x));
  }

  pull(values: Values): void {
    withoutPause(this.#pulled(values, (x) => x));
  }

  pushInParts(values: Values): Pausing<void> {
    return this.#pushed(values, tf.keep);
  }

  pullInParts(values: Values): Pausing<void> {
    return this.#pulled(values, tf.keep);
  }

  *#pushed(values: Values, own: Own): Pausing<void> {
    const { slots, convolution } = this.#found;
    const { margins } = this.#shapes;
    const { slope, places, windows, seen } = this.#constants;
    const [, filter] = convolution.node.saved as [tf.Tensor, tf.Tensor];
    const withMargins = () => run('WithMargins', { x: values.get(slots.x!)! }, { ...margins });
    const dxs = yield* madeInParts(
      [slope, places, windows, seen],
      slots.x === undefined ? [] : [withMargins],
      own,
    );
    if (dxs === undefined) {
      for (const part of this.#parts) part.push(values);
      this.#clear(values);
      return;
    }
    const [dx] = dxs;
    try {
      const inputs = {
        ...{ x: seen(), filter, windows: windows(), slope: slope() },
        ...(dx && { dx }),
        ...(slots.filter !== undefined && { dfilter: values.get(slots.filter)! }),
        ...(slots.bias !== undefined && { bias: values.get(slots.bias)! }),
      };
      values.put(this.writes[0], run('Conv2DAt', inputs));
    } finally {
      dx?.dispose();
    }
  }

  *#pulled(values: Values, own: Own): Pausing<void> {
    const cotangent = values.get(this.writes[0]);
    if (cotangent === undefined) return;
    const { slots, convolution } = this.#found;
    const { margins } = this.#shapes;
    const { slope, places, windows, seen } = this.#constants;
    const [x, filter] = convolution.node.saved as [tf.Tensor, tf.Tensor];
    const of = () => ({ dy: cotangent, windows: windows(), slope: slope() });
    const makers: [number | undefined, Maker][] = [
      [slots.bias, () => run('Conv2DAtBackpropBias', of())],
      [
        slots.filter,
        () => {
          const attrs = { filterShape: filter.shape };
          return run('Conv2DAtBackpropFilter', { x: seen(), ...of() }, attrs);
        },
      ],
      [
        slots.x,
        () => {
          const attrs = { inputShape: x.shape, ...margins };
          return run('Conv2DAtBackpropInput', { filter, ...of() }, attrs);
        },
      ],
    ];
    const asked = makers.filter(([slot]) => slot !== undefined);
    const constants = [slope, places, windows, ...(slots.filter === undefined ? [] : [seen])];
    const pulled = yield* madeInParts(
      constants,
      asked.map(([, make]) => make),
      own,
    );
    if (pulled === undefined) {
      for (const part of this.#parts.toReversed()) part.pull(values);
      this.#clear(values);
      return;
    }
    asked.forEach(([slot], i) => {
      values.add(slot!, pulled[i]!);
    });
  }

  /** Frees what only the parts know of. */
  #clear(values: Values): void {
    for (const { writes } of this.#parts.slice(0, -1)) {
      for (const slot of writes) if (slot !== undefined) values.clear(slot);
    }
  }
}

type Maker = () => tf.Tensor;

/** Whether a tensor outlives the tidy around it, as it has to where work is left for a while. */
type Own = (x: tf.Tensor) => tf.Tensor;

/** What is computed once, at the point: the tape's. */
type Constants = Record<'places' | 'windows' | 'seen' | 'slope', Maker>;

function constantsOf({ convolution, pool }: Found, shapes: Shapes, tape: Tape): Constants {
  const constant = (make: Maker): Maker => {
    const made = tape.constants(() => [make()]);
    return () => made()[0]!;
  };
  const [x, filter] = convolution.node.saved as [tf.Tensor, tf.Tensor];
  const [, largest] = pool.node.saved as [tf.Tensor, tf.Tensor];
  const places = placesOf(pool.node, tape);
  // Of a maximum that is not positive relu hands nothing on.
  const slope = constant(() => run('Step', { x: largest }, { alpha: 0 }));
  return {
    slope,
    places,
    windows: constant(() => {
      const inputs = { places: places(), slope: slope(), x, filter };
      return run('WindowsAt', inputs, { ...shapes.windows });
    }),
    seen: constant(() => run('WithMargins', { x }, { ...shapes.margins })),
  };
}

/**
 * Makes some tensors one after the other, once some constants are there, to be left for a while in between.
 *
 * @returns undefined where the backend lacks the kernels, which may be another one after a pause
 */
function* madeInParts(
  constants: readonly Maker[],
  makers: readonly Maker[],
  own: Own,
): Pausing<tf.Tensor[] | undefined> {
  const made: tf.Tensor[] = [];
  let isWhole = false;
  try {
    for (const constant of constants) {
      if (!hasKernel('Conv2DAt')) return undefined;
      constant();
      yield;
    }
    if (!hasKernel('Conv2DAt')) return undefined;
    for (const make of makers) {
      if (made.length > 0) yield;
      if (!hasKernel('Conv2DAt')) return undefined;
      made.push(own(make()));
    }
    isWhole = true;
    return made;
  } finally {
    if (!isWhole) tf.dispose(made);
  }
}

const run = (kernel: string, inputs: Record<string, tf.Tensor>, attrs?: tf.NamedAttrMap) =>
  engine().runKernel(kernel, inputs, attrs);

/** The steps of a pooled convolution, and the slots that it reads. */
interface Found {
  convolution: Step;
  pool: Step;
  /** All of its steps, from the convolution to the pool. */
  steps: readonly Step[];
  slots: Partial<Record<'x' | 'filter' | 'bias', number>>;
}

interface Shapes {
  /** Zeros around the images, before and after each axis. */
  margins: Record<'height' | 'width', [number, number]>;
  /** The attributes of `WindowsAt`. */
  windows: { image: number[]; outputs: number[]; strides: number[] };
}

type Shape4D = [number, number, number, number];

const infoOf = ({ node }: Step) => {
  const [x, filter] = node.saved as [tf.Tensor, tf.Tensor];
  const { strides, pad, dimRoundingMode } = node.attrs as unknown as {
    strides: number | [number, number];
    pad: 'same' | 'valid' | number;
    dimRoundingMode?: 'floor';
  };
  const shapes = [x.shape as Shape4D, filter.shape as Shape4D] as const;
  return tf.backend_util.computeConv2DInfo(...shapes, strides, 1, pad, dimRoundingMode);
};

function shapesOf({ convolution }: Found): Shapes {
  const info = infoOf(convolution);
  const { inHeight, inWidth, outHeight, outWidth, strideHeight, strideWidth } = info;
  const { top, left } = info.padInfo;
  /** Up to the end of the last window. */
  const after = (length: number, outputs: number, stride: number, size: number, before: number) =>
    Math.max(0, (outputs - 1) * stride + size - length - before);
  const below = after(inHeight, outHeight, strideHeight, info.filterHeight, top);
  const right = after(inWidth, outWidth, strideWidth, info.filterWidth, left);
  return {
    margins: { height: [top, below], width: [left, right] },
    windows: {
      image: [inHeight + top + below, inWidth + left + right, info.inChannels],
      outputs: [outHeight, outWidth, info.outChannels],
      strides: [strideHeight, strideWidth],
    },
  };
}

/**
 * How many multiplications an output of a convolution may take, and of how many channels, if those that
 * a pool picks are to be computed one by one: with more, matrix products of all outputs are as fast.
 */
const [MOST_PLACES, MOST_CHANNELS] = [256, 16];

/** Puts convolutions of which a pool alone reads the outputs, and their pools, into one instruction. */
export function pooledConvolutions(
  steps: readonly Step[],
  instructions: readonly Instruction[],
  ends: Ends,
  tape: Tape,
): Instruction[] {
  const readers = countReaders(instructions, ends);
  const writers = new Map<number, Step>();
  for (const step of steps)
    for (const slot of step.writes) if (slot !== undefined) writers.set(slot, step);
  const onlyWriter = (slot: number | undefined) =>
    slot !== undefined && readers.get(slot) === 1 ? writers.get(slot) : undefined;
  const result = [...instructions];
  const gone = new Set<Instruction>();
  steps.forEach((step, i) => {
    const found = foundAt(step, onlyWriter);
    if (found === undefined) return;
    const parts = found.steps.map((each) => instructions[steps.indexOf(each)]!);
    for (const part of parts) gone.add(part);
    result[i] = new PooledConvolution(found, parts, tape);
  });
  return result.filter((each) => !gone.has(each));
}

function foundAt(
  pool: Step,
  onlyWriter: (slot: number | undefined) => Step | undefined,
): Found | undefined {
  if (!isKernel(pool, 'MaxPool') || pool.writes[0] === undefined) return undefined;
  const relu = onlyWriter(pool.reads[0]);
  if (relu === undefined || !isKernel(relu, 'Relu')) return undefined;
  const before = onlyWriter(relu.reads[0]);
  if (before === undefined) return undefined;
  const added = isKernel(before, 'Add') ? before : undefined;
  const convolution = added ? onlyWriter(added.reads[0]) : before;
  if (convolution === undefined || !isPlain(convolution)) return undefined;
  if (added !== undefined && !addsBias(added, convolution)) return undefined;
  const { names, reads } = convolution;
  const named = Object.fromEntries(names.map((name, i) => [name, reads[i]!]));
  const slots = { ...named, ...(added && { bias: added.reads[1]! }) };
  const between = added ? [added, relu] : [relu];
  return { convolution, pool, steps: [convolution, ...between, pool], slots };
}

const isKernel = ({ node }: Step, kernelName: string) =>
  node.kind === 'kernel' && node.kernelName === kernelName;

function isPlain(step: Step): boolean {
  if (!isKernel(step, 'Conv2D')) return false;
  const { attrs, saved } = step.node;
  const [x, filter] = saved as [tf.Tensor, tf.Tensor];
  const [height, width, channels, outputs] = filter.shape as Shape4D;
  const isDilated = [attrs.dilations ?? 1].flat().some((dilation) => dilation !== 1);
  return (
    !isDilated &&
    attrs.dataFormat !== 'NCHW' &&
    !Array.isArray(attrs.pad) &&
    [x, filter].every(({ dtype, size }) => dtype === 'float32' && size > 0) &&
    height * width * channels <= MOST_PLACES &&
    outputs <= MOST_CHANNELS
  );
}

/** Whether a step adds a number for each channel to what the other one gives. */
const addsBias = ({ node, names }: Step, { node: { outputs } }: Step): boolean =>
  names.join() === 'a,b' && sameShape(node.inputs.b!.shape, [outputs[0]!.shape[3]!]);
