import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as library from '.';

const page = readFileSync(join(__dirname, 'README.md'), 'utf8');
const code = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code!).join('\n');

/** What the examples declare, as far as it is looked at here. */
interface Declared {
  model: tf.LayersModel;
  history: { loss: number[] };
  throughSteps: library.UnrolledDerivative<library.NamedTensors>;
  atSolution: library.ImplicitDerivative<library.NamedTensors>;
  own: library.ImplicitDerivative<library.NamedTensors>;
  X: tf.Tensor2D;
  auxiliary: Record<string, unknown>;
  w: tf.Variable;
  largest: { values: Float64Array };
  sumOfAll: { value: number };
  density: Float64Array;
  directions: library.NamedTensors[];
  solutions: library.Solution<library.NamedTensors>[];
  projected: tf.Tensor;
  multiplied: tf.Tensor;
  solve(θ: tf.Tensor): tf.Tensor;
  learned: library.UnrolledDerivative<library.NamedTensors>;
  inexact: library.ImplicitDerivative<library.NamedTensors>;
  failure: unknown;
  impact: { t: number };
  halfway: Float64Array;
}
let found: Declared;

/** Runs the page's examples as one program, and returns everything they declare. */
async function run(): Promise<Declared> {
  const body = code
    .replace(/^import \* as tf .*$/m, '')
    .replace(/^import (\{[^}]*\}) from 'implicit-lab';/gm, 'const $1 = library;');
  const names = [...body.matchAll(/^const (?:\{ ([^}]*) \}|\[([^\]]*)\]|([\wλθ]+)) =/gm)].flatMap(
    ([, record, list, name]) =>
      (record ?? list ?? name!).split(',').map((part) => part.trim().replace(/^\w+: /, '')),
  );
  const program = `return (async () => { ${body}; return { ${[...new Set(names)].join(', ')} }; })();`;
  // As TensorFlow.js has to be imported once.
  return new Function('library', 'tf', program)(library, tf);
}

beforeAll(async () => {
  found = await run();
});

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const close = (x: number[], y: number[], digits: number) => {
  expect(x.length).toBe(y.length);
  x.forEach((value, i) => {
    expect(value).toBeCloseTo(y[i]!, digits);
  });
};

describe('the examples of the page', () => {
  it('train, and differentiate in three ways', () => {
    const { history, throughSteps, atSolution, own } = found;
    expect(history.loss[4]!).toBeLessThan(history.loss[0]! / 2);
    for (const { value } of [atSolution, own]) {
      close(numbers(value.logλ!), numbers(throughSteps.value.logλ!), 4);
    }
  });

  it('clip, schedule, take batches together and hand out what else is known', () => {
    expect(numbers(found.w).some((value) => value !== 0)).toBe(true);
    expect(found.auxiliary.worst).toBeGreaterThan(0);
  });

  it('look at the curvature, and solve for several right-hand sides', () => {
    const { X, largest, sumOfAll, density, directions, solutions } = found;
    const H = tf.tidy(() => tf.mul(2 / 40, tf.matMul(X, X, true)).arraySync() as number[][]);
    const exact = H.reduce((sum, row, i) => sum + row[i]!, 0);
    expect(Math.abs(sumOfAll.value / exact - 1)).toBeLessThan(0.3);
    expect(largest.values[0]).toBeGreaterThan(exact / 5);
    expect(density.every((value) => value >= 0)).toBe(true);
    solutions.forEach(({ value, status }, i) => {
      expect(status).toBe('converged');
      const product = tf.tidy(() => numbers(tf.matMul(tf.tensor2d(H), value.w as tf.Tensor2D)));
      close(product, numbers(directions[i]!.w!), 4);
    });
  });

  it('differentiate minima on a set, by two optimality conditions as by differences', () => {
    const { projected, multiplied, solve } = found;
    const at = (i: number, change: number) => {
      const θ = [0.3, 0.1];
      θ[i]! += change;
      const [a, b] = tf.tidy(() => numbers(solve(tf.tensor1d(θ))));
      return a! + 2 * b!;
    };
    const differences = [0, 1].map((i) => (at(i, 0.01) - at(i, -0.01)) / 0.02);
    close(numbers(projected), differences, 3);
    close(numbers(multiplied), differences, 3);
  });

  it('differentiate with respect to the settings of the inner method', () => {
    expect(found.learned.value.logRates!.shape).toEqual([20]);
    for (const name of ['logλ', 'β']) expect(numbers(found.learned.value[name]!)[0]).not.toBe(0);
    expect(numbers(found.learned.value.logRates!).every((value) => value !== 0)).toBe(true);
  });

  it('return or throw where a solve fails', () => {
    expect(found.inexact.stats.status).toBe('max-iterations');
    expect(found.failure).toBeInstanceOf(library.SolveError);
  });

  it('fall to the ground', () => {
    expect(found.impact.t).toBeCloseTo(Math.sqrt(2 / 9.81), 8);
    close([...found.halfway], [0.75, -9.81 * (found.impact.t / 2)], 6);
  });
});

it('the first program of the front page prints what it says', async () => {
  const front = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');
  const [, program] = /```js\n([\s\S]*?)```/.exec(front)!;
  const body = program!
    .replace(/^import \* as tf .*$/m, '')
    .replace(/^import (\{[^}]*\}) from 'implicit-lab';/m, 'const $1 = library;');
  const lines: string[] = [];
  const print = { log: (...words: string[]) => lines.push(words.join(' ')) };
  const run = new Function('library', 'tf', 'console', `return (async () => { ${body} })();`);
  await run(library, tf, print);
  const promised = [...program!.matchAll(/console\.log.*\/\/ (.*)$/gm)].map(([, said]) => said!);
  expect(promised.length).toBe(2);
  // Two digits that every backend prints: at the rate of the first line rounding soon decides.
  expect(lines.map((line) => line.replace(/^\w+ +/, ''))).toEqual(promised);
});
