import { ImplicitLabError, InputError } from 'implicit-lab';
import {
  checkFunction,
  checkNoMore,
  checkOptionNames,
  checkRecord,
  variable,
} from 'implicit-lab/support';
import { type Bundle, escapeHtml, formatNumber, publish } from '../../output';
import type { Cell } from '../table';

/** Whether a statement holds, and by name the numbers that decide it. */
export interface Finding {
  holds: boolean;
  [number: string]: Cell;
}

/** How a claim is treated. */
export interface ClaimOptions {
  /**
   * Whether the statement rests on measured seconds. One that is false fails the build of a notebook;
   * elsewhere, on whichever machine a reader has, it is shown as false and the cell goes on. False
   * unless given.
   */
  timed?: boolean;
}

/** A claim that was made, as programs read it. */
export interface ClaimRecord {
  sentence: string;
  holds: boolean;
  timed: boolean;
  numbers: Record<string, Cell>;
}

/** The type of the record in an output. */
export const CLAIM = 'application/vnd.implicit-lab.claim+json';

/** A conclusion that the numbers contradict. */
export class ClaimError extends ImplicitLabError {
  override name = 'ClaimError';
}

/**
 * States a conclusion that is tested in place.
 *
 * Shows the sentence with ✓ and the numbers that decide it. Where it is false it shows ✗ and throws,
 * so that no notebook is built whose conclusions do not follow from what it shows. What rests on
 * seconds throws only where `IMPLICIT_LAB_CLAIMS` is `build`.
 *
 * @example
 * ```ts
 * claim('momentum at its best rate ends below the implicit step', () => ({
 *   holds: momentum < implicit,
 *   momentum,
 *   implicit,
 * }));
 * ```
 *
 * @param sentence the conclusion, as prose has it, with the range it was seen on
 * @param statement evaluates it: `holds`, and one number or more that decide it
 * @throws ClaimError if it does not hold; if `timed`, only while notebooks are built
 * @throws InputError if the sentence is empty, `holds` is not a boolean, there are no
 *   numbers, or one is NaN or −∞ although the claim holds
 */
export function claim(
  sentence: string,
  statement: () => Finding,
  options: ClaimOptions = {},
): void {
  checkNoMore('claim', arguments, 3);
  checkOptionNames('claim', options, ['timed']);
  const { timed = false } = options;
  requireSentence(sentence);
  checkFunction(statement, 'the statement of a claim');
  const finding = statement();
  checkRecord(finding, 'what the statement of a claim returns', '{ holds, … }');
  const { holds, ...numbers } = finding;
  requireFinding(sentence, holds, numbers);
  const record = { sentence, holds, timed, numbers };
  publish(claimBundle(record));
  if (!holds && isFatal(timed)) {
    throw new ClaimError({
      given: listed(numbers),
      expected: `“${sentence}”`,
      remedy: 'Reword the claim, or withdraw it.',
    });
  }
}

/** What {@link claim} shows. */
export function claimBundle(record: ClaimRecord): Bundle {
  const mark = record.holds ? '✓' : '✗';
  const elsewhere = record.holds || !record.timed ? '' : '; seconds differ by machine';
  const numbers = `${listed(record.numbers)}${elsewhere}`;
  const sentence = escapeHtml(record.sentence);
  return {
    data: {
      'text/html': `<p class="implicit-lab-claim"><b>${mark}</b> ${sentence} <small>(${escapeHtml(numbers)})</small></p>`,
      'text/plain': `${mark} ${record.sentence} (${numbers})`,
      [CLAIM]: record,
    },
  };
}

/** Runs of the whole course collect claims (`report`); only builds insist on seconds (`build`). */
function isFatal(timed: boolean): boolean {
  const mode = variable('IMPLICIT_LAB_CLAIMS');
  return mode !== 'report' && (mode === 'build' || !timed);
}

function listed(numbers: Record<string, Cell>): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`)
    .join(', ');
}

function requireSentence(sentence: string): void {
  if (typeof sentence === 'string' && sentence.trim() !== '') return;
  throw new InputError({
    given: 'a claim without a sentence',
    expected: 'the conclusion in words',
    remedy: "Write claim('the error falls with every step', () => ({ holds, … })).",
  });
}

function requireFinding(sentence: string, holds: unknown, numbers: object): void {
  const values: unknown[] = Object.values(numbers);
  // Nothing is above NaN, and everything above the largest of no numbers: such a claim is never false.
  const idle = values.find((value) => Number.isNaN(value) || value === Number.NEGATIVE_INFINITY);
  if (holds === true && idle !== undefined) {
    throw new InputError({
      given: `the claim “${sentence}”, which holds with ${idle} among its numbers`,
      expected: 'numbers that could have decided against it',
      remedy: 'Look for an empty list, or for a number that is not there.',
    });
  }
  if (typeof holds === 'boolean' && values.length > 0) return;
  throw new InputError({
    given:
      typeof holds === 'boolean'
        ? `the claim “${sentence}” without numbers`
        : `the claim “${sentence}”, whose holds is ${String(holds)}`,
    expected: 'a record { holds: true or false, …the numbers that decide it }',
    remedy: 'Return { holds: a < b, a, b }, for example.',
  });
}
