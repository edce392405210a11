import { random } from 'implicit-lab';
import type { Exercise } from '../exercise';

interface Known {
  wanted: 'solution' | 'iterate';
  stronglyConvex: boolean;
  stochastic: boolean;
  steps: number;
  hyperparameters: number;
  memory: number;
}

type Way = 'implicit' | 'forward' | 'reverse' | 'checkpoints' | 'truncate';
type Choose = (known: Known) => Way;

interface Price {
  way: Way;
  time: number;
  states: number;
}

const prices = ({ steps, hyperparameters }: Known): Price[] => [
  { way: 'forward', time: steps * (1 + hyperparameters), states: 1 + hyperparameters },
  { way: 'reverse', time: 2 * steps, states: steps },
  { way: 'checkpoints', time: 3 * steps, states: 2 * Math.ceil(Math.sqrt(steps)) },
];

interface Variant {
  implicit?: (known: Known) => boolean;
  price?: (known: Known) => Price[];
  fits?: (price: Price, known: Known) => boolean;
  order?: (a: Price, b: Price) => number;
}

const canBeImplicit = ({ wanted, stronglyConvex, stochastic }: Known) =>
  wanted === 'solution' && stronglyConvex && !stochastic;

const choose =
  ({
    implicit = canBeImplicit,
    price = prices,
    fits = ({ states }, { memory }) => states <= memory,
    order = (a, b) => a.time - b.time || a.states - b.states,
  }: Variant): Choose =>
  (known) => {
    if (implicit(known)) return 'implicit';
    const fitting = price(known)
      .filter((one) => fits(one, known))
      .sort(order);
    return fitting[0]?.way ?? 'truncate';
  };

const known = (change: Partial<Known>): [Known] => [
  {
    wanted: 'iterate',
    stronglyConvex: true,
    stochastic: false,
    steps: 100,
    hyperparameters: 20,
    memory: 1000,
    ...change,
  },
];

