import { hypergradient, implicit } from '../../lib/hypergradients';
import { bilevelLogistic, bilevelRidge, type KnownBilevel, logarithmic } from '../../lib/problems';
import { cg } from '../../lib/solvers';
import type { Giving } from './given';
import type { Given, Workload } from './workload';

const ITERATIONS = 20;

type Data = Readonly<Record<string, Given>>;

/** Hypergradients of problems that are given by their derivatives in float64, by CG. */
export function inFloat64(giving: Giving, data: Data): Workload[] {
  giveRidge(giving);
  const logistic = logarithmic(bilevelLogistic(samples(data, 'w1', labels), PENALTY));
  const ridge = logarithmic(
    bilevelRidge(
      samples(data, 'ridge', (y) => y),
      PENALTY,
    ),
  );
  return [
    byCg(
      'logistic float64, CG 20',
      logistic,
      numbers(data, 'w1_solution'),
      numbers(data, 'w1_lam'),
    ),
    byCg('ridge float64, CG 20', ridge, numbers(data, 'ridge_w'), numbers(data, 'ridge_lam')),
  ];
}

const PENALTY = { penalty: 'per-weight' } as const;

function byCg(name: string, problem: KnownBilevel, w: Float64Array, λ: Float64Array): Workload {
  const solver = cg({ tolerance: 0, maxIterations: ITERATIONS, best: 'energy' });
  const how = implicit({ solver, estimate: false, diagnose: false });
  return {
    name,
    async run() {
      const { value } = await hypergradient(problem, w, λ, how);
      return [value];
    },
  };
}

/** 1,000 rows of 100 features, with a penalty for each weight. */
function giveRidge({ draw, give }: Giving): void {
  const [n, d] = [1000, 100];
  const truth = draw.normals(d);
  for (const part of ['', 'v']) {
    const X = draw.normals(n * d);
    const noise = draw.normals(n);
    const y = noise.map((value, i) => {
      let sum = value;
      for (let j = 0; j < d; j++) sum += X[i * d + j]! * truth[j]!;
      return sum;
    });
    give(`ridge_X${part}`, [n, d], X);
    give(`ridge_y${part}`, [n], y);
  }
  give('ridge_w', [d], truth);
  give('ridge_lam', [d], new Float64Array(d).fill(-3));
}

const numbers = (data: Data, name: string) => Float64Array.from(data[name]!.values);

function samples(data: Data, prefix: string, targets: (y: Float64Array) => Float64Array) {
  const part = (suffix: string) => {
    const X = numbers(data, `${prefix}_X${suffix}`);
    const width = data[`${prefix}_X${suffix}`]!.shape[1]!;
    return {
      X: Array.from({ length: X.length / width }, (_, i) => X.slice(i * width, (i + 1) * width)),
      y: targets(numbers(data, `${prefix}_y${suffix}`)),
    };
  };
  return { train: part(''), validation: part('v') };
}

/** 0 and 1 for −1 and 1. */
const labels = (y: Float64Array) => y.map((sign) => (sign + 1) / 2);
