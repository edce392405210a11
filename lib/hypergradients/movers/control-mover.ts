import { InputError } from '../../errors';
import { spaceOf, type Vector } from '../../spaces';
import { requireSame } from './checks';
import type { Mover } from './mover';
import type { Place } from './place';
import { checkMemory, type StepControl, startControl } from './step-control';

/** Moves hyperparameters by steps whose length follows the outer loss. */
export function controlMover<V extends Vector>(control: StepControl, place: Place<V>): Mover<V> {
  const space = spaceOf(place.value);
  let memory = startControl();
  let moves = 0;
  return {
    get moves() {
      return moves;
    },
    descend() {
      throw new InputError({
        given: 'stepControl() for the weights',
        expected: 'stepControl() for the hyperparameters',
        remedy: 'It compares outer losses. Inside, take gradientDescent or an optimizer.',
      });
    },
    async follow(gradient, facts) {
      const next = control.next(memory, facts);
      checkMemory(next);
      moves++;
      memory = next;
      const moved = space.tidy(() =>
        space.keep(space.axpy(space.scalars.of(-memory.step), gradient, place.value)),
      );
      place.assign(moved);
      space.free(moved);
    },
    remember: async () => ({ of: control.name, vectors: {}, numbers: { ...memory } }),
    async recall({ of, numbers }) {
      requireSame(of, control.name);
      memory = { ...startControl(), ...numbers };
    },
    dispose() {},
  };
}
