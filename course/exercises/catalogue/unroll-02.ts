import type { Exercise } from '../exercise';
import { axpy, dot, type Training, training } from './training';

interface Derivatives {
  dlambda: Float64Array;
  dstart: Float64Array;
  /** With respect to the learning rate. */
  deta: number;
}

type ReverseMode = (problem: Training) => Derivatives;

function statesOf({ start, eta, steps, gradient }: Training): Float64Array[] {
  const states = [start];
  for (let t = 1; t <= steps; t++) {
    const w = states[t - 1]!;
    states.push(axpy(-eta, gradient(w), w));
  }
  return states;
}

interface Variant {
  /** The state at which step t is differentiated: t − 1 is where it starts. */
  at?: (t: number) => number;
  /** Whether the adjoint is moved before its product with Bᵀ. */
  early?: boolean;
  hessianSign?: number;
  mixedSign?: number;
  identity?: boolean;
  direct?: boolean;
  /** The factor of q·∇f in step t; −1 is right. */
  slopeFactor?: (t: number) => number;
}

/** Reverse mode with one thing changed. */
function reverseMode(
  problem: Training,
  {
    at = (t) => t - 1,
    early = false,
    hessianSign = -problem.eta,
    mixedSign = -problem.eta,
    identity = true,
    direct = true,
    slopeFactor = () => -1,
  }: Variant = {},
): Derivatives {
  const states = statesOf(problem);
  const { dw, dlambda: straight } = problem.outer(states[problem.steps]!);
  let dlambda = direct ? straight : new Float64Array(straight.length);
  let alpha = dw;
  let deta = 0;
  for (let t = problem.steps; t >= 1; t--) {
    const w = states[at(t)]!;
    const carried = identity ? alpha : new Float64Array(alpha.length);
    const moved = axpy(hessianSign, problem.hessian(w, alpha), carried);
    dlambda = axpy(mixedSign, problem.mixedTransposed(w, early ? moved : alpha), dlambda);
    deta += slopeFactor(t) * dot(early ? moved : alpha, problem.gradient(w));
    alpha = moved;
  }
  return { dlambda, dstart: alpha, deta };
}

