import * as tf from '@tensorflow/tfjs';
import { hasKernel } from '../../backends/engine';
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
  readonly #constants: () => tf.Tensor[];
  readonly #shapes: Shapes;

  constructor(found: Found, parts: readonly Instruction[], tape: Tape) {
    const { pool, slots } = found;
    this.#found = found;
    this.#parts = parts;
    this.#shapes = shapesOf(found);
    this.reads = [slots.x, slots.filter, slots.bias].filter((slot) => slot !== undefined);
    this.writes = [pool.writes[0]!];
    const places = placesOf(pool.node, tape);
    this.#constants = tape.constants(() => {
      const { windows, margins } = this.#shapes;
      const [x, filter] = found.convolution.node.saved as [tf.Tensor, tf.Tensor];
      const [, largest] = pool.node.saved as [tf.Tensor, tf.Tensor];
      // Of a maximum that is not positive relu hands nothing on.
      const slope = run('Step', { x: largest }, { alpha: 0 });
      return [
        run('WindowsAt', { places: places(), slope, x, filter }, { ...windows }),
        run('WithMargins', { x }, { ...margins }),
        slope,
      ];
    });
  }

  push(values: Values): void {
    if (!hasKernel('Conv2DAt')) {
      for (const part of this.#parts) part.push(values);
      this.#clear(values);
      return;
    }
    const { slots, convolution } = this.#found;
    const { margins } = this.#shapes;
    const [windows, seen, slope] = this.#constants() as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [, filter] = convolution.node.saved as [tf.Tensor, tf.Tensor];
    const dx =
      slots.x === undefined
        ? undefined
        : run('WithMargins', { x: values.get(slots.x)! }, { ...margins });
    const inputs = {
      ...{ x: seen, filter, windows, slope },
      ...(dx && { dx }),
      ...(slots.filter !== undefined && { dfilter: values.get(slots.filter)! }),
      ...(slots.bias !== undefined && { bias: values.get(slots.bias)! }),
    };
    values.put(this.writes[0], run('Conv2DAt', inputs));
    dx?.dispose();
  }

  pull(values: Values): void {
    const cotangent = values.get(this.writes[0]);
    if (cotangent === undefined) return;
    if (!hasKernel('Conv2DAt')) {
      for (const part of this.#parts.toReversed()) part.pull(values);
      this.#clear(values);
      return;
    }
    const { slots, convolution } = this.#found;
    const { margins } = this.#shapes;
    const [windows, seen, slope] = this.#constants() as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [x, filter] = convolution.node.saved as [tf.Tensor, tf.Tensor];
    const of = { dy: cotangent, windows, slope };
    if (slots.bias !== undefined) values.add(slots.bias, run('Conv2DAtBackpropBias', of));
    if (slots.filter !== undefined) {
      const attrs = { filterShape: filter.shape };
      values.add(slots.filter, run('Conv2DAtBackpropFilter', { x: seen, ...of }, attrs));
    }
    if (slots.x !== undefined) {
      const attrs = { inputShape: x.shape, ...margins };
      values.add(slots.x, run('Conv2DAtBackpropInput', { filter, ...of }, attrs));
    }
  }

  /** Frees what only the parts know of. */
  #clear(values: Values): void {
    for (const { writes } of this.#parts.slice(0, -1)) {
      for (const slot of writes) if (slot !== undefined) values.clear(slot);
    }
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
