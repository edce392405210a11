import { availableParallelism, loadavg } from 'node:os';
import { bestRate, rateGrid, type Spread, spreadOf } from '../../../course/experiments';
import { PALETTE } from '../../../course/notebook';
import { markdownTable, type Panel, writeGrid } from '../grid';
import { CHOOSING, Runs } from '../runs';
import type { Profile } from '../study';
import { type Course, reached } from '../train';
import { type ConvexMethod, forget, LARGE, methods } from './methods';
import { type ConvexProblem, type Drawn, problems } from './problems';

/** Processor seconds of a run. */
const BUDGET = { short: 0.2, full: 2 };
/** By factors of √10, beyond the decades if the best is at their end. */
const MOST_MOVES = 8;

/** A method at one value of its number. */
interface AtValue {
  value: number;
  courses: Course[];
  /** To the target, on the rows reported. */
  seconds: Spread;
  /** What is left of the way in the end. */
  left: Spread;
  /** What a value is chosen by, of the seeds that it was run with. */
  scores: number[];
}

interface Outcome {
  method: ConvexMethod;
  tried: AtValue[];
  best: AtValue;
  interior: boolean;
}

/** On convex problems that are badly scaled, or streams: how fast and how stable is which method? */
export async function convex({ name, seeds }: Profile): Promise<string> {
  const runs = new Runs(`convex-${name}`);
  const results: { problem: ConvexProblem; outcomes: Outcome[] }[] = [];
  for (const problem of problems.filter(({ long }) => !long || name === 'full')) {
    const outcomes = await outcomesOf(problem, seeds, BUDGET[name], runs);
    if (outcomes.length > 0) results.push({ problem, outcomes });
    forget();
  }
  await writeGrid(
    'convex.png',
    results.map(panelOf),
    'What is left of the way to the minimiser after the time, by learning rate, on convex problems.',
  );
  return page(results, BUDGET[name], seeds.length);
}

async function outcomesOf(
  problem: ConvexProblem,
  seeds: readonly number[],
  budget: number,
  runs: Runs,
): Promise<Outcome[]> {
  const known = new Map<number, Drawn>();
  const drawn = (seed: number) => {
    if (!known.has(seed)) known.set(seed, problem.draw(seed));
    return known.get(seed)!;
  };
  const warm = new Set<string>();
  const run = async (method: ConvexMethod, value: number, seed: number) => {
    // What is not compiled yet would count as slow.
    if (!warm.has(method.name)) await method.run(problem, drawn(seed), value, budget / 4, seed);
    warm.add(method.name);
    return method.run(problem, drawn(seed), value, budget, seed);
  };
  const at = async (
    method: ConvexMethod,
    value: number,
    some: readonly number[],
  ): Promise<AtValue> => {
    const courses: Course[] = [];
    for (const seed of some) {
      const key = [problem.name, method.name, value, seed].join(' | ');
      courses.push(await runs.get(key, () => run(method, value, seed)));
    }
    const left = spreadOf(courses.map(endOf));
    console.log(problem.name, method.name, value, left.middle, `load ${loadavg()[0]!.toFixed(0)}`);
    return {
      value,
      courses,
      seconds: spreadOf(
        courses.map((course) => reached(course, problem.target)?.seconds ?? Infinity),
      ),
      left,
      scores: courses.map((course) => score(course, problem.target, budget)),
    };
  };
  const outcomes: Outcome[] = [];
  // The seeds are those of the data; contenders take turns, so that all see the same load.
  const found = new Map<ConvexMethod, AtValue[]>(methods.map((method) => [method, []]));
  const most = Math.max(...methods.map(({ values }) => values.length));
  for (let i = 0; i < most; i++) {
    for (const method of methods) {
      const value = method.values[i];
      const some = method.untuned ? seeds : [CHOOSING];
      if (value !== undefined) found.get(method)!.push(await at(method, value, some));
    }
  }
  /** The best value of the seed of the choice, with those that are reported; of rates the neighbours too. */
  const tuned = async (method: ConvexMethod, seen: AtValue[]): Promise<Outcome> => {
    const tried = [...seen];
    const isRate = method.called === 'rate';
    let best = chosen(tried).rate;
    // Outwards by factors of √10, until the best has a neighbour on both sides.
    for (let moves = 0; isRate && moves < MOST_MOVES; moves++) {
      for (const value of beside(best)) {
        if (tried.some((one) => one.value === value)) continue;
        tried.push(await at(method, value, [CHOOSING]));
      }
      tried.sort((a, b) => a.value - b.value);
      const next = chosen(tried).rate;
      if (next === best) break;
      best = next;
    }
    const { at: index, interior } = chosen(tried);
    for (const value of isRate ? beside(best) : [best]) {
      const place = tried.findIndex((one) => one.value === value);
      if (place >= 0) tried[place] = await at(method, value, seeds);
    }
    return { method, tried, best: tried[index]!, interior };
  };
  for (const [method, seen] of found) {
    if (seen.some(isMissing)) continue;
    outcomes.push(method.untuned ? listed(method, seen) : await tuned(method, seen));
  }
  return outcomes.filter(({ tried }) => !tried.some(isMissing));
}

/** A list of values of which none is chosen. */
const listed = (method: ConvexMethod, tried: AtValue[]): Outcome => ({
  method,
  tried,
  best: tried[0]!,
  interior: true,
});

/** Whether some of the runs are not there, and none is made. */
const isMissing = ({ courses }: AtValue) => courses.some(({ steps }) => steps.length === 0);