export const exercise: Exercise<ReverseMode> = {
  id: 'unroll-02',
  lesson: '12',
  title: 'Reverse mode, with the learning rate',
  difficulty: 2,
  minutes: 25,
  needs: ['12', 'unroll-01'],
  reference: (problem) => reverseMode(problem),
  probes: [
    { name: 'rectangular', args: () => [training(40, { p: 4, m: 6, steps: 5, eta: 0.15 })] },
    { name: 'square', args: () => [training(50, { p: 3, m: 3, steps: 8, eta: 0.1 })] },
    { name: 'one step', args: () => [training(60, { p: 3, m: 2, steps: 1, eta: 0.2 })] },
  ],
  fresh: (seed) => [training(seed, { p: 4, m: 3, steps: 5, eta: 0.1 })],
  properties: [
    {
      name: 'costs one product a step',
      complaint: ({ args: [{ calls, steps }], probe }) =>
        calls.hessian > steps + 1 || calls.mixedTransposed > steps + 1 || calls.gradient > 2 * steps
          ? `On the ${probe} probe, with T = ${steps}, it took ${calls.gradient} gradients, ${calls.hessian} products with H and ${calls.mixedTransposed} with Bᵀ. ${steps} of each are enough.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the adjoint is moved too early',
      answer: (problem) => reverseMode(problem, { early: true }),
      diagnosis:
        '$B^\\top$ is applied to $q_{t-1}$. $\\lambda$ enters step $t$ at its *end*: it meets $q_t$, the adjoint of the state after the step. Add to $\\mathrm dE/\\mathrm d\\lambda$ first, and move $q$ then.',
    },
    {
      name: 'the derivatives are taken after the step',
      answer: (problem) => reverseMode(problem, { at: (t) => t }),
      diagnosis:
        'Step $t$ is differentiated at $w_t$. It started at $w_{t-1}$, and that is where $\\Phi$ was evaluated: the list of states is read one entry too late.',
    },
    {
      name: 'the steps are walked in forward order',
      answer: (problem) => reverseMode(problem, { at: (t) => problem.steps - t }),
      diagnosis:
        'The adjoint begins at the end, but it meets the states from the beginning. Products of matrices do not commute: the last step comes first.',
    },
    {
      name: 'the sign of the mixed derivative',
      answer: (problem) => reverseMode(problem, { mixedSign: problem.eta }),
      diagnosis:
        'The products with $B^\\top$ are added. $\\Phi = w - \\eta\\nabla f$: both of its derivatives carry the minus.',
    },
    {
      name: 'I + ηH',
      answer: (problem) => reverseMode(problem, { hessianSign: problem.eta }),
      diagnosis:
        'The adjoint is multiplied by $I + \\eta H$, and grows. The step goes *against* the gradient: $I - \\eta H$.',
    },
    {
      name: 'η is missing before H',
      answer: (problem) => reverseMode(problem, { hessianSign: -1 }),
      diagnosis:
        'The adjoint is multiplied by $I - H$. $\\partial\\Phi/\\partial w = I - \\eta H$: with a step of length 0 it is the identity.',
    },
    {
      name: 'η is missing before B',
      answer: (problem) => reverseMode(problem, { mixedSign: -1 }),
      diagnosis:
        'The products with $B^\\top$ enter without $\\eta$. $\\partial\\Phi/\\partial\\lambda = -\\eta B$.',
    },
    {
      name: 'the derivatives are all taken at w_T',
      answer: (problem) => reverseMode(problem, { at: () => problem.steps }),
      diagnosis:
        'All steps are differentiated at $w_T$: the adjoint meets the same $H$ and $B$ at each step. Either the last state is used throughout, or the list holds one array $T + 1$ times, which every step has changed in place. Keep a new array for each state.',
    },
    {
      name: 'the derivatives are all taken at w₀',
      answer: (problem) => reverseMode(problem, { at: () => 0 }),
      diagnosis:
        'All steps are differentiated at $w_0$. Each has its own $H$ and $B$, those at the state where it started.',
    },
    {
      name: 'the identity is missing',
      answer: (problem) => reverseMode(problem, { identity: false }),
      diagnosis:
        'The adjoint becomes $-\\eta Hq$. The step is $w - \\eta \\nabla f$, and the derivative of its first term is the identity: $q_{t-1} = q_t - \\eta H q_t$.',
    },
    {
      name: 'the direct term is missing',
      answer: (problem) => reverseMode(problem, { direct: false }),
      diagnosis:
        'The sum begins with 0. $E(w_T, \\lambda)$ depends on $\\lambda$ directly, too: begin with $\\partial_\\lambda E$.',
    },
    {
      name: 'the derivative with respect to the end instead of the start',
      answer: (problem) => {
        const { dw } = problem.outer(statesOf(problem)[problem.steps]!);
        return { ...reverseMode(problem), dstart: dw };
      },
      diagnosis:
        '`dlambda` and `deta` are right. `dstart` is $\\partial E/\\partial w_T$, where the walk began; $\\mathrm dE/\\mathrm dw_0$ is what the adjoint has become when it arrives.',
    },
    {
      name: 'the learning rate as a constant',
      answer: (problem) => reverseMode(problem, { slopeFactor: () => 0 }),
      diagnosis:
        '`dlambda` and `dstart` are right, and `deta` is 0. $\\eta$ enters every step as $\\lambda$ does: with $w$ held, $w - \\eta\\nabla f$ has the derivative $-\\nabla f$ with respect to it.',
    },
    {
      name: 'the sign of the derivative with respect to η',
      answer: (problem) => reverseMode(problem, { slopeFactor: () => 1 }),
      diagnosis:
        '`dlambda` and `dstart` are right, `deta` has the other sign. A longer step leads further *against* the gradient.',
    },
    {
      name: 'the derivative with respect to log η',
      answer: (problem) => reverseMode(problem, { slopeFactor: () => -problem.eta }),
      diagnosis:
        '`dlambda` and `dstart` are right, and `deta` has $-\\eta\\,\\nabla f^\\top q_t$ for each step: the derivative with respect to $\\log\\eta$. With respect to $\\eta$ it is $-\\nabla f^\\top q_t$.',
    },
    {
      name: 'only the last step depends on η',
      answer: (problem) =>
        reverseMode(problem, { slopeFactor: (t) => (t === problem.steps ? -1 : 0) }),
      diagnosis:
        '`dlambda` and `dstart` are right, `deta` is that of the last step alone. Every step has the rate $\\eta$: add its share to a sum on the way back.',
    },
    {
      name: 'q at the end for the learning rate of every step',
      answer: (problem) => {
        const states = statesOf(problem);
        const { dw } = problem.outer(states[problem.steps]!);
        const deta = states
          .slice(0, -1)
          .reduce((sum, w, t) => sum + dot(dw, axpy(-1, w, states[t + 1]!)) / problem.eta, 0);
        return { ...reverseMode(problem), deta };
      },
      diagnosis:
        '`dlambda` and `dstart` are right, and `deta` pairs every $\\nabla f(w_{t-1})$ with $\\partial_w E$. Step $t$ meets the adjoint $q_t$ of the state after it.',
    },
    {
      name: 'states are computed from the beginning each time',
      answer: (problem) => {
        const { start, eta, steps, gradient, hessian, mixedTransposed, outer } = problem;
        const state = (t: number) => {
          let w = start;
          for (let s = 1; s <= t; s++) w = axpy(-eta, gradient(w), w);
          return w;
        };
        const end = outer(state(steps));
        let { dlambda, dw: alpha } = end;
        let deta = 0;
        for (let t = steps; t >= 1; t--) {
          const w = state(t - 1);
          dlambda = axpy(-eta, mixedTransposed(w, alpha), dlambda);
          deta -= dot(gradient(w), alpha);
          alpha = axpy(-eta, hessian(w, alpha), alpha);
        }
        return { dlambda, dstart: alpha, deta };
      },
      diagnosis:
        'The numbers are right, and the memory is flat, but every state is computed from $w_0$ again: about $T^2/2$ gradients. Here states may be kept. (With $\\sqrt T$ of them kept, one more pass would do.)',
      caughtBy: 'costs one product a step',
    },
  ],
  alternatives: [
    {
      name: 'by recursion',
      answer(problem) {
        const { start, eta, steps, gradient, hessian, mixedTransposed, outer } = problem;
        const back = (w: Float64Array, left: number): Derivatives => {
          if (left === 0) {
            const { dw, dlambda } = outer(w);
            return { dlambda, dstart: dw, deta: 0 };
          }
          const slope = gradient(w);
          const { dlambda, dstart: alpha, deta } = back(axpy(-eta, slope, w), left - 1);
          return {
            deta: deta - dot(alpha, slope),
            dlambda: axpy(-eta, mixedTransposed(w, alpha), dlambda),
            dstart: axpy(-eta, hessian(w, alpha), alpha),
          };
        };
        return back(start, steps);
      },
    },
    {
      name: 'with plain numbers and a stack, asynchronous',
      async answer({ start, eta, steps, gradient, hessian, mixedTransposed, outer }) {
        const stack: [Float64Array, Float64Array][] = [];
        let w = start.slice();
        for (let t = 0; t < steps; t++) {
          const slope = gradient(w);
          stack.push([w, slope]);
          w = w.map((value, i) => value - eta * slope[i]!);
        }
        const end = outer(w);
        const [alpha, sum] = [Array.from(end.dw), Array.from(end.dlambda)];
        let deta = 0;
        while (stack.length > 0) {
          const [at, slope] = stack.pop()!;
          const now = Float64Array.from(alpha);
          deta -= dot(now, slope);
          mixedTransposed(at, now).forEach((value, j) => {
            sum[j]! -= eta * value;
          });
          hessian(at, now).forEach((value, i) => {
            alpha[i]! -= eta * value;
          });
        }
        return { dlambda: Float64Array.from(sum), dstart: Float64Array.from(alpha), deta };
      },
    },
  ],
  hints: [
    'First take all of the steps and keep the states. Then ask at the end: if $w_T$ changed a little, how would $E$ change? That is $q_T$. What does the last step make of it?',
    '$q_T = \\partial_w E$. For $t = T, \\dots, 1$: add $-\\eta B^\\top q_t$ to $\\mathrm dE/\\mathrm d\\lambda$, and $-\\nabla f^\\top q_t$ to $\\mathrm dE/\\mathrm d\\eta$, then $q_{t-1} = q_t - \\eta H q_t$, all at $w_{t-1}$.',
    '```ts\nlet dlambda = end.dlambda;\nlet alpha = end.dw;\nfor (let t = steps; t >= 1; t--) {\n  const w = states[t - 1];\n  dlambda = axpy(-eta, mixedTransposed(w, alpha), dlambda);\n  deta -= // a number, by the gradient of this step\n  alpha = // one product with H\n}\n```\nWhat is `alpha` at the end?',
  ],
};
