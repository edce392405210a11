/** What a learner writes: one function, synchronous or not. */
export type Task = (...args: never[]) => unknown;

/** The arguments of one trial of an answer. */
export interface Probe<F extends Task> {
  /** How the verdict calls it, as in "on the *rectangular* probe". */
  name: string;
  /** Makes the arguments, the same numbers each time, but new objects: answers may spoil them. */
  args(): Parameters<F>;
}

/** One trial of an answer, as a property sees it. */
export interface Run<F extends Task> {
  probe: string;
  /**
   * The very objects that the answer was given: counters in them have counted. Arrays that it
   * changed hold their old numbers again.
   */
  args: Parameters<F>;
  /** What came back, in the types of the reference: a `number[]` has become a `Float64Array`. */
  result: Awaited<ReturnType<F>>;
  /** The answer, for trials beyond the probes. */
  answer: (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;
}

/** A property of every right answer apart from its numbers: a residual, a symmetry, a cost. */
export interface Property<F extends Task> {
  /** A phrase for the verdict's heading: `'solves the system'`. */
  name: string;
  /** A sentence that says what is wrong, with its numbers; nothing where the property holds. */
  complaint(run: Run<F>): string | undefined | Promise<string | undefined>;
}

/** A wrong answer that learners really give. */
export interface Mutant<F extends Task> {
  /** A phrase for the verdict's heading: `'the sign of the implicit term'`. */
  name: string;
  answer: (...args: Parameters<F>) => unknown;
  /** Explains the mistake to the one who made it, without giving the solution away. */
  diagnosis: string;
  /** For a mutant whose numbers are right: the name of the property that catches it. */
  caughtBy?: string;
}

/** A right answer written another way. */
export interface Alternative<F extends Task> {
  name: string;
  answer: (...args: Parameters<F>) => unknown;
}

/** An exercise: what is asked, what is right, and what is wrong in which way. */
export interface Exercise<F extends Task = Task> {
  /** As in `'ift-01'`; its file in `catalogue/` has the same name. */
  id: string;
  /** The two digits of its lesson. */
  lesson: string;
  title: string;
  difficulty: 1 | 2 | 3;
  /** What a learner may need. */
  minutes: number;
  /** What should come first: ids of exercises, or two digits of lessons. */
  needs: readonly string[];
  /** The answer that others are compared with. */
  reference: F;
  /** Trials that distinguish all mutants. */
  probes: readonly Probe<F>[];
  /**
   * Arguments like those of a probe, drawn by a seed. An answer that is right on all probes is called
   * with some, drawn anew at each check: a table of the probes' results is not an answer.
   */
  fresh(seed: number): Parameters<F>;
  /** How many of them, 1 by default; more where a result could be guessed. */
  draws?: number;
  /** Scaled distance up to which results count as equal: 1e-6 by default, 1e-3 suits float32. */
  tolerance?: number;
  /** Seconds that an answer may take for all probes together, 20 by default. */
  seconds?: number;
  properties?: readonly Property<F>[];
  /** At least four. */
  mutants: readonly Mutant<F>[];
  /** At least two. */
  alternatives: readonly Alternative<F>[];
  /** At least three: the idea, the equation, nearly the code. Markdown with `$…$` and fences. */
  hints: readonly string[];
}

export const DEFAULT_TOLERANCE = 1e-6;
export const DEFAULT_SECONDS = 20;
