import * as tf from '@tensorflow/tfjs';
import type { BackendReport, SolveReport } from 'implicit-lab';
import { formatNumber, formatSeconds } from '../../output';
import { rangeWords } from './grid';
import { tensorLine } from './tensor';

type Fields = Record<string, unknown>;

/** A value in one line, as a field of a record. */
export async function valueLine(value: unknown): Promise<string> {
  if (typeof value === 'number') return formatNumber(value);
  if (value instanceof tf.Tensor) return tensorLine(value);
  if (isNumbers(value)) return numbersLine(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `${value.length} items`;
  return typeof value === 'string' ? value : String(value);
}

/** `Float64Array` or another typed array of numbers. */
export type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array;

export function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !isBig(value);
}

const isBig = (value: ArrayBufferView) =>
  value instanceof BigInt64Array || value instanceof BigUint64Array || isBuffer(value);

/** Node.js prints its own kind of bytes better. */
const isBuffer = (value: ArrayBufferView) =>
  value instanceof Uint8Array && value.constructor !== Uint8Array;

function numbersLine(values: Numbers): string {
  const name = `${values.constructor.name} of ${formatNumber(values.length)}`;
  return values.length === 0 ? name : `${name}: ${rangeWords(values)}`;
}

/** A record field by field, aligned; records in it are indented. */
export async function recordText(record: Fields, indent = ''): Promise<string> {
  const width = Math.max(...Object.keys(record).map((name) => name.length));
  const lines: string[] = [];
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue;
    if (isRecord(value) && Object.keys(value).length > 0) {
      lines.push(`${indent}${name}`, await recordText(value, `${indent}  `));
    } else {
      const words = name === 'seconds' ? formatSeconds(Number(value)) : await valueLine(value);
      lines.push(`${indent}${name.padEnd(width)}  ${words}`);
    }
  }
  return lines.join('\n');
}

export function isRecord(value: unknown): value is Fields {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** Whether a record holds, at any depth, what Node.js would print at length. */
export function holdsNumbers(record: object): boolean {
  return Object.values(record).some(
    (value) =>
      value instanceof tf.Tensor || isNumbers(value) || (isRecord(value) && holdsNumbers(value)),
  );
}

const STATUS: Record<SolveReport['status'], string> = {
  converged: '✓ converged',
  'max-iterations': '✗ not converged',
  'negative-curvature': '✗ negative curvature met',
  diverged: '✗ diverged',
};

export function isSolveReport(value: Fields): value is Fields & SolveReport {
  const { status, iterations, residualNorm } = value;
  return (
    typeof status === 'string' &&
    status in STATUS &&
    typeof iterations === 'number' &&
    typeof residualNorm === 'number'
  );
}

/** How a solve ended in one line, and then what else is known. */
export async function solveText({
  status,
  iterations,
  residualNorm,
  ...rest
}: Fields & SolveReport) {
  const head = `${STATUS[status]} after ${formatNumber(iterations)} iterations, residual norm ${formatNumber(residualNorm)}`;
  return Object.keys(rest).length > 0 ? `${head}\n${await recordText(rest)}` : head;
}

export function isBackendReport(value: Fields): value is Fields & BackendReport {
  const { name, device, threads, why } = value;
  return (
    [name, device, why].every((text) => typeof text === 'string') && typeof threads === 'number'
  );
}

export function backendText({ name, device, threads, blas, why, passedOver = [] }: BackendReport) {
  // Its version; how it was compiled is of little use to a reader.
  const products = blas?.split(' ').slice(0, 2).join(' ');
  const unsaid = passedOver.filter(({ reason }) => !why.includes(reason));
  const workers = threads === 0 ? '' : threads === 1 ? ', 1 thread' : `, ${threads} threads`;
  return [
    `${name} on ${device}${workers}${products ? `, matrix products by ${products}` : ''}`,
    why,
    ...unsaid.map((other) => `Passed over: ${other.name}, ${other.reason}`),
  ].join('\n');
}

/** A map known by its products, and nothing else of it. */
export function isOperator(value: Fields): boolean {
  const known = ['apply', 'transpose', 'dispose'];
  const names = Object.keys(value);
  return (
    names.includes('apply') &&
    names.every((name) => known.includes(name)) &&
    names.every((name) => typeof value[name] === 'function')
  );
}

export function operatorText(value: Fields): string {
  const products = value.transpose ? 'A·v (apply) and Aᵀ·v (transpose)' : 'A·v (apply)';
  return `Linear operator, known by its products ${products}`;
}
