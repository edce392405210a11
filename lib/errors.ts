/** What went wrong, in the three parts a reader can act on. */
export interface Complaint {
  /** What was received, as a phrase: `'a vector of length 3'`. */
  given: string;
  /** What would have been right: `'length 5, as the operator has'`. */
  expected: string;
  /** What to do about it, as a sentence. */
  remedy: string;
}

/**
 * The base of every error this library throws on purpose.
 *
 * The message reads "expected …, but was given …. remedy"; the parts stay readable as fields.
 */
export class ImplicitLabError extends Error {
  override name = 'ImplicitLabError';
  readonly given: string;
  readonly expected: string;
  readonly remedy: string;

  constructor({ given, expected, remedy }: Complaint) {
    super(`expected ${expected}, but was given ${given}. ${remedy}`);
    this.given = given;
    this.expected = expected;
    this.remedy = remedy;
  }
}

/** An argument of the wrong kind, range or name. */
export class InputError extends ImplicitLabError {
  override name = 'InputError';
}

/** More memory than a backend has. */
export class MemoryError extends ImplicitLabError {
  override name = 'MemoryError';
}

/** A GPU that was lost while tensors were on it. */
export class DeviceLostError extends ImplicitLabError {
  override name = 'DeviceLostError';
}

/** Vectors, tensors or parameter lists whose sizes do not fit together. */
export class ShapeError extends ImplicitLabError {
  override name = 'ShapeError';
}

/** A NaN or an infinity where a number was needed. */
export class NotFiniteError extends ImplicitLabError {
  override name = 'NotFiniteError';
}

/** A linear system whose solve was asked to succeed and did not; `status` is how it ended. */
export class SolveError extends ImplicitLabError {
  override name = 'SolveError';
  /** As `SolverStatus`: `'max-iterations'`, `'negative-curvature'` or `'diverged'`. */
  readonly status: string;
  /** `‖b − A x‖₂` of the best x met. */
  readonly residualNorm: number;

  constructor(complaint: Complaint, { status, residualNorm }: SolveFacts) {
    super(complaint);
    this.status = status;
    this.residualNorm = residualNorm;
  }
}

/** How a solve ended. */
export interface SolveFacts {
  status: string;
  residualNorm: number;
}

/** An object used after its memory was given back. */
export class DisposedError extends ImplicitLabError {
  override name = 'DisposedError';
}

/** Something this backend, operation or machine cannot do. */
export class UnsupportedError extends ImplicitLabError {
  override name = 'UnsupportedError';
}

/** A data file that is missing, cut short or of another format. */
export class DataError extends ImplicitLabError {
  override name = 'DataError';
}