/** A rate with those a factor √10 next to it. */
const beside = (rate: number) => rateGrid(rate / 3.3, rate * 3.3);

const chosen = (tried: AtValue[]) =>
  bestRate(
    tried.map(({ value }) => value),
    tried.map(({ scores }) => scores),
  );

/** On the rows held out: seconds to the target, or more than that by how much is left. */
function score(course: Course, target: number, budget: number): number {
  const seconds = reached(course, target, 'validation')?.seconds;
  return seconds ?? 1e3 * budget * (1 + (course.diverged ? Infinity : course.validation.at(-1)!));
}

const endOf = ({ losses, diverged }: Course) => (diverged ? Infinity : losses.at(-1)!);

const drawnLines: Record<string, { colour: string; dash?: string }> = {
  implicitGLM: { colour: PALETTE[0]! },
  'implicitGLM, averaged': { colour: PALETTE[0]!, dash: 'dot' },
  'implicitSGD(δ)': { colour: PALETTE[5]! },
  "implicitSGD('auto')": { colour: PALETTE[5]!, dash: 'dash' },
  "implicitAdam('auto')": { colour: PALETTE[1]!, dash: 'dash' },
  SGD: { colour: PALETTE[6]! },
  AdaGrad: { colour: PALETTE[3]! },
  Adam: { colour: PALETTE[2]! },
  momentum: { colour: PALETTE[4]! },
};

const panelOf = ({
  problem,
  outcomes,
}: {
  problem: ConvexProblem;
  outcomes: Outcome[];
}): Panel => ({
  title: problem.name,
  xaxis: { title: 'rate, or first δ', type: 'log', dtick: 2, range: [-4.2, 4.2] },
  yaxis: {
    title: 'left of the way',
    type: 'log',
    dtick: 1,
    range: [-3, 3],
    exponentformat: 'power',
  },
  lines: outcomes
    .filter(({ method }) => method.name in drawnLines)
    .map(({ method, tried }) => {
      const inside = (value: number) => (Number.isFinite(value) ? Math.max(1e-3, value) : null);
      return {
        name: method.name,
        ...drawnLines[method.name]!,
        x: tried.map(({ value }) => value),
        y: tried.map(({ left }) => inside(left.middle)),
        low: tried.map(({ left }) => inside(left.low)),
        high: tried.map(({ left }) => inside(left.high)),
        mode: 'lines+markers',
      };
    }),
});

function page(
  results: { problem: ConvexProblem; outcomes: Outcome[] }[],
  budget: number,
  seeds: number,
): string {
  const sections = results.map(({ problem, outcomes }) => {
    const rows = outcomes.flatMap(({ method, tried, best, interior }) => {
      const isStable = ({ left }: AtValue) => left.high < 1;
      const stable = `${tried.filter(isStable).length} of ${tried.length}`;
      const said = method.called === 'pairs' || interior || method.untuned ? '' : ' (edge)';
      return (method.untuned ? tried : [best]).map((one, i) => ({
        method: method.name,
        'goes by': method.by,
        value: `${method.called === 'rate' ? '' : `${method.called} `}${one.value}${said}`,
        'seconds to the target': shown(one.seconds),
        steps: count(one.courses.map(({ steps }) => steps.at(-1)!)),
        'left in the end': shown(one.left),
        'values that end below the start': i === 0 ? stable : '',
      }));
    });
    return `### ${problem.name}: ${problem.words}

Target: ${problem.target} of the way left.

${markdownTable(rows)}`;
  });
  return `![What is left, by learning rate](convex.png)

“Left of the way” is the loss minus that of the minimiser on the training rows (Newton’s method, double precision), divided by the same difference at θ = 0: it is 1 at the start, and can be negative where held-out rows favour a smaller θ. A run has ${budget} s of one processor, counting the steps alone; it ends early where it reaches the target, or where it is above the start after a quarter of that time. ${seeds} seeds of data and order, median (least … largest). Every method with a rate is run at all decades from 10⁻⁴ to 10⁴, with a seed of its own that is not reported, then at rates a factor √10 from the best until that has a neighbour on both sides. The choice is by the seconds to the target on held-out rows (where it is not reached, by what is left). The best and its neighbours are run with the seeds that are reported, on test rows. Methods that go by sample are plain TypeScript in double precision, with rates proportional to 1/√t (AdaGrad has its own). Methods that go by batch (500 rows, 50 for Ionosphere; a large batch has ${LARGE.toLocaleString('en')} rows, which is all of them except on the stream) use float32 tensors, wasm on one thread and Gauss–Newton products, which equal the Hessian’s here. L-BFGS takes all rows in double precision. “Preconditioned” gives CG the diagonal 1/(1 + δhⱼ), where hⱼ is the mean square of feature j multiplied by the curvature at 0. A value “ends below the start” if it does so with all seeds that it was run with: one, or for the best and its neighbours those reported. Load of the machine while this was written: ${loadavg()[0]!.toFixed(0)} on ${availableParallelism()} cores, so all seconds are too large, by what shared caches cost.

${sections.join('\n\n')}`;
}

const count = (values: number[]) => String(spreadOf(values).middle);

function shown({ low, middle, high }: Spread): string {
  if (!Number.isFinite(middle)) return Number.isFinite(low) ? `never (${number(low)} …)` : 'never';
  return `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : '∞'})`;
}

const number = (value: number) =>
  Math.abs(value) >= 1000 ? value.toExponential(0) : String(Number(value.toPrecision(2)));
