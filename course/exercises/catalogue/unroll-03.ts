import type { Exercise } from '../exercise';
import { axpy, measuredRun, type Training, training, vectorsKept } from './training';

type Truncated = (problem: Training, K: number) => Float64Array;

function descend(
  { eta, gradient }: Training,
  from: Float64Array,
  count: number,
): { states: Float64Array[]; end: Float64Array } {
  const states: Float64Array[] = [];
  let end = from;
  for (let t = 0; t < count; t++) {
    states.push(end);
    end = axpy(-eta, gradient(end), end);
  }
  return { states, end };
}

/** Walks back through states, the last one first, from the outer gradients at the end. */
function walkBack(
  { eta, hessian, mixedTransposed, outer }: Training,
  states: Float64Array[],
  end: Float64Array,
  direct = true,
): Float64Array {
  const { dw, dlambda: straight } = outer(end);
  let dlambda = direct ? straight : new Float64Array(straight.length);
  let alpha = dw;
  for (const w of [...states].reverse()) {
    dlambda = axpy(-eta, mixedTransposed(w, alpha), dlambda);
    alpha = axpy(-eta, hessian(w, alpha), alpha);
  }
  return dlambda;
}

/** The last K of all states, or those that `choose` takes. */
function truncated(
  problem: Training,
  choose: (states: Float64Array[]) => Float64Array[],
  direct = true,
): Float64Array {
  const { states, end } = descend(problem, problem.start, problem.steps);
  return walkBack(problem, choose(states), end, direct);
}

/** All steps but the last K, without keeping any of them. */
function leadUp({ start, eta, steps, gradient }: Training, K: number): Float64Array {
  let w = start;
  for (let t = 0; t < steps - K; t++) w = axpy(-eta, gradient(w), w);
  return w;
}

/** The reference with products that are multiplied by something, which depends on η. */
const bent =
  (by: { hessian?: (eta: number) => number; mixed?: (eta: number) => number }): Truncated =>
  (problem, K) => {
    const { states, end } = descend(problem, leadUp(problem, K), K);
    const times = (x: Float64Array, factor = (_: number) => 1) =>
      x.map((value) => factor(problem.eta) * value);
    const wrong: Training = {
      ...problem,
      hessian: (w, v) => times(problem.hessian(w, v), by.hessian),
      mixedTransposed: (w, q) => times(problem.mixedTransposed(w, q), by.mixed),
    };
    return walkBack(wrong, states, end);
  };

