import * as tf from '@tensorflow/tfjs';
import { compiled } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { random } from '../../lib/numbers';
import type { NamedTensors } from '../../lib/spaces';
import { oneHot } from './given';
import { middle, table } from './report';
import type { Row } from './rows';
import type { Given, Workloads } from './workload';
import { alone, mlp, NAMES, settings as others, type Problem, reverse } from './workloads';

const [INPUTS, CLASSES] = [64, 10];
const TERMS = 6;
/** Of the steps, and the scale of the series: the largest eigenvalue grows with the width. */
const rateOf = ({ hidden }: Size) => Math.min(0.2, 40 / hidden);

/** A network INPUTS-hidden-10 on the given number of rows, with a penalty for each group of its first weights. */
interface Size {
  rows: number;
  hidden: number;
  groups: number;
  /** Of gradient descent, differentiated in reverse; 0 for an implicit derivative with six terms. */
  steps: number;
}

/** One quantity that grows while the others stay, and the exponent that theory gives the cost. */
export interface Course {
  of: string;
  theory: number;
  points: { x: number; size: Size }[];
}

const parametersOf = (hidden: number) => (INPUTS + 1 + CLASSES) * hidden + CLASSES;

/** What `-- peers scaling` lets grow. */
export const COURSES: readonly Course[] = [
  {
    of: 'parameters',
    theory: 1,
    points: [13, 133, 1333, 13_333, 133_333].map((hidden) => ({
      x: parametersOf(hidden),
      size: { rows: 32, hidden, groups: 1, steps: 0 },
    })),
  },
  {
    of: 'hyperparameters',
    theory: 0,
    points: [0, 5, 10, 15, 20].map((power) => ({
      x: 2 ** power,
      size: { rows: 32, hidden: 16_384, groups: 2 ** power, steps: 0 },
    })),
  },
  {
    of: 'inner steps',
    theory: 1,
    points: [10, 30, 100, 300, 1000].map((steps) => ({
      x: steps,
      size: { rows: 32, hidden: 16, groups: 1, steps },
    })),
  },
  {
    of: 'rows of the batch',
    theory: 1,
    points: [32, 128, 512, 2048, 8192].map((rows) => ({
      x: rows,
      size: { rows, hidden: 64, groups: 1, steps: 0 },
    })),
  },
];

/** The name of a point in all systems. */
export const pointName = (course: number, point: number) => `scaling_${course}_${point}`;

/** Points that `--quick` leaves out: each takes a minute, and lies between others or after them. */
const SLOW = [pointName(1, 1), pointName(1, 3), pointName(2, 4)];

/** The points of all courses as workloads. */
export function scalingWorkloads(quick: boolean): Workloads {
  const data: Record<string, Given> = {};
  const settings: Workloads['settings'] = { ...others };
  const list = COURSES.flatMap(({ points }, i) =>
    points.flatMap(({ size }, j) => {
      const name = pointName(i, j);
      if (quick && SLOW.includes(name)) return [];
      settings[name] = { rate: rateOf(size), terms: TERMS, steps: size.steps };
      Object.assign(data, dataOf(name, size));
      const of = (names: readonly string[]): NamedTensors =>
        Object.fromEntries(
          names.map((each) => {
            const { shape, values } = data[`${name}_${each}`]!;
            return [each, tf.tensor(values as Float32Array, shape)];
          }),
        );
      const [w, λ] = [of(NAMES), of(['lam'])];
      const problem = problemOf(size, of(['X', 'Y']));
      return size.steps > 0
        ? reverse(name, problem, w, λ, { rate: rateOf(size), steps: size.steps })
        : alone(name, problem, w, λ, { terms: TERMS, scale: rateOf(size) });
    }),
  );
  return { list, data, settings };
}

function dataOf(name: string, { rows, hidden, groups }: Size): Record<string, Given> {
  const draw = random(11);
  const normals = (deviation: number, ...shape: number[]): Given => {
    const count = shape.reduce((a, b) => a * b, 1);
    return { shape, values: Float32Array.from(draw.normals(count), (x) => deviation * x) };
  };
  const given = {
    W1: normals(0.1, INPUTS, hidden),
    b1: normals(0, hidden),
    W2: normals(1 / Math.sqrt(hidden), hidden, CLASSES),
    b2: normals(0, CLASSES),
    lam: normals(0, groups),
    X: normals(1, rows, INPUTS),
    Y: { shape: [rows, CLASSES], values: oneHot(rows, CLASSES) },
  };
  return Object.fromEntries(
    Object.entries(given).map(([each, value]) => [`${name}_${each}`, value]),
  );
}

function problemOf({ groups, hidden }: Size, { X, Y }: NamedTensors): Problem {
  const outer = (w: NamedTensors) => softmaxCrossEntropy(Y!, mlp(w, X!, tf.tanh)) as tf.Scalar;
  const byGroup = (W1: tf.Tensor) => tf.reshape(W1, [groups, (INPUTS * hidden) / groups]);
  return {
    inner: compiled((w: NamedTensors, { lam }: NamedTensors) => {
      const weighed = tf.mul(tf.expandDims(tf.exp(lam!), 1), tf.square(byGroup(w.W1!)));
      const rest = ['b1', 'W2', 'b2'].map((name) => tf.sum(tf.square(w[name]!)));
      return tf.add(outer(w), tf.mul(0.5, tf.addN([tf.sum(weighed), ...rest]))) as tf.Scalar;
    }),
    outer: compiled((w: NamedTensors, _: NamedTensors) => outer(w)),
  };
}

/** The exponent of a power of x, fitted to the last three points: at small ones fixed costs rule. */
export function exponentOf(points: readonly { x: number; y: number }[]): number {
  const measured = points.filter(({ y }) => y > 0);
  const logs = measured.slice(-3).map(({ x, y }) => [Math.log(x), Math.log(y)] as const);
  const mean = (of: 0 | 1) => logs.reduce((sum, log) => sum + log[of], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  let [above, below] = [0, 0];
  for (const log of logs) {
    above += (log[0] - x) * (log[1] - y);
    below += (log[0] - x) ** 2;
  }
  return above / below;
}

const shown = (time: number) => (time > 0 ? time.toPrecision(3) : '–');

/** The table of a run: the milliseconds of each point, and the exponents with those of theory. */
export function scalingReport(rows: ReadonlyMap<string, Row>, names: readonly string[]): string {
  const systems = ['ours', ...names];
  const timeOf = (row: Row | undefined, system: string) => {
    const timed = system === 'ours' ? row?.ours : row?.peers[system];
    return timed === undefined ? Number.NaN : middle(timed.milliseconds);
  };
  const tables = COURSES.flatMap(({ of, theory, points }, i) => {
    const rowAt = (j: number) => rows.get(pointName(i, j));
    const lines = points.map(({ x }, j) => [
      x.toLocaleString('en'),
      ...systems.map((system) => shown(timeOf(rowAt(j), system))),
    ]);
    const exponents = systems.map((system) =>
      exponentOf(points.map(({ x }, j) => ({ x, y: timeOf(rowAt(j), system) }))).toFixed(2),
    );
    const last = [`exponent (theory ${theory})`, ...exponents];
    return [...table([[of, ...systems.map((name) => `${name} ms`)], ...lines, last]), ''];
  });
  return tables.join('\n');
}
