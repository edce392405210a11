import * as tf from '@tensorflow/tfjs';
import { checkAlive, checkTensors } from '../autodiff';
import { InputError, ShapeError } from '../errors';
import { checkFunction, checkOptionNames, phrase } from '../options';
import type { NamedTensors } from '../spaces';
import type { ArgminOptions } from './argmin-options';
import { checkOnFailure } from './failure';

/** @throws InputError for an optimality, a solver or options that a synchronous derivative cannot use. */
export function checkOptions(owner: string, optimality: unknown, options: ArgminOptions): void {
  checkCommonOptions(owner, optimality, options);
  if (options.solver === undefined) return;
  if (typeof options.solver?.solveSync === 'function') return;
  throw new InputError({
    given: `${typeof options.solver?.solve === 'function' ? 'a solver that has to be waited for' : phrase(options.solver)} as the solver of ${owner}`,
    expected: 'a solver with solveSync and solveDeferred, such as gmres() or cg()',
    remedy:
      typeof options.solver?.solve === 'function'
        ? 'tf.grad cannot wait for a promise. Give the solver solveSync, or take ' +
          'hypergradient(…, implicit({ solver })), which waits.'
        : 'Call the maker of a solver: solver: cg().',
  });
}

/** @throws InputError for an optimality that is not a function, or options that are unknown. */
export function checkCommonOptions(
  owner: string,
  optimality: unknown,
  options: ArgminOptions,
): void {
  checkFunction(optimality, `the optimality of ${owner}`);
  checkOptionNames(owner, options, ['solver', 'onFailure']);
  checkOnFailure(owner, options.onFailure);
}

/** @throws InputError or DisposedError for anything but live tensors. */
export function checkArguments(θ: readonly unknown[]): void {
  θ.forEach((value, i) => {
    if (!(value instanceof tf.Tensor)) {
      throw new InputError({
        given: `${phrase(value)} as argument ${i + 1} of a solution`,
        expected: 'a tensor',
        remedy: 'Numbers become one by tf.scalar(3); give the tensors of a record one by one.',
      });
    }
    checkAlive(value, `argument ${i + 1} of a solution`);
  });
}

/** @throws InputError or DisposedError for anything but a live tensor, or a record of them. */
export function checkSolution(x: unknown): void {
  if (x instanceof Promise) {
    throw new InputError({
      given: 'a promise as a solution',
      expected: 'a tensor, or named ones',
      remedy: 'Await it outside the gradient, and attach(solution, optimality) inside.',
    });
  }
  checkTensors(x instanceof tf.Tensor ? { solution: x } : x, 'a solution');
}

/** @throws InputError or ShapeError for a value of F that is not like x. */
export function checkOptimality(value: unknown, x: NamedTensors): asserts value is NamedTensors {
  checkTensors(value, 'the value of an optimality');
  const odd = Object.keys(x).find((name) => !sameShape(value[name], x[name]!));
  const counts = [value, x].map((record) => Object.keys(record).length);
  if (odd === undefined && counts[0] === counts[1]) return;
  throw new ShapeError({
    given: `an optimality whose value is [${Object.values(value).map(({ shape }) => `[${shape}]`)}]`,
    expected: `the names and shapes of the solution, [${Object.values(x).map(({ shape }) => `[${shape}]`)}]`,
    remedy:
      'An optimality is 0 at the solution, entry by entry: stationarity(loss) makes one of a loss.',
  });
}

const sameShape = (a: tf.Tensor | undefined, b: tf.Tensor) =>
  a !== undefined && a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);