export const exercise: Exercise<Truncated> = {
  id: 'unroll-03',
  lesson: '12',
  title: 'Truncated to the last steps',
  difficulty: 2,
  minutes: 15,
  needs: ['12', 'unroll-02'],
  reference: (problem, K) => {
    const { states, end } = descend(problem, leadUp(problem, K), K);
    return walkBack(problem, states, end);
  },
  probes: [
    { name: 'rectangular', args: () => [training(70, { p: 4, m: 2, steps: 9, eta: 0.15 }), 4] },
    { name: 'one step back', args: () => [training(80, { p: 3, m: 4, steps: 6, eta: 0.1 }), 1] },
    { name: 'all steps', args: () => [training(90, { p: 3, m: 2, steps: 5, eta: 0.2 }), 5] },
    {
      name: 'solved',
      args: () => [training(100, { p: 5, m: 3, steps: 8, eta: 0.12, solved: true }), 3],
    },
  ],
  fresh: (seed) => [training(seed, { p: 4, m: 2, steps: 9, eta: 0.1 }), 4],
  properties: [
    {
      name: 'walks back through K steps only',
      complaint: ({ args: [{ calls, steps, m }, K], probe }) =>
        // Tangents may be carried through the last K steps as well, m of them.
        calls.hessian > (K + 1) * (calls.mixed > 0 ? m : 1) ||
        calls.mixedTransposed > K + 1 ||
        calls.mixed > m * (K + 1)
          ? `On the ${probe} probe, with T = ${steps} and K = ${K}, it took ${calls.hessian} products with H and ${calls.mixedTransposed} with Bᵀ. ${K} of each are enough.`
          : undefined,
    },
    {
      name: 'takes each step once, or twice',
      complaint: ({ args: [{ calls, steps }, K], probe }) =>
        calls.gradient > 2 * steps
          ? `On the ${probe} probe, with T = ${steps} and K = ${K}, it took ${calls.gradient} gradients. ${steps} are enough, one a step.`
          : undefined,
    },
    {
      name: 'keeps K states',
      async complaint({ probe, answer }) {
        if (probe !== 'rectangular') return undefined;
        const K = 7;
        const enough = K + 14;
        const long = await measuredRun(110, (problem) => answer(problem, K), enough);
        const { kept, steps } = long;
        return kept !== undefined && kept > enough
          ? `In a run of ${steps} steps with $K = ${K}$, ${vectorsKept(long)} of the size of $w$ were in memory at its end. $K$ or $K + 1$ states are enough.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the first steps instead of the last',
      answer: (problem, K) => truncated(problem, (states) => states.slice(0, K)),
      diagnosis:
        'The steps walked back are the first $K$. The adjoint begins at the end: what is next to it are the *last* $K$ steps, and the earlier ones are left out.',
    },
    {
      name: 'one step too few',
      answer: (problem, K) => truncated(problem, (states) => states.slice(states.length - K + 1)),
      diagnosis:
        'Only $K - 1$ steps are walked back. To walk back through $K$ steps takes the $K$ states that they *start* from, $w_{T-K}$ to $w_{T-1}$.',
    },
    {
      name: 'one step too many',
      answer: (problem, K) =>
        truncated(problem, (states) => states.slice(Math.max(0, states.length - K - 1))),
      diagnosis: 'The walk goes back through $K + 1$ steps. It ends at $w_{T-K}$.',
    },
    {
      name: 'training is cut short',
      answer: (problem, K) => {
        const { states, end } = descend(problem, problem.start, K);
        return walkBack(problem, states, end);
      },
      diagnosis:
        'Only $K$ steps are *taken*. Truncation leaves out steps on the way back; the way forward is $T$ steps long, and the outer loss looks at $w_T$.',
    },
    {
      name: 'nothing is left out',
      answer: (problem) => truncated(problem, (states) => states),
      diagnosis:
        'This is the whole derivative, all $T$ steps back. Only the last $K$ are asked for.',
    },
    {
      name: 'the direct term is missing',
      answer: (problem, K) => truncated(problem, (states) => states.slice(-K), false),
      diagnosis:
        'The direct term $\\partial_\\lambda E$ is missing. It belongs to the end, and no truncation touches it.',
    },
    {
      name: 'the states in forward order',
      answer: (problem, K) => truncated(problem, (states) => states.slice(-K).reverse()),
      diagnosis:
        'The states are the right ones, met in the wrong order: from $w_{T-K}$ to $w_{T-1}$. The adjoint meets $w_{T-1}$ first.',
    },
    {
      name: 'all states are kept',
      answer: (problem, K) => truncated(problem, (states) => states.slice(-K)),
      diagnosis:
        'The numbers are right, but all $T$ states are kept, and only $K$ of them are looked at again. Take the first $T - K$ steps without keeping anything.',
      caughtBy: 'keeps K states',
    },
    {
      name: 'I + ηH',
      answer: bent({ hessian: () => -1 }),
      diagnosis:
        'The adjoint is multiplied by $I + \\eta H$, and grows. The step goes *against* the gradient: $I - \\eta H$.',
    },
    {
      name: 'η is missing before H',
      answer: bent({ hessian: (eta) => 1 / eta }),
      diagnosis:
        'The adjoint is multiplied by $I - H$. The Jacobian of a step is $I - \\eta H$: it is a step of length $\\eta$.',
    },
    {
      name: 'the sign of the mixed derivative',
      answer: bent({ mixed: () => -1 }),
      diagnosis:
        'The terms $\\eta B^\\top q$ are added. The step *subtracts* $\\eta \\nabla f$, so its derivative with respect to $\\lambda$ is $-\\eta B$.',
    },
    {
      name: 'η is missing before B',
      answer: bent({ mixed: (eta) => 1 / eta }),
      diagnosis:
        'The terms $B^\\top q$ are subtracted without $\\eta$. A step depends on $\\lambda$ by $-\\eta \\nabla f$.',
    },
    {
      name: 'the derivatives are all taken at w_T',
      answer: (problem, K) => {
        const { states, end } = descend(problem, leadUp(problem, K), K);
        return walkBack(
          problem,
          states.map(() => end),
          end,
        );
      },
      diagnosis:
        'The adjoint meets the same $H$ and $B$ at each step, those at $w_T$. Either the last state is used throughout, or the list holds one array $K$ times, which every step has changed in place.',
    },
    {
      name: 'the whole way is walked',
      answer: (problem, K) => {
        const { states, end } = descend(problem, problem.start, problem.steps);
        const { dw, dlambda: straight } = problem.outer(end);
        let [dlambda, alpha] = [straight, dw];
        for (let t = problem.steps; t >= 1; t--) {
          const pulled = problem.mixedTransposed(states[t - 1]!, alpha);
          if (t > problem.steps - K) dlambda = axpy(-problem.eta, pulled, dlambda);
          alpha = axpy(-problem.eta, problem.hessian(states[t - 1]!, alpha), alpha);
        }
        return dlambda;
      },
      diagnosis:
        'The numbers are right, but the walk goes on to $w_0$ and throws away what it finds. Stop after $K$ steps: that is what truncation saves.',
      caughtBy: 'walks back through K steps only',
    },
  ],
  alternatives: [
    {
      name: 'with a queue of K states',
      answer(problem, K) {
        const { start, eta, steps, gradient } = problem;
        const queue: Float64Array[] = [];
        let w = start;
        for (let t = 0; t < steps; t++) {
          queue.push(w);
          if (queue.length > K) queue.shift();
          w = axpy(-eta, gradient(w), w);
        }
        return walkBack(problem, queue, w);
      },
    },
    {
      name: 'with tangents through the last steps, in forward mode',
      answer(problem, K) {
        const { m, eta, gradient, hessian, mixed, outer } = problem;
        let w = leadUp(problem, K);
        const units = Array.from({ length: m }, (_, j) =>
          Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0)),
        );
        let Z: Float64Array[] = units.map(() => new Float64Array(w.length));
        for (let k = 0; k < K; k++) {
          Z = Z.map((z, j) => axpy(-eta, hessian(w, z), axpy(-eta, mixed(w, units[j]!), z)));
          w = axpy(-eta, gradient(w), w);
        }
        const { dw, dlambda } = outer(w);
        return dlambda.map((direct, j) =>
          Z[j]!.reduce((sum, value, i) => sum + value * dw[i]!, direct),
        );
      },
    },
    {
      name: 'by recursion over the last steps, asynchronous',
      async answer(problem, K) {
        const { eta, gradient, hessian, mixedTransposed, outer } = problem;
        const middle = leadUp(problem, K);
        const back = (w: Float64Array, left: number): [Float64Array, Float64Array] => {
          if (left === 0) {
            const { dw, dlambda } = outer(w);
            return [dlambda, dw];
          }
          const [dlambda, alpha] = back(axpy(-eta, gradient(w), w), left - 1);
          return [
            axpy(-eta, mixedTransposed(w, alpha), dlambda),
            left === K ? alpha : axpy(-eta, hessian(w, alpha), alpha),
          ];
        };
        return Array.from(back(middle, K)[0]);
      },
    },
  ],
  hints: [
    'All $T$ steps are taken. Which of the states does the walk back need, if it ends after $K$ steps?',
    'The steps $T - K + 1, \\dots, T$ start from $w_{T-K}, \\dots, w_{T-1}$. The walk itself is that of `unroll-02`.',
    'Take the first steps without keeping anything, then keep:\n```ts\nlet w = start;\nfor (let t = 1; t <= steps - K; t++) w = axpy(-eta, gradient(w), w);\nconst states = [];\nfor (let k = 0; k < K; k++) {\n  states.push(w);\n  w = axpy(-eta, gradient(w), w);\n}\n```\nand walk back through `states` from its end.',
  ],
};
