import * as tf from '@tensorflow/tfjs';
import type { Factors } from '../../autodiff';
import { type Pausing, withoutPause } from '../../event-loop';
import { random } from '../../numbers';
import { type LinearOperator, type NamedTensors, tensors } from '../../spaces';
import { type Block, type Draft, draftOf, joined } from './block';
import type { Kronecker } from './kronecker';
import { sample } from './samples';

/** A step whose system is to be preconditioned. */
interface Asked {
  delta: number;
  like: NamedTensors;
  /** Of the network's Jacobian and the loss, where this step was recorded with them. */
  factors?: Factors | undefined;
}

/** The Kronecker factors that an optimizer holds, and when they are renewed. */
export class Preconditioner {
  #blocks: Record<string, Block> = {};
  /** The names and shapes of the parameters whose blocks are held, or on their way. */
  #of: string | undefined;
  /** Steps since the last renewal. */
  #age = 0;
  #renewals = 0;
  /** The renewal that is under way, or the last one. */
  #latest: object | undefined;

  /** Whether the next step has to be recorded with its factors. */
  isDue({ every }: Kronecker): boolean {
    return this.#of === undefined || this.#age >= every;
  }

  /**
   * M at a rate, for a step of these parameters; renewed first, if it is time, which can be left for a while.
   * A renewal that is broken off is due again, with the same samples.
   */
  *atInPieces(
    options: Kronecker,
    { delta, like, factors }: Asked,
  ): Pausing<LinearOperator<NamedTensors>> {
    const isOther = this.#of !== wordOf(like);
    if (isOther) this.dispose();
    if (factors !== undefined && (isOther || this.isDue(options))) {
      yield* this.#renew(options, like, factors);
    }
    this.#age += 1;
    return joined(this.#blocks, delta);
  }

  /** The same without a pause. */
  at(options: Kronecker, asked: Asked): LinearOperator<NamedTensors> {
    return withoutPause(this.atInPieces(options, asked));
  }

  /** Frees the factors; the next step makes new ones. */
  dispose(): void {
    this.#renewals += 1;
    this.#latest = undefined;
    this.#replace({});
    this.#of = undefined;
    this.#age = 0;
  }

  *#renew({ probes, rank, seed }: Kronecker, like: NamedTensors, factors: Factors): Pausing<void> {
    const stream = random(seed + this.#renewals);
    const names = Object.keys(like);
    const drafts = names.map((name) => draftOf(like[name]!.shape, { probes, rank, stream }));
    const renewal = {};
    this.#latest = renewal;
    this.#of = wordOf(like);
    // Due until it is done.
    this.#age = Number.POSITIVE_INFINITY;
    const unread: tf.Tensor[][] = [];
    let isLater = false;
    const free = () => {
      for (const draft of drafts) draft.dispose();
      tf.dispose(unread);
    };
    try {
      for (let i = 0; i < probes; i++) {
        yield;
        yield* addSample(drafts, names, sample(factors, stream));
      }
      for (const draft of drafts) {
        yield;
        unread.push(draft.unread());
      }
      if (renewal !== this.#latest) return;
      if (tensors.readableNow()) {
        const read = unread.map((list) => list.map((x) => x.dataSync()));
        yield* this.#finish(renewal, drafts, names, read);
        if (renewal === this.#latest) this.#done();
      } else {
        isLater = true;
        this.#done();
        void this.#later(unread, (read) => {
          withoutPause(this.#finish(renewal, drafts, names, read));
        }).finally(free);
      }
    } catch (error) {
      this.#of = undefined;
      throw error;
    } finally {
      if (!isLater) free();
    }
  }

  /** Replaces the blocks, unless another renewal has begun, or they were freed. */
  *#finish(
    renewal: object,
    drafts: readonly Draft[],
    names: readonly string[],
    read: readonly ArrayLike<number>[][],
  ): Pausing<void> {
    if (renewal !== this.#latest) return;
    const blocks: Block[] = [];
    try {
      for (const [j, draft] of drafts.entries()) blocks.push(yield* draft.finish(read[j]!));
      if (renewal !== this.#latest) return;
      const made = blocks.splice(0);
      this.#replace(Object.fromEntries(names.map((name, j) => [name, made[j]!])));
    } finally {
      for (const block of blocks) block.dispose();
    }
  }

  #done(): void {
    this.#renewals += 1;
    this.#age = 0;
  }

  /** The same when the numbers have come; those before stay until then. */
  async #later(
    unread: tf.Tensor[][],
    finish: (read: readonly ArrayLike<number>[][]) => void,
  ): Promise<void> {
    try {
      finish(await Promise.all(unread.map((list) => Promise.all(list.map(async (x) => x.data())))));
    } catch {
      // A lost device shows in the step itself.
      this.#of = undefined;
    } finally {
      tf.dispose(unread);
    }
  }

  #replace(blocks: Record<string, Block>): void {
    for (const block of Object.values(this.#blocks)) block.dispose();
    this.#blocks = blocks;
  }
}

/** Adds a sample to all blocks, and frees it. */
function* addSample(
  drafts: readonly Draft[],
  names: readonly string[],
  w: NamedTensors,
): Pausing<void> {
  try {
    for (const [j, name] of names.entries()) {
      yield;
      drafts[j]!.add(w[name]!);
    }
  } finally {
    tensors.free(w);
  }
}

const wordOf = (like: NamedTensors): string =>
  Object.entries(like)
    .map(([name, { shape }]) => `${name}:${shape}`)
    .join(' ');
