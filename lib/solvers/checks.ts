import { InputError } from '../errors';

/** @throws InputError unless the tolerance is a relative residual in [0, 1). */
export function checkTolerance(name: string, tolerance: number) {
  if (tolerance >= 0 && tolerance < 1) return;
  throw new InputError({
    given: `${name}({ tolerance: ${tolerance} })`,
    expected: 'a relative residual of at least 0 and below 1',
    remedy: 'Try 1e-10 for Float64Arrays and 1e-4 for tensors.',
  });
}

/** @throws InputError unless the option is a positive whole number. */
export function checkCount(name: string, option: string, value: number) {
  if (Number.isInteger(value) && value >= 1) return;
  throw new InputError({
    given: `${name}({ ${option}: ${value} })`,
    expected: 'a positive whole number',
    remedy: 'Each one is paid for with a product with A, or with a vector that is held.',
  });
}

/** @throws InputError unless the damping is a finite number of at least 0. */
export function checkDamping(name: string, damping: number) {
  if (damping >= 0 && damping < Number.POSITIVE_INFINITY) return;
  throw new InputError({
    given: `${name}({ damping: ${damping} })`,
    expected: 'a finite number of at least 0',
    remedy: 'Damping τ adds τI to the matrix; 0 solves with the matrix itself.',
  });
}
