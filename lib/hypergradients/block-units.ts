import {
  inPieces,
  isLibrarySolver,
  type LinearSolver,
  type Solution,
  type SolveReport,
} from '../solvers';
import { type LinearOperator, mapTensors, type NamedTensors, shifted, tensors } from '../spaces';
import { waves } from './waves';

/** Exponents of powers of two by which each block of a vector is multiplied. */
type Exponents = Readonly<Record<string, number>>;

/** `2^rows A 2^columns`: the system of which each block has entries near 1. */
interface BlockUnits {
  readonly rows: Exponents;
  readonly columns: Exponents;
}

type Scalar = ReturnType<typeof tensors.norm>;

/** Work that asks for numbers; for none where it can be left for a while. */
type Asking<T> = Generator<readonly Scalar[], T, number[]>;

/** A system whose unknowns are blocks, as a solver gets it. */
export interface BlockSystem {
  readonly A: LinearOperator<NamedTensors>;
  readonly b: NamedTensors;
  /** A copy of the solution in the caller's units, kept, and how the solve ended: not converged where a block is not solved. */
  judge(found: Solution<NamedTensors>): Asking<Solution<NamedTensors> & BlockReport>;
  dispose(): void;
}

export interface BlockReport extends SolveReport {
  /**
   * The block with the largest part of the residual, where the solve has failed; `residualNorm` is then
   * that part of the right-hand side, each block in its own unit.
   */
  block?: string;
}

/** More than this of a right-hand side left over, in units in which all blocks count, is a block not solved. */
const UNSOLVED = 1e-2;

/** Damping of more than this share of the entries of a block determines the block. */
const SWAMPED = 0.1;

/**
 * `A v = u` in units in which the entries of all blocks of A are near 1.
 *
 * Blocks such as an unknown and its multipliers may be of any units, and one residual of them all would
 * hide those of small numbers. The norms of the blocks `A_ij` come from a product for each block of v;
 * powers of two, which round nothing, give each row and each column of A the same norm (Sinkhorn &
 * Knopp). Rows that hang together are multiplied so that their part of u is near 1.
 *
 * A solver that is not known to be the same in other units (damped, preconditioned, a series or a user's)
 * gets the system as it is, and its solution is judged in these units.
 */
export function* inBlockUnits(
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  solver: LinearSolver,
): Asking<BlockSystem> {
  const units = Object.keys(u).length > 1 ? yield* unitsOf(A, u, solver) : undefined;
  if (units === undefined) return asItIs(A, u);
  const scaled = scaledBy(units, isSwamping(solver, units) ? A : dampedBy(solver, A));
  const b = times(units.rows, u);
  const seesNoUnit = isUnitFree(solver);
  return {
    A: seesNoUnit ? scaled : A,
    b: seesNoUnit ? b : u,
    *judge(found) {
      const y = seesNoUnit ? found.value : times(opposite(units.columns), found.value);
      let value: NamedTensors | undefined;
      try {
        value = seesNoUnit ? times(units.columns, y) : copied(found.value);
        const isJudged = found.status !== 'converged' || !seesNoUnit;
        const report = isJudged ? yield* reportOf(scaled, b, y, found, solver) : found;
        return { ...report, value };
      } catch (error) {
        tensors.free(value ?? {});
        throw error;
      } finally {
        if (!seesNoUnit) tensors.free(y);
      }
    },
    dispose: () => tensors.free(b),
  };
}

function asItIs(A: LinearOperator<NamedTensors>, u: NamedTensors): BlockSystem {
  return {
    A,
    b: u,
    // biome-ignore lint/correctness/useYield: nothing to ask
    *judge(found) {
      return { ...found, value: copied(found.value) };
    },
    dispose() {},
  };
}

/** A copy, kept. */
const copied = (x: NamedTensors) => tensors.keep(tensors.tidy(() => tensors.clone(x)));

/** Solvers that find the same in other units, to rounding; a symmetric A they need stays one. */
const unitFree = new Set(['cg', 'minres', 'gmres', 'cgNormal', 'dense']);
const symmetricOnly = new Set(['cg', 'minres']);

const dampingOf = (solver: LinearSolver): number =>
  'damping' in solver && typeof solver.damping === 'number' ? solver.damping : 0;

/** What a damped solver solves with. */
const dampedBy = (solver: LinearSolver, A: LinearOperator<NamedTensors>) =>
  dampingOf(solver) > 0 ? shifted(tensors, A, dampingOf(solver)) : A;

