import * as tf from '@tensorflow/tfjs';
import type { Factors } from '../../autodiff';
import { random } from '../../numbers';
import { type LinearOperator, type NamedTensors, tensors } from '../../spaces';
import { type Block, draftOf, joined } from './block';
import type { Kronecker } from './kronecker';
import { sample } from './samples';

/** The Kronecker factors that an optimizer holds, and when they are renewed. */
export class Preconditioner {
  #blocks: Record<string, Block> = {};
  /** The names and shapes of the parameters whose blocks are held, or on their way. */
  #of: string | undefined;
  /** Steps since the last renewal. */
  #age = 0;
  #renewals = 0;

  /** Whether the next step has to be recorded with its factors. */
  isDue({ every }: Kronecker): boolean {
    return this.#of === undefined || this.#age >= every;
  }

  /**
   * M at a rate, for a step of these parameters; renewed first, if it is time.
   *
   * @param factors of the network's Jacobian and the loss, where this step was recorded with them
   */
  at(
    options: Kronecker,
    { delta, like, factors }: { delta: number; like: NamedTensors; factors?: Factors | undefined },
  ): LinearOperator<NamedTensors> {
    const isOther = this.#of !== wordOf(like);
    if (isOther) this.dispose();
    if (factors !== undefined && (isOther || this.isDue(options))) {
      this.#renew(options, like, factors);
    }
    this.#age += 1;
    return joined(this.#blocks, delta);
  }

  /** Frees the factors; the next step makes new ones. */
  dispose(): void {
    this.#renewals += 1;
    this.#replace({});
    this.#of = undefined;
    this.#age = 0;
  }

  #renew({ probes, rank, seed }: Kronecker, like: NamedTensors, factors: Factors): void {
    const stream = random(seed + this.#renewals);
    const names = Object.keys(like);
    const drafts = names.map((name) => draftOf(like[name]!.shape, { probes, rank, stream }));
    const renewal = ++this.#renewals;
    this.#of = wordOf(like);
    this.#age = 0;
    const free = () => {
      for (const draft of drafts) draft.dispose();
    };
    try {
      for (let i = 0; i < probes; i++) {
        const w = sample(factors, stream);
        names.forEach((name, j) => {
          drafts[j]!.add(w[name]!);
        });
        tensors.free(w);
      }
      const unread = drafts.map((draft) => draft.unread());
      const finish = (read: readonly ArrayLike<number>[][]) => {
        if (renewal !== this.#renewals) return;
        const blocks = drafts.map((draft, j) => draft.finish(read[j]!));
        this.#replace(Object.fromEntries(names.map((name, j) => [name, blocks[j]!])));
      };
      if (tensors.readableNow()) {
        finish(unread.map((list) => list.map((x) => x.dataSync())));
        tf.dispose(unread);
        free();
      } else void this.#later(unread, finish).finally(free);
    } catch (error) {
      free();
      this.#of = undefined;
      throw error;
    }
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

const wordOf = (like: NamedTensors): string =>
  Object.entries(like)
    .map(([name, { shape }]) => `${name}:${shape}`)
    .join(' ');
