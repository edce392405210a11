import { DisposedError, InputError } from '../errors';
import {
  checkCount,
  checkFlag,
  checkFunction,
  checkMethods,
  checkNoMore,
  checkOptionNames,
  phrase,
  remedyOf,
  shown,
} from '../options';
import { apart, type LinearOperator, observed, type Space, spaceFor, type Vector } from '../spaces';

/** @throws InputError unless the tolerance is a relative residual in [0, 1). */
export function checkTolerance(name: string, tolerance: number) {
  if (typeof tolerance === 'number' && tolerance >= 0 && tolerance < 1) return;
  throw new InputError({
    given: `${name}({ tolerance: ${shown(tolerance)} })`,
    expected: 'a relative residual of at least 0 and below 1',
    remedy: 'Try 1e-10 for Float64Arrays and 1e-4 for tensors.',
  });
}

/** @throws InputError unless the option is a whole number of at least 1. */
export function checkCountOption(name: string, option: string, value: unknown) {
  checkCount(value, `${name} with ${option}:`, {
    remedy: 'Each one costs a product with A, or a vector that is held.',
  });
}

/** @throws InputError unless the damping is a finite number of at least 0. */
export function checkDamping(name: string, damping: number) {
  if (typeof damping === 'number' && damping >= 0 && damping < Number.POSITIVE_INFINITY) return;
  throw new InputError({
    given: `${name}({ damping: ${shown(damping)} })`,
    expected: 'a finite number of at least 0',
    remedy: 'Damping τ adds τI to the matrix; 0 solves with the matrix itself.',
  });
}

/** @throws InputError for a function, or anything else that has no products. */
export function checkOperator<V>(name: string, A: LinearOperator<V>): void {
  const given = A as unknown;
  // Every function has an `apply` of its own.
  if (typeof given === 'object' && given !== null && typeof A.apply === 'function') {
    for (const other of ['transpose', 'applyAll', 'applyInPieces'] as const) {
      if (A[other] !== undefined) checkFunction(A[other], `${other} of the operator of ${name}`);
    }
    checkKnown(name, A);
    return;
  }
  throw new InputError({
    given: `${typeof given === 'function' ? 'a function' : phrase(given)} as the operator of ${name}`,
    expected: 'an operator: { apply(v), dispose() }',
    remedy: 'Wrap the products: { apply: (v) => …, dispose() {} }.',
  });
}

/** @throws InputError for a property of an operator that is out of range. */
function checkKnown<V>(name: string, { floor, loops, lowRank }: LinearOperator<V>): void {
  if (lowRank !== undefined) {
    const what = `lowRank of the operator of ${name}`;
    checkMethods(lowRank, what, ['jvp', 'vjp']);
    if (lowRank.middle !== undefined) checkFunction(lowRank.middle, `the middle in ${what}`);
  }
  if (loops !== undefined) {
    checkMethods(loops, `loops of the operator of ${name}`, ['conjugateGradients', 'shifted']);
  }
  if (floor === undefined || Number.isFinite(floor)) return;
  throw new InputError({
    given: `${phrase(floor)} as floor of the operator of ${name}`,
    expected: 'a finite number',
    remedy: 'It is what ⟨v, A v⟩ / ⟨v, v⟩ does not fall below; leave it out for 0.',
  });
}

/**
 * The operator with its products looked at; float64 vectors are copied for them.
 *
 * @throws ShapeError, when it is applied, for a product of another shape.
 */
export function checkedProducts<V, S>(space: Space<V, S>, A: LinearOperator<V>): LinearOperator<V> {
  const checked = observed(apart(A), (multiply, v) => {
    const product = multiply();
    if (v !== undefined) checkProduct(space, product, v, 'a product');
    return product;
  });
  return A.loops === undefined ? checked : { ...checked, loops: A.loops };
}

/** @throws InputError, ShapeError or DisposedError for anything but a live vector like another. */
export function checkProduct<V, S>(space: Space<V, S>, product: V, like: V, what: string): void {
  checkAlive(product);
  space.check(product, like, what);
}

/** @throws DisposedError for a product that contains a disposed tensor, as when the same product is returned twice. */
function checkAlive(product: unknown): void {
  if (product === null || typeof product !== 'object' || ArrayBuffer.isView(product)) return;
  const parts: { isDisposed?: boolean }[] = Object.values(product);
  if (!parts.some((part) => part?.isDisposed === true)) return;
  throw new DisposedError({
    given: 'a product that is disposed',
    expected: 'a new vector from every apply(v), which then belongs to the solver',
    remedy: 'Return a copy of a vector that is kept: { x: kept.x.clone() }.',
  });
}