/** Whether damping, meant to be small, is large compared with the entries of some block. */
const isSwamping = (solver: LinearSolver, { rows, columns }: BlockUnits): boolean =>
  Object.keys(rows).some(
    (name) => dampingOf(solver) * 2 ** (rows[name]! + columns[name]!) >= SWAMPED,
  );

const isUnitFree = (solver: LinearSolver): boolean =>
  isLibrarySolver(solver) &&
  unitFree.has(solver.name) &&
  dampingOf(solver) === 0 &&
  !('preconditioner' in solver && solver.preconditioner !== undefined);

function scaledBy(
  { rows, columns }: BlockUnits,
  A: LinearOperator<NamedTensors>,
): LinearOperator<NamedTensors> {
  const around = (before: Exponents, multiply: typeof A.apply, after: Exponents) => {
    return (v: NamedTensors) => {
      const held = [times(before, v)];
      try {
        held.push(multiply(held[0]!));
        return tensors.tidy(() => multiplied(after, held[1]!));
      } finally {
        tensors.free(held);
      }
    };
  };
  return {
    apply: around(columns, (v) => A.apply(v), rows),
    ...(A.applyInPieces && {
      *applyInPieces(v: NamedTensors) {
        const held = [times(columns, v)];
        try {
          held.push(yield* A.applyInPieces!(held[0]!));
          return times(rows, held[1]!);
        } finally {
          tensors.free(held);
        }
      },
    }),
    ...(A.transpose && { transpose: around(rows, (v) => A.transpose!(v), columns) }),
    dispose() {},
  };
}

/** By two factors, since one may be outside the range of float32. */
const multiplied = (by: Exponents, x: NamedTensors): NamedTensors => {
  const { of } = tensors.scalars;
  return mapTensors(x, (value, name) => {
    const half = Math.trunc(by[name]! / 2);
    const { part } = tensors.scale(of(2 ** half), { part: value });
    return tensors.scale(of(2 ** (by[name]! - half)), { part: part! }).part!;
  });
};

/** The same, kept. */
const times = (by: Exponents, x: NamedTensors): NamedTensors =>
  tensors.keep(tensors.tidy(() => multiplied(by, x)));

const opposite = (by: Exponents): Exponents =>
  Object.fromEntries(Object.entries(by).map(([name, power]) => [name, -power]));

/** How the solve ended as the blocks have it. */
function* reportOf(
  A: LinearOperator<NamedTensors>,
  b: NamedTensors,
  y: NamedTensors,
  { status, iterations, residualNorm }: SolveReport,
  solver: LinearSolver,
): Asking<BlockReport> {
  const names = Object.keys(b);
  const residuals = yield* askedOf(A, y, (Ay) => {
    const r = tensors.subtract(b, Ay);
    return [...names.map((name) => tensors.norm({ part: r[name]! })), tensors.norm(b)];
  });
  const size = residuals.pop()!;
  const largest = Math.max(...residuals);
  const share = Math.hypot(...residuals) / size;
  if (status === 'converged' && share <= unsolvedBy(solver)) {
    return { status, iterations, residualNorm };
  }
  return {
    status: status === 'converged' ? 'max-iterations' : status,
    iterations,
    residualNorm: share,
    block: names[residuals.indexOf(largest)] ?? names[0]!,
  };
}

/** The share of a right-hand side up to which a solver may call it solved. */
function unsolvedBy(solver: LinearSolver): number {
  const isKnown = 'tolerance' in solver && typeof solver.tolerance === 'number';
  return Math.max(UNSOLVED, isKnown ? 2 * Number(solver.tolerance) : 0);
}

function* asked(make: () => Scalar[]): Asking<number[]> {
  const scalars = tensors.keep(tensors.tidy(make));
  try {
    return yield scalars;
  } finally {
    tensors.free(scalars.map((scalar) => ({ scalar })));
  }
}

/** The same of a product `A v`, in pieces where A can be left for a while. */
function* askedOf(
  A: LinearOperator<NamedTensors>,
  v: NamedTensors,
  make: (Av: NamedTensors) => Scalar[],
): Asking<number[]> {
  const Av = yield* inPieces<NamedTensors, Scalar>({ A }, v);
  if (Av === undefined) return yield* asked(() => make(A.apply(v)));
  try {
    return yield* asked(() => make(Av));
  } finally {
    tensors.free(Av, v);
  }
}

/** Of no use are sizes that are not finite; there are no units then. */
function* unitsOf(
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  solver: LinearSolver,
): Asking<BlockUnits | undefined> {
  const columns: number[][] = [];
  for (const name of blocksOf(u)) columns.push(yield* columnOf(A, u, name));
  const ofU = yield* asked(() => blocksOf(u).map((name) => tensors.norm({ part: u[name]! })));
  return unitsFrom(u, columns, ofU, solver);
}

