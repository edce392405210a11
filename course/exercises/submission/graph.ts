import * as tf from '@tensorflow/tfjs';
import { kernelRunner } from 'implicit-lab/support';
import type { Writer } from './value-writer';
import type { Coded } from './values';

/** One kernel call: on which tensors, with which attributes. */
export interface Node {
  kernel: string;
  /** Whether the kernel takes a list of tensors rather than a record. */
  isList: boolean;
  inputs: [name: string, tensor: Coded][];
  attributes: Coded;
  /** How many tensors it gives. */
  outputs: number;
}

/**
 * What a function of tensors computes, kernel by kernel, so that another process can compute the
 * same on its own tensors, and differentiate it as often as it likes.
 */
export class Recording {
  readonly nodes: Node[] = [];
  private readonly known = new Map<number, Coded>();
  private count = 0;
  private depth = 0;

  /** @param inputs the tensors of the other process, in the order of its arguments */
  constructor(
    inputs: readonly tf.Tensor[],
    private readonly writer: Writer,
  ) {
    for (const [index, { id }] of inputs.entries()) this.known.set(id, { kind: 'argument', index });
  }

  /** Runs a function, and records the kernels that it calls while it runs. */
  run<T>(compute: () => T): T {
    const target = kernelRunner();
    const isOwn = Object.hasOwn(target, 'runKernel');
    const { runKernel } = target;
    target.runKernel = (kernel, inputs, attributes) => {
      this.depth += 1;
      try {
        const outputs = runKernel.call(target, kernel, inputs, attributes);
        // One that a kernel calls for itself is called by that kernel over there, too.
        if (this.depth === 1) this.keep(kernel, inputs, attributes, outputs);
        return outputs;
      } finally {
        this.depth -= 1;
      }
    };
    try {
      return compute();
    } finally {
      if (isOwn) target.runKernel = runKernel;
      else Reflect.deleteProperty(target, 'runKernel');
    }
  }

  /** How the other process comes by a tensor; nothing where its numbers have to be sent. */
  codeOf(tensor: tf.Tensor): Coded | undefined {
    return this.known.get(tensor.id);
  }

  private keep(
    kernel: string,
    inputs: object,
    attributes: object | undefined,
    outputs: tf.Tensor | tf.Tensor[],
  ) {
    const named = Object.entries(inputs)
      .filter((entry): entry is [string, tf.Tensor] => entry[1] instanceof tf.Tensor)
      .map(([name, tensor]): [string, Coded] => [
        name,
        this.codeOf(tensor) ?? this.writer.write(tensor),
      ]);
    const all = Array.isArray(outputs) ? outputs : [outputs];
    for (const { id } of all) this.known.set(id, { kind: 'node', index: this.count++ });
    this.nodes.push({
      kernel,
      isList: Array.isArray(inputs),
      inputs: named,
      attributes: this.writer.write(attributes ?? {}),
      outputs: all.length,
    });
  }
}

/** Computes what was recorded; `read` knows the tensors that it begins with, and those made so far. */
export function replay(
  nodes: readonly Node[],
  read: (code: Coded, made: readonly tf.Tensor[]) => unknown,
): tf.Tensor[] {
  const made: tf.Tensor[] = [];
  for (const { kernel, isList, inputs, attributes } of nodes) {
    const named = inputs.map(([name, code]) => [name, read(code, made) as tf.Tensor] as const);
    const given = isList ? named.map(([, value]) => value) : Object.fromEntries(named);
    const outputs = kernelRunner().runKernel(kernel, given, read(attributes, made) as object);
    made.push(...(Array.isArray(outputs) ? outputs : [outputs]));
  }
  return made;
}
