import { InputError } from '../errors';
import { checkOptionNames, phrase } from '../options';
import { cg, checkSolver, type LinearSolver } from '../solvers';
import { type ClipOptions, checkClip } from './clip';
import type { ParameterChoice } from './parameters';
import type { PerStep, Schedule } from './schedule';

/** Options of every implicit optimizer. */
export interface ImplicitStepOptions extends ClipOptions {
  /**
   * The matrix C of the linear system: the Hessian (default); Gauss–Newton, which is positive
   * semidefinite and needs the cut between network and loss (`markOutput`, or `withOutput` under
   * compile); or g gᵀ, whose step is a closed form.
   */
  curvature?: 'hessian' | 'gauss-newton' | 'fisher-rank-one';
  /**
   * Solves the linear system. Default `cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' })`: cut
   * off early, the iterate of least energy still lowers the loss; that of least residual may not.
   */
  solver?: LinearSolver;
  /** Which parameters take the implicit step. Default all. */
  parameters?: ParameterChoice;
  /** What the others do: the explicit step of the same rate (default), or nothing. */
  others?: 'explicit' | 'frozen';
  /**
   * A factor of the learning rate for each step: a record made by `warmUp`, `cosine`, `drops` or
   * `inverseTime`, which is saved with the optimizer, or a function of the step t = 0, 1, …, which
   * cannot be. Default 1.
   */
  schedule?: Schedule | PerStep;
}

export const defaultSolver = cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' });

/** The names of the options that every implicit optimizer has. */
const COMMON = [
  'curvature',
  'solver',
  'parameters',
  'others',
  'schedule',
  'clipNorm',
  'clipValue',
] as const;

/** The names of the options of an optimizer that has others of its own. */
export const optionNames = (own: readonly string[]): readonly string[] => [...COMMON, ...own];

/**
 * Checks what TypeScript would refuse, also where types are not checked.
 *
 * @throws InputError for a name that is not one of `known`, or a value that it cannot have.
 */
export function checkStepOptions(options: ImplicitStepOptions, known: readonly string[]): void {
  checkOptionNames('an implicit optimizer', options, known);
  if (options.solver !== undefined)
    checkSolver('an implicit step', options.solver, 'solveDeferred');
  checkWord('curvature', options.curvature, ['hessian', 'gauss-newton', 'fisher-rank-one']);
  checkWord('others', options.others, ['explicit', 'frozen']);
  checkChoice(options.parameters);
  checkSchedule(options.schedule);
  checkClip(options);
}

function checkWord(name: string, word: string | undefined, known: readonly string[]): void {
  if (word === undefined || known.includes(word)) return;
  throw new InputError({
    given: `${name}: ${typeof word === 'string' ? `'${word}'` : phrase(word)}`,
    expected: known.map((word) => `'${word}'`).join(' or '),
    remedy: 'Look for a spelling mistake.',
  });
}

function checkChoice(choice: ParameterChoice | undefined): void {
  if (choice === undefined || typeof choice === 'function') return;
  const isRecord = typeof choice === 'object' && choice !== null;
  const list = isRecord && 'places' in choice ? choice.places : choice;
  if (Array.isArray(list)) return;
  throw new InputError({
    given: `parameters: ${phrase(choice)}`,
    expected: 'a list of names, a predicate of the name, or { places: [0, 1] }',
    remedy: 'A single parameter is a list of one: parameters: [name].',
  });
}

function checkSchedule(schedule: Schedule | PerStep | undefined): void {
  if (schedule === undefined || typeof schedule === 'function') return;
  if (typeof schedule === 'object' && schedule !== null) return;
  throw new InputError({
    given: `schedule: ${phrase(schedule)}`,
    expected: 'a schedule, or a function of the step that returns a factor',
    remedy: 'Make schedules by cosine(), warmUp(), drops() or inverseTime().',
  });
}