/** The names of what is not empty. */
const blocksOf = (u: NamedTensors) => Object.keys(u).filter((name) => u[name]!.size > 0);

function unitsFrom(
  u: NamedTensors,
  columnNorms: readonly (readonly number[])[],
  ofU: readonly number[],
  solver: LinearSolver,
): BlockUnits | undefined {
  if (![...columnNorms.flat(), ...ofU].every(Number.isFinite)) return undefined;
  const names = blocksOf(u);
  const counts = names.map((name) => u[name]!.size);
  // The norm of a block from that of one of its products: entries of d are about 1.
  const sizes = names.map((_, i) =>
    columnNorms.map((column, j) => 2 * Math.log2(column[i]!) + Math.log2(counts[j]!)),
  );
  const isSymmetric = symmetricOnly.has(solver.name);
  const logs = isSymmetric ? symmetric(sizes) : sizes;
  const { rows, columns } = balanced(logs, counts);
  if (isSymmetric) {
    rows.forEach((row, i) => {
      rows[i] = columns[i] = (row + columns[i]!) / 2;
    });
  }
  // Rounded before rows that hang together are shifted, which keeps a symmetric product symmetric.
  const powers = { rows: rows.map(halved), columns: columns.map(halved) };
  shiftToUnit(logs, powers, ofU.map(Math.log2));
  const named = (list: number[]) =>
    Object.fromEntries(
      Object.keys(u).map((name) => [name, names.includes(name) ? list[names.indexOf(name)]! : 0]),
    );
  return { rows: named(powers.rows), columns: named(powers.columns) };
}

/** Of a squared norm, in the range that two float32 factors have. */
const halved = (log: number) => Math.max(-240, Math.min(240, Math.round(log / 2)));

/** `‖A_ij d‖ √n / ‖d‖` of each i: another length of d where numbers leave the range of float32. */
function* columnOf(A: LinearOperator<NamedTensors>, u: NamedTensors, j: string): Asking<number[]> {
  const names = blocksOf(u);
  for (const length of [1, 2 ** -60, 2 ** 60]) {
    const norms = yield* productNormsInPieces(A, u, j, length);
    const ofD = norms.pop()!;
    const isUsable = norms.every(Number.isFinite) && norms.some((norm) => norm > 0);
    if (isUsable) return norms.map((norm) => norm / length / ofD);
    if (length === 1 && norms.every((norm) => norm === 0)) continue;
  }
  return names.map(() => 0);
}

/** `‖A_ij d‖` of each i, for d of that length, and `‖d‖` of d as it is. */
function productNorms(A: LinearOperator<NamedTensors>, u: NamedTensors, j: string) {
  const d = along(u, j);
  return normsAlong(u, d, A.apply(d));
}

/** The same of a product that may be left for a while. */
function* productNormsInPieces(
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  j: string,
  length: number,
): Asking<number[]> {
  const { scalars } = tensors;
  const d = tensors.keep(tensors.tidy(() => along(u, j)));
  const v = tensors.keep(tensors.tidy(() => tensors.scale(scalars.of(length), d)));
  try {
    return yield* askedOf(A, v, (Ad) => normsAlong(u, d, Ad));
  } finally {
    tensors.free([d, v]);
  }
}

/** A direction of which only one block is not 0. */
const along = (u: NamedTensors, j: string): NamedTensors => ({
  ...tensors.zeros(u),
  [j]: waves(u[j]!.shape),
});

const normsAlong = (u: NamedTensors, d: NamedTensors, Ad: NamedTensors) => [
  ...blocksOf(u).map((name) => tensors.norm({ part: Ad[name]! })),
  tensors.norm(d),
];

/** What a solution leaves over: the share of the right-hand side, and the block with the most of it. */
export interface Unsolved {
  readonly share: number;
  readonly block: string;
}

/** Numbers that wait to be read, kept, and what they say. */
interface LaterAnswer {
  readonly scalars: readonly Scalar[];
  /** Undefined where each block is solved, or the units of the blocks are not found. */
  answer(numbers: readonly number[]): Unsolved | undefined;
}

/**
 * What of `A v = u` a solution leaves unsolved, each block in its own unit, where numbers cannot be read
 * without waiting: the products are made now, and the units found when they are read.
 */