export const exercise: Exercise<Choose> = {
  id: 'choose-01',
  lesson: '14',
  title: 'The decision',
  difficulty: 2,
  minutes: 20,
  needs: ['14'],
  reference: choose({}),
  probes: [
    { name: 'solved and strongly convex', args: () => known({ wanted: 'solution' }) },
    { name: 'stopped early', args: () => known({ steps: 40 }) },
    {
      name: 'many minima, many hyperparameters',
      args: () => known({ wanted: 'solution', stronglyConvex: false, steps: 70 }),
    },
    {
      name: 'many minima, one hyperparameter',
      args: () =>
        known({ wanted: 'solution', stronglyConvex: false, hyperparameters: 1, steps: 90 }),
    },
    {
      name: 'many minima, little memory',
      args: () => known({ wanted: 'solution', stronglyConvex: false, memory: 25, steps: 130 }),
    },
    {
      name: 'many minima of a stopped run, one hyperparameter',
      args: () => known({ stronglyConvex: false, hyperparameters: 1, steps: 33 }),
    },
    { name: 'minibatches', args: () => known({ wanted: 'solution', stochastic: true, steps: 55 }) },
    {
      name: 'minibatches, little memory',
      args: () =>
        known({ wanted: 'solution', stochastic: true, memory: 19, steps: 80, hyperparameters: 50 }),
    },
    { name: 'one hyperparameter', args: () => known({ hyperparameters: 1, steps: 60 }) },
    { name: 'two hyperparameters', args: () => known({ hyperparameters: 2, steps: 50 }) },
    {
      name: 'two hyperparameters, little memory',
      args: () => known({ hyperparameters: 2, memory: 99 }),
    },
    {
      name: 'many hyperparameters, little memory',
      args: () => known({ steps: 300, memory: 50, hyperparameters: 60 }),
    },
    { name: 'just enough memory for all states', args: () => known({ steps: 75, memory: 75 }) },
    {
      name: 'just enough memory for the tangents',
      args: () => known({ hyperparameters: 7, steps: 200, memory: 8 }),
    },
    {
      name: 'just enough memory for the checkpoints (T no square)',
      args: () => known({ steps: 110, memory: 22, hyperparameters: 90 }),
    },
    {
      name: 'a state too few for the checkpoints (T no square)',
      args: () => known({ steps: 110, memory: 21, hyperparameters: 90 }),
    },
    {
      name: 'two states too few for the checkpoints (below the half)',
      args: () => known({ steps: 110, memory: 20, hyperparameters: 90 }),
    },
    {
      name: 'two states too few for the checkpoints (T no square)',
      args: () => known({ steps: 111, memory: 20, hyperparameters: 90 }),
    },
    {
      name: 'just enough memory for the checkpoints (T a square)',
      args: () => known({ steps: 169, memory: 26, hyperparameters: 90 }),
    },
    {
      name: 'a state too few for the checkpoints (T a square)',
      args: () => known({ steps: 144, memory: 23, hyperparameters: 90 }),
    },
    {
      name: 'a way between once and twice the root (T no square)',
      args: () => known({ steps: 130, memory: 23, hyperparameters: 90 }),
    },
    {
      name: 'room for the tangents only',
      args: () => known({ hyperparameters: 7, memory: 10, steps: 85 }),
    },
    { name: 'hardly any memory', args: () => known({ memory: 5, steps: 65 }) },
    {
      name: 'three steps',
      args: () => known({ steps: 3, hyperparameters: 2, memory: 3 }),
    },
    {
      name: 'a single step',
      args: () => known({ steps: 1, hyperparameters: 1, memory: 9 }),
    },
    {
      name: 'memory for the tangent alone',
      args: () => known({ hyperparameters: 1, memory: 1, steps: 65 }),
    },
    {
      name: 'many minima, hardly any memory',
      args: () => known({ wanted: 'solution', stronglyConvex: false, memory: 3, steps: 45 }),
    },
    {
      name: 'minibatches, hardly any memory',
      args: () => known({ wanted: 'solution', stochastic: true, memory: 4, steps: 35 }),
    },
  ],
  // Five answers are possible.
  draws: 16,
  fresh: (seed) => {
    const { uniform } = random(seed);
    const below = (most: number) => 1 + Math.floor(most * uniform());
    return known({
      wanted: uniform() < 0.5 ? 'solution' : 'iterate',
      stronglyConvex: uniform() < 0.5,
      stochastic: uniform() < 0.3,
      steps: below(200),
      hyperparameters: below(12),
      memory: below(60),
    });
  },
  properties: [
    {
      name: 'takes the fastest way that fits',
      complaint({ args: [facts], result, probe }) {
        const right = choose({})(facts);
        const priced = prices(facts);
        const mine = priced.find(({ way }) => way === result);
        const best = priced.find(({ way }) => way === right);
        if (result === right || !mine) return undefined;
        if (mine.states > facts.memory) {
          return `On the *${probe}* probe, ${mine.way} needs ${mine.states} states, and there is memory for ${facts.memory}.`;
        }
        return best
          ? `On the *${probe}* probe, ${mine.way} takes ${mine.time} gradients and products and ${mine.states} states; ${best.way} takes ${best.time} and ${best.states}, and fits.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'implicit, whatever is wanted',
      answer: choose({
        implicit: ({ stronglyConvex, stochastic }) => stronglyConvex && !stochastic,
      }),
      diagnosis:
        'The implicit derivative is that of the *solution*. Where training is stopped early and the derivative of that iterate is wanted, it answers another question, at whatever price.',
    },
    {
      name: 'strong convexity is not asked for',
      answer: choose({
        implicit: ({ wanted, stochastic }) => wanted === 'solution' && !stochastic,
      }),
      diagnosis:
        'Without a positive definite Hessian the solution is not a smooth function of the hyperparameters, and the linear system is singular or indefinite. Wanting the derivative does not make it exist.',
    },
    {
      name: 'minibatches are not asked for',
      answer: choose({
        implicit: ({ wanted, stronglyConvex }) => wanted === 'solution' && stronglyConvex,
      }),
      diagnosis:
        'With minibatches the system is solved with the Hessian of one batch, and the inverse of a mean is not the mean of the inverses (lesson 11).',
    },
    {
      name: 'memory is not asked for',
      answer: choose({ fits: () => true }),
      diagnosis:
        'The fastest way is taken even where its states do not fit. Compare `states` with `memory` first, then the times of those that are left.',
    },
    {
      name: 'the least memory instead of the least time',
      answer: choose({ order: (a, b) => a.states - b.states || a.time - b.time }),
      diagnosis:
        'Among the ways that fit, the one with the fewest states is taken. Memory that is there may be used: the fastest wins, and memory decides only between equals.',
    },
    {
      name: 'forward mode counted without its tangents',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'forward' ? { ...price, time: 2 * facts.steps } : price,
          ),
      }),
      diagnosis:
        'Forward mode is counted as if there were one hyperparameter. Each step needs a product for *every* one: $T(1 + m)$.',
    },
    {
      name: 'reverse mode out of habit',
      answer: choose({
        price: (facts) => prices(facts).filter(({ way }) => way !== 'forward'),
      }),
      diagnosis:
        'Forward mode is never taken. With one hyperparameter it is as fast as reverse mode and keeps two states instead of $T$; where memory is short it can be the only exact way left.',
    },
    {
      name: 'a tie goes to reverse mode',
      answer: choose({ order: (a, b) => a.time - b.time || b.states - a.states }),
      diagnosis:
        'Where two ways are equally fast, the one that needs *more* memory is taken. (Sorting keeps equals in the order they were in: compare the states as well.)',
    },
    {
      name: 'a tie goes to the first in the table',
      answer: choose({ order: (a, b) => a.time - b.time }),
      diagnosis:
        'Of equally fast ways the first in the table is taken. With one hyperparameter forward and reverse mode are equally fast, and after a single step it is reverse mode that needs less memory: compare the states as well.',
    },
    {
      name: 'the states of reverse mode and the end',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'reverse' ? { ...price, states: facts.steps + 1 } : price,
          ),
      }),
      diagnosis:
        'Reverse mode is counted with $T + 1$ states. The table says $T$: those that the steps *start* from.',
    },
    {
      name: 'the root rounded down',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'checkpoints'
              ? { ...price, states: 2 * Math.floor(Math.sqrt(facts.steps)) }
              : price,
          ),
      }),
      diagnosis:
        'The root is rounded *down*. The last segment needs its states, too: $2\\lceil\\sqrt T\\,\\rceil$.',
    },
    {
      name: 'a whole root is raised as well',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'checkpoints'
              ? { ...price, states: 2 * (Math.floor(Math.sqrt(facts.steps)) + 1) }
              : price,
          ),
      }),
      diagnosis:
        'The root is rounded down and 1 is added. Where $T$ is a square, the root is whole, and there is nothing to round: $\\lceil 13\\rceil$ is 13.',
    },
    {
      name: 'the root is not rounded up before it is doubled',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'checkpoints'
              ? { ...price, states: Math.ceil(2 * Math.sqrt(facts.steps)) }
              : price,
          ),
      }),
      diagnosis:
        'The checkpoints are counted as $2\\sqrt T$, rounded after the doubling or not at all. There are $\\lceil\\sqrt T\\,\\rceil$ of them, and as many states in a segment: round first, then double.',
    },
    {
      name: 'the checkpoints without their segment',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'checkpoints'
              ? { ...price, states: Math.ceil(Math.sqrt(facts.steps)) }
              : price,
          ),
      }),
      diagnosis:
        'Only the checkpoints themselves are counted. The segment that is being walked back needs its own $\\lceil\\sqrt T\\,\\rceil$ states.',
    },
    {
      name: 'without strong convexity always reverse mode',
      answer: (facts) =>
        facts.wanted === 'solution' && !facts.stronglyConvex ? 'reverse' : choose({})(facts),
      diagnosis:
        'Where the implicit derivative does not exist, reverse mode is taken without a look at time and memory. Then all of the unrolled ways compete, as elsewhere.',
    },
    {
      name: 'not strongly convex, always reverse mode',
      answer: (facts) => (facts.stronglyConvex ? choose({})(facts) : 'reverse'),
      diagnosis:
        'Where the Hessian is not positive definite, reverse mode is taken without a look at time and memory. Then all of the unrolled ways compete, as elsewhere.',
    },
    {
      name: 'with minibatches always reverse mode',
      answer: (facts) => (facts.stochastic ? 'reverse' : choose({})(facts)),
      diagnosis:
        'With minibatches reverse mode is taken without a look at time and memory. Then all of the unrolled ways compete, as elsewhere.',
    },
    {
      name: 'a tangent is not counted as a state',
      answer: choose({
        price: (facts) =>
          prices(facts).map((price) =>
            price.way === 'forward' ? { ...price, states: facts.hyperparameters } : price,
          ),
      }),
      diagnosis:
        'Forward mode is counted with $m$ states. It carries $m$ tangents *and* the state itself: $1 + m$.',
    },
    {
      name: 'a way that just fits is refused',
      answer: choose({ fits: ({ states }, { memory }) => states < memory }),
      diagnosis: 'A way fits if it needs no more states than there is memory for: `<=`, not `<`.',
    },
  ],
  alternatives: [
    {
      name: 'as a chain of questions',
      answer(facts) {
        const { steps: T, hyperparameters: h, memory } = facts;
        if (facts.wanted === 'solution' && facts.stronglyConvex && !facts.stochastic) {
          return 'implicit';
        }
        const forward = 1 + h <= memory;
        const reverse = T <= memory;
        const checkpoints = 2 * Math.ceil(Math.sqrt(T)) <= memory;
        if (forward && h === 1 && (!reverse || T >= 2)) return 'forward';
        if (reverse) return 'reverse';
        if (forward && (h < 2 || (h === 2 && 3 <= 2 * Math.ceil(Math.sqrt(T))))) return 'forward';
        if (checkpoints) return 'checkpoints';
        return forward ? 'forward' : 'truncate';
      },
    },
    {
      name: 'by the best so far, asynchronous',
      async answer(facts) {
        if (canBeImplicit(facts)) return 'implicit';
        let best: Price | undefined;
        for (const price of prices(facts)) {
          if (price.states > facts.memory) continue;
          const better =
            !best ||
            price.time < best.time ||
            (price.time === best.time && price.states < best.states);
          if (better) best = price;
        }
        return best ? best.way : 'truncate';
      },
    },
  ],
  hints: [
    'Two questions before any price: whose derivative is wanted, and does the implicit one exist here? Only what is left is a matter of time and memory.',
    'Implicit if and only if the solution is wanted, the Hessian is positive definite and nothing is stochastic. Otherwise: of the ways with `states <= memory` the one with the least time, then with the fewest states.',
    "Put the table into a list and sort it:\n```ts\nconst ways = [\n  { way: 'forward', time: steps * (1 + hyperparameters), states: 1 + hyperparameters },\n  // reverse, checkpoints\n];\nconst fitting = ways.filter(/* fits */).sort((a, b) => a.time - b.time || a.states - b.states);\n```\nand an answer for an empty list.",
  ],
};