/** @throws InputError unless the preconditioner is an operator. */
export function checkPreconditioner(name: string, M: unknown): void {
  if (M === undefined) return;
  // Every function has an `apply` of its own.
  if (typeof M === 'object' && typeof (M as { apply?: unknown } | null)?.apply === 'function')
    return;
  throw new InputError({
    given: `${name} with ${typeof M === 'function' ? 'a function' : shown(M)} as the preconditioner`,
    expected: 'an operator: { apply(v), dispose() }',
    remedy: 'Wrap the products: { apply: (v) => …, dispose() {} }; nystrom makes one.',
  });
}

/** @throws InputError for options of a solve that are unknown, or none. */
export function checkSolveOptions(name: string, options: unknown): void {
  if (options === undefined) return;
  if (options === null || typeof options !== 'object') {
    throw new InputError({
      given: `${shown(options)} as the options of ${name}().solve`,
      expected: 'a record: { start, verify, residual }',
      remedy: 'Leave them out to start from zero.',
    });
  }
  checkOptionNames(`${name}().solve`, options, ['start', 'verify', 'residual']);
  const { verify, residual } = options as { verify?: unknown; residual?: unknown };
  checkFlag(verify, 'verify', true);
  checkFlag(residual, 'residual', true);
}

/** What solvers ask of a space. */
const OF_A_SPACE = [
  ...['zeros', 'clone', 'scale', 'axpy', 'subtract', 'dot', 'norm', 'select'],
  ...['read', 'readSync', 'readableNow', 'tidy', 'keep', 'free', 'check'],
];

/** @throws InputError or DisposedError for anything but an operator, a right-hand side and known options. */
export function checkSystem<V extends Vector>(
  name: string,
  A: LinearOperator<V>,
  b: V,
  options: unknown,
): void {
  checkOperator(name, A);
  checkSolveOptions(name, options as object);
  if (A.space !== undefined)
    checkMethods(A.space, `the space of the operator of ${name}`, OF_A_SPACE);
  const space = A.space ?? spaceFor(b, `the right-hand side b of ${name}`);
  space.check(b, b, 'the right-hand side b');
}

/** How a solver is run. */
export type SolveCall = 'solve' | 'solveSync' | 'solveDeferred';

export const waysInWords: Record<SolveCall, string> = {
  solve: 'await solver.solve(A, b) returns { value, status, iterations, residualNorm }',
  solveSync: 'solver.solveSync(A, b) returns { value, status, iterations, residualNorm }, at once',
  solveDeferred:
    'solver.solveDeferred(A, b) returns { value, report(), dispose() }, without waiting',
};

/**
 * Checks that something is a solver which can be run in a way.
 *
 * @throws InputError for a name, a maker that was not called, or a record without that way.
 */
export function checkSolver(owner: string, solver: unknown, way: SolveCall): void {
  checkNoMore('checkSolver', arguments, 3);
  for (const [value, what] of [
    [owner, 'the owner of a solver'],
    [way, 'the way of running a solver'],
  ]) {
    if (typeof value === 'string') continue;
    throw new InputError({
      given: `${phrase(value)} as ${what}`,
      expected: 'a text',
      remedy: "Call checkSolver('my step', solver, 'solve').",
    });
  }
  const record = solver as Partial<Record<SolveCall, unknown>> | null | undefined;
  if (typeof solver === 'object' && typeof record?.[way] === 'function') return;
  const given =
    typeof solver === 'function'
      ? `the function ${solver.name || 'without a name'} as the solver of ${owner}`
      : typeof solver === 'object' && solver !== null
        ? `${owner} with a solver that has no ${way}()`
        : `${shown(solver)} as the solver of ${owner}`;
  const called = typeof solver === 'function' && solver.name ? solver.name : 'cg';
  throw new InputError({
    given,
    expected: `a linear solver, such as ${called}(), with ${way}()`,
    remedy:
      typeof solver === 'object' && solver !== null
        ? remedyOf(solver, `Add it: ${waysInWords[way]}.`)
        : 'Call the function that makes it: cg(), gmres(), dense(), ….',
  });
}
