import type * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { engine } from '../../engine';
import {
  type DataId,
  type Deferred,
  isInlined,
  LETTERS,
  type Listing,
  listingOf,
  type Operand,
  type Place,
} from './chain';
import { functionsOf, type Operation } from './operations';

type Info = tf.TensorInfo;

/** The most tensors that one kernel reads: every GPU has eight buffers for a kernel, and one is written. */
const MOST_LEAVES = 6;
/** The most values that one kernel computes. */
const MOST_VALUES = 32;

const WORKGROUP = 64;

/** What an operation is deferred with. */
export interface Request {
  operation: Operation;
  inputs: readonly { info: Info; at: Place }[];
  shape: number[];
  dtype: 'float32' | 'bool';
}

/**
 * Operations of entries on one backend that are put off until somebody else reads their results,
 * so that a chain of them is one kernel.
 *
 * A deferred result is a tensor of the backend without memory. Where the backend would take it to the
 * GPU, or read it, it is computed; where it is disposed before, it never is.
 */
export class Deferral {
  readonly #backend: WebGPUBackend;
  readonly #waiting = new Map<DataId, Deferred & Pick<Request, 'dtype'>>();
  #depth = 0;

  constructor(backend: WebGPUBackend) {
    this.#backend = backend;
    const { uploadToGPU, disposeData, read, readToGPU, shouldExecuteOnCPU } = backend;
    backend.uploadToGPU = (id) => {
      this.#compute(id);
      uploadToGPU.call(backend, id);
    };
    backend.read = (id) => {
      this.#compute(id);
      return read.call(backend, id);
    };
    backend.readToGPU = (id) => {
      this.#compute(id);
      return readToGPU.call(backend, id);
    };
    // It takes what has no memory on the GPU for numbers in memory.
    backend.shouldExecuteOnCPU = (inputs, threshold) => {
      for (const { dataId } of inputs) this.#compute(dataId);
      return shouldExecuteOnCPU.call(backend, inputs, threshold);
    };
    backend.disposeData = (id, force) => {
      const gone = disposeData.call(backend, id, force);
      if (gone) this.#forget(id);
      return gone;
    };
  }

  /** Whether operations are deferred now. */
  get active(): boolean {
    return this.#depth > 0;
  }

  /** Runs f, in which operations are deferred; what is left of them when it returns is computed. */
  during<T>(f: () => T): T {
    this.#depth++;
    try {
      return f();
    } finally {
      this.#depth--;
      if (this.#depth === 0) this.#settle();
    }
  }

  /** The result of an operation, which is computed when it is needed. */
  defer({ operation, inputs, shape, dtype }: Request): Info {
    for (const { info, at } of inputs) if (!isInlined(at)) this.#compute(info.dataId);
    const size = shape.reduce((a, b) => a * b, 1);
    const operands = inputs.map(({ info, at }): Operand => ({ id: info.dataId, at }));
    const request = { operation, operands, size };
    this.#shorten(request);
    const info = this.#backend.makeTensorInfo(shape, dtype);
    for (const { id } of operands) this.#backend.incRef(id);
    this.#waiting.set(info.dataId, { ...request, id: info.dataId, dtype });
    return info;
  }

  readonly #lookup = (id: DataId) => this.#waiting.get(id);

  /** Computes operands until one kernel can compute the rest. */
  #shorten(request: Omit<Deferred, 'id'>): void {
    const lengthOf = (of: Omit<Deferred, 'id'>) => listingOf(of, this.#lookup).lines.length;
    for (;;) {
      const { lines, leaves } = listingOf(request, this.#lookup);
      if (leaves.length <= MOST_LEAVES && lines.length <= MOST_VALUES) return;
      const waiting = request.operands.flatMap(({ id }) => this.#waiting.get(id) ?? []);
      if (waiting.length === 0) return;
      const longest = waiting.reduce((a, b) => (lengthOf(b) > lengthOf(a) ? b : a));
      this.#compute(longest.id);
    }
  }

  #compute(id: DataId): void {
    const deferred = this.#waiting.get(id);
    if (deferred === undefined) return;
    const { operands, size, dtype } = deferred;
    const listing = listingOf(deferred, this.#lookup);
    // From here on it is a tensor like any other.
    this.#waiting.delete(id);
    const inputs = listing.leaves.map((leaf): Info => ({ dataId: leaf, shape: [1], dtype }));
    const uniforms = listing.divisors.map((n) => ({ type: 'int32', data: [n] }));
    const output: Info = { dataId: id, shape: [size], dtype };
    const program = programOf(listing, size, dtype);
    try {
      this.#backend.runWebGPUProgram(program, inputs, dtype, uniforms, output);
    } finally {
      this.#release(operands);
    }
  }

  /** What was disposed need not be computed. */
  #forget(id: DataId): void {
    const deferred = this.#waiting.get(id);
    if (deferred === undefined) return;
    this.#waiting.delete(id);
    this.#release(deferred.operands);
  }

  #release(operands: readonly Operand[]): void {
    for (const { id } of operands) {
      // The engine may have disposed of its tensor before, in vain.
      if (this.#backend.disposeData(id)) engine().removeDataId(id, this.#backend);
    }
  }

  /** Computes what tensors outside stand for; all else waits for others alone, and is dropped with them. */
  #settle(): void {
    const uses = new Map<DataId, number>();
    for (const { operands } of this.#waiting.values()) {
      for (const { id } of operands) uses.set(id, (uses.get(id) ?? 0) + 1);
    }
    const outside = [...this.#waiting.keys()].filter(
      (id) => this.#backend.refCount(id) > (uses.get(id) ?? 0),
    );
    for (const id of outside) this.#compute(id);
  }
}

/** The shader of a listing; its name is what it does. */
function programOf(listing: Listing, size: number, dtype: Request['dtype']): WebGPUProgram {
  const { lines, result, leaves, operations, divisors } = listing;
  const body = lines.join('\n');
  const stored = dtype === 'bool' ? `i32(${result})` : result;
  return {
    variableNames: [...LETTERS].slice(0, leaves.length),
    uniforms: divisors.map((_, k) => `n${k} : i32, `).join(''),
    size: true,
    workgroupSize: [WORKGROUP, 1, 1],
    outputShape: [size],
    dispatchLayout: { x: [0] },
    dispatch: [Math.ceil(size / WORKGROUP), 1, 1],
    shaderKey: `implicit-lab ${body} ${stored}`,
    getUserCode: () => `
      ${functionsOf(operations)}
      fn main(index : i32) {
        if (index < uniforms.size) {
          ${body}
          result[index] = ${stored};
        }
      }`,
  };
}
