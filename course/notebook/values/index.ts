import * as tf from '@tensorflow/tfjs';
import { explanationBundle, isExplanation } from './explanation';
import { FEW, gridText } from './grid';
import {
  backendText,
  holdsNumbers,
  isBackendReport,
  isNumbers,
  isOperator,
  isRecord,
  isSolveReport,
  operatorText,
  recordText,
  solveText,
  valueLine,
} from './record';
import { tensorText } from './tensor';

const MOST_ITEMS = 50;

/**
 * What a notebook shows of a cell's last value, where it is one of this course's: tensors, arrays of
 * numbers, records of them, results of solvers, reports of backends, linear operators. Of others,
 * nothing: they are shown as Node.js prints them.
 */
export async function valueText(value: unknown): Promise<string | undefined> {
  if (value instanceof tf.Tensor) return tensorText(value);
  if (isNumbers(value)) {
    const line = await valueLine(value);
    return value.length <= FEW ? line : `${line}\n\n${gridText(value, [value.length])}`;
  }
  if (Array.isArray(value) && value.length <= MOST_ITEMS && holdsNumbers(value)) {
    return recordText({ ...value });
  }
  if (!isRecord(value)) return undefined;
  if (isSolveReport(value)) return solveText(value);
  if (isBackendReport(value)) return backendText(value);
  if (isOperator(value)) return operatorText(value);
  return holdsNumbers(value) ? recordText(value) : undefined;
}

type Formatter = (value: unknown) => Promise<Record<string, unknown> | undefined>;

const FORMATTERS = Symbol.for('implicit-kernel.formatters');

/** Lets the kernel show values this way; a library that is read again replaces itself. */
export function showValues(): void {
  const host = globalThis as { [FORMATTERS]?: Map<string, Formatter> };
  host[FORMATTERS] ??= new Map();
  host[FORMATTERS].set('implicit-lab', async (value) => {
    if (isExplanation(value)) return explanationBundle(value);
    const text = await valueText(value);
    return text === undefined ? undefined : { 'text/plain': text };
  });
}
