import { InputError } from '../errors';
import { checkOptionNames, phrase, shown } from '../options';
import { cg, checkSolver, type LinearSolver } from '../solvers';
import { type ClipOptions, checkClip } from './clip';
import type { Kronecker } from './kronecker';
import type { ParameterChoice } from './parameters';
import { checkPreconditioned } from './preconditioned';
import { checkScheduleRecord, type PerStep, type Schedule } from './schedule';

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
  /**
   * What conjugate gradients are preconditioned by: `kronecker()`, factors for each layer that are renewed
   * seldom. With `curvature: 'gauss-newton'`; the solver has to be `cg`, as by default. Default none.
   */
  preconditioner?: Kronecker;
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
  /**
   * With `'auto'`: δ of the first step, from which it is found; it is kept from 1e-12 to 1e12 times this, and
   * from 1e-37 to 1e37. Of a loss times c the first δ of `implicitSGD` is to be divided by c, the ε of
   * `implicitAdam` multiplied. Default 1, of `implicitAdam` 0.01, about as much as a weight moves by at first: the
   * units of a deep network may saturate in a longer step, and stay so.
   */
  initial?: number;
}

export const defaultSolver = cg({ tolerance: 1e-3, maxIterations: 10, best: 'energy' });

/** The names of the options that every implicit optimizer has. */
const COMMON = [
  'curvature',
  'solver',
  'preconditioner',
  'parameters',
  'others',
  'schedule',
  'clipNorm',
  'clipValue',
  'initial',
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
  checkPreconditioned(options);
  checkWord('others', options.others, ['explicit', 'frozen']);
  checkChoice(options.parameters);
  checkSchedule(options.schedule);
  checkClip(options);
}

/**
 * Checks what a rate that is found, or one that is given, rules out.
 *
 * @throws InputError for an `initial` that is not a rate or is not used, and for a schedule or exact steps
 *   with a rate that is found.
 */
export function checkTuned(
  isTuned: boolean,
  options: ImplicitStepOptions & { exact?: unknown },
): void {
  const { initial, schedule, exact } = options;
  const isRate = initial === undefined || (Number.isFinite(initial) && initial > 0);
  if (!isRate || (initial !== undefined && !isTuned)) {
    throw new InputError({
      given: `initial: ${shown(initial)}${isRate ? ' with a learning rate that is given' : ''}`,
      expected: "a positive, finite number, with 'auto' as the learning rate",
      remedy: "implicitSGD('auto', { initial: 1 }) finds δ from there.",
    });
  }
  if (!isTuned || (schedule === undefined && (exact === undefined || exact === false))) return;
  throw new InputError({
    given: `${schedule === undefined ? `exact: ${phrase(exact)}` : `schedule: ${phrase(schedule)}`} with the learning rate 'auto'`,
    expected: "the learning rate 'auto' without a schedule and without exact steps",
    remedy: 'Give a number as the learning rate, or leave the option out.',
  });
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
  const hasPlaces = isRecord && 'places' in choice;
  if (hasPlaces) checkOptionNames('parameters: { places }', choice, ['places']);
  const list = hasPlaces ? choice.places : choice;
  if (Array.isArray(list)) return;
  throw new InputError({
    given: `parameters: ${phrase(choice)}`,
    expected: 'a list of names, a predicate of the name, or { places: [0, 1] }',
    remedy: 'A single parameter is a list of one: parameters: [name].',
  });
}

function checkSchedule(schedule: Schedule | PerStep | undefined): void {
  if (schedule === undefined || typeof schedule === 'function') return;
  if (typeof schedule === 'object' && schedule !== null) {
    checkScheduleRecord(schedule);
    return;
  }
  throw new InputError({
    given: `schedule: ${phrase(schedule)}`,
    expected: 'a schedule, or a function of the step that returns a factor',
    remedy: 'Make schedules by cosine(), warmUp(), drops() or inverseTime().',
  });
}