export function unsolvedLater(
  A: LinearOperator<NamedTensors>,
  u: NamedTensors,
  v: NamedTensors,
  solver: LinearSolver,
): LaterAnswer {
  const names = blocksOf(u);
  const n = names.length;
  const normsOf = (x: NamedTensors) => names.map((name) => tensors.norm({ part: x[name]! }));
  const scalars = tensors.keep(
    tensors.tidy(() => [
      ...names.flatMap((name) => productNorms(A, u, name)),
      ...normsOf(u),
      ...normsOf(tensors.subtract(u, dampedBy(solver, A).apply(v))),
      ...normsOf(tensors.subtract(u, A.apply(v))),
    ]),
  );
  return {
    scalars,
    answer(numbers) {
      const left = [...numbers];
      const columns = names.map(() => {
        const norms = left.splice(0, n);
        const [ofD] = left.splice(0, 1);
        return norms.map((norm) => norm / ofD!);
      });
      const [ofU, damped, plain] = [left.splice(0, n), left.splice(0, n), left];
      const units = unitsFrom(u, columns, ofU, solver);
      if (units === undefined) return undefined;
      const inUnits = (norms: number[]) =>
        norms.map((norm, i) => norm * 2 ** units.rows[names[i]!]!);
      const residuals = inUnits(isSwamping(solver, units) ? plain : damped);
      const share = Math.hypot(...residuals) / Math.hypot(...inUnits(ofU));
      const block = names[residuals.indexOf(Math.max(...residuals))];
      if (block === undefined || share <= unsolvedBy(solver)) return undefined;
      return { share, block };
    },
  };
}

/** The larger of the two where one has vanished by accident, else their mean. */
const symmetric = (logs: readonly (readonly number[])[]): number[][] =>
  logs.map((row, i) =>
    row.map((log, j) => {
      const other = logs[j]![i]!;
      return Number.isFinite(log) && Number.isFinite(other)
        ? (log + other) / 2
        : Math.max(log, other);
    }),
  );

/**
 * Logarithms of factors with which each row and each column of squared norms adds up to its number of
 * entries. First of roots of the norms, of which a few sweeps balance any range; then of the norms.
 */
function balanced(logs: readonly (readonly number[])[], counts: readonly number[]) {
  const rows = counts.map(() => 0);
  const columns = counts.map(() => 0);
  const fit = (i: number, root: number, others: readonly number[], at: (j: number) => number) => {
    const parts = others.map((other, j) => (other + at(j)) / root).filter(Number.isFinite);
    if (parts.length === 0) return 0;
    const largest = Math.max(...parts);
    const sum = parts.reduce((all, part) => all + 2 ** (part - largest), 0);
    return root * (Math.log2(counts[i]!) - largest - Math.log2(sum));
  };
  // Of blocks that are triangular the factors have no limit: a root no larger than the range needs.
  const finite = logs.flat().filter(Number.isFinite);
  const range = finite.length === 0 ? 0 : Math.max(...finite) - Math.min(...finite);
  for (let root = Math.max(1, 2 ** Math.ceil(Math.log2(range / 32))); root >= 1; root /= 2) {
    for (let sweep = 0; sweep < 60; sweep++) {
      for (const i of counts.keys()) rows[i] = fit(i, root, columns, (j) => logs[i]![j]!);
      for (const j of counts.keys()) columns[j] = fit(j, root, rows, (i) => logs[i]![j]!);
    }
  }
  return { rows, columns };
}

/** Rows and columns that no entry joins to others may be multiplied and divided: so that their part of u is near 1. */
function shiftToUnit(
  logs: readonly (readonly number[])[],
  { rows, columns }: { rows: number[]; columns: number[] },
  logsOfU: readonly number[],
): void {
  const groups = rows.map((_, i) => i);
  const groupOfColumn = columns.map((_, j) => logs.findIndex((row) => Number.isFinite(row[j]!)));
  for (const [j] of columns.entries()) {
    for (const [i, row] of logs.entries()) {
      if (!Number.isFinite(row[j]!)) continue;
      const [from, to] = [groups[i]!, groups[groupOfColumn[j]!]!];
      for (const [k, group] of groups.entries()) if (group === from) groups[k] = to;
    }
  }
  for (const group of new Set(groups)) {
    const sizes = rows.flatMap((row, i) => (groups[i] === group ? [row + logsOfU[i]!] : []));
    const largest = Math.max(...sizes);
    if (!Number.isFinite(largest)) continue;
    const shift = Math.round(largest);
    for (const [i, of] of groups.entries()) if (of === group) rows[i]! -= shift;
    for (const [j, row] of groupOfColumn.entries()) {
      if (row >= 0 && groups[row] === group) columns[j]! += shift;
    }
  }
}
