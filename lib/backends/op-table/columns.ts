import * as tf from '@tensorflow/tfjs';
import { type Case, type Input, inputsOf } from '.';
import {
  type Answer,
  answer,
  difference,
  inWords,
  type Type,
  type Typed,
  type TypedCall,
  types,
} from './typed';

const title = ({ op, variant }: Case) => (variant ? `${op}, ${variant}` : op);

const typed = (c: Case, inputs: Input[], dtypes: Type[], what: string): TypedCall => ({
  name: `${title(c)} (${what})`,
  inputs: inputs.map((input, i): Typed => ({ ...input, dtype: dtypes[i]! })),
  f: (...xs: tf.Tensor[]) => c.f(...xs),
});

/** Every way to give each of some inputs one of the types. */
const choices = (inputs: number): Type[][] =>
  inputs === 0 ? [[]] : choices(inputs - 1).flatMap((head) => types.map((t) => [...head, t]));

/** All inputs of one type; each input alone of another than float32. */
const fewChoices = (inputs: number): Type[][] => {
  const all = types.map((t) => Array<Type>(inputs).fill(t));
  const single = (i: number, t: Type) => Array<Type>(inputs).fill('float32').with(i, t);
  const others = Array.from({ length: inputs }, (_, i) => [single(i, 'int32'), single(i, 'bool')]);
  return [...all, ...others.flat()];
};

/** The column of types: a case with inputs of integers, of yes and no, and mixed. */
export function typesOf(c: Case): TypedCall[] {
  const { inputs } = inputsOf(c);
  // Further from zero, so that not all integers are zero.
  const scaled = inputs.map(({ shape, values }) => ({ shape, values: values.map((x) => 3 * x) }));
  const combinations = inputs.length <= 2 ? choices(inputs.length) : fewChoices(inputs.length);
  return combinations.map((dtypes) => typed(c, scaled, dtypes, dtypes.join(', ')));
}

/** Input shapes with axes of length zero: all axes of one length, the first axes, and each alone. */
function emptied(shapes: number[][]): number[][][] {
  const lengths = [...new Set(shapes.flat())].filter((n) => n > 0);
  const byLength = lengths.map((n) => shapes.map((shape) => shape.map((m) => (m === n ? 0 : m))));
  const first = shapes.map((shape) => shape.map((m, axis) => (axis === 0 ? 0 : m)));
  const single = shapes.flatMap((shape, i) =>
    shape.map((_, axis) => shapes.with(i, shape.with(axis, 0))),
  );
  const unique = new Map([...byLength, first, ...single].map((s) => [JSON.stringify(s), s]));
  return [...unique.values()];
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** The column of empty shapes: a case with inputs that have an axis of length zero. */
export function emptyShapesOf(c: Case): TypedCall[] {
  const { inputs } = inputsOf(c);
  return emptied(inputs.map(({ shape }) => shape)).flatMap((shapes) => {
    const cut = shapes.map((shape, i) => ({
      shape,
      values: inputs[i]!.values.slice(0, size(shape)),
    }));
    const what = shapes.map((shape) => `[${shape}]`).join(' ');
    return types.map((t) =>
      typed(
        c,
        cut,
        shapes.map(() => t),
        `${what} ${t}`,
      ),
    );
  });
}

/** How the current backend answers calls that cpu answers. */
export interface Outcome {
  right: number;
  /** Calls in words, with what is wrong. */
  wrong: string[];
  /** What the calls that were answered left behind. */
  tensors: number;
}

/**
 * Compares the current backend with the answers of cpu.
 *
 * @param refusal the message of an error that may be thrown instead of an answer
 */
export async function compareWithCpu(
  answers: [TypedCall, Answer][],
  tolerance: number,
  refusal: RegExp,
): Promise<Outcome> {
  const outcome: Outcome = { right: 0, wrong: [], tensors: 0 };
  for (const [call, expected] of answers) {
    if ('refusal' in expected) continue;
    const before = tf.memory().numTensors;
    const found = await answer(call);
    if ('refusal' in found && refusal.test(found.refusal)) continue;
    const what = difference(expected, found, tolerance);
    if (what === undefined) outcome.right++;
    else outcome.wrong.push(`${inWords(call)}: ${what}`);
    outcome.tensors += tf.memory().numTensors - before;
  }
  return outcome;
}
