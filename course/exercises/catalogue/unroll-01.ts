import type { Exercise } from '../exercise';
import { axpy, dot, measuredRun, type Training, training, vectorsKept } from './training';

interface Derivatives {
  dlambda: Float64Array;
  /** With respect to the learning rate. */
  deta: number;
}

type ForwardMode = (problem: Training) => Derivatives;

interface Variant {
  /** The weights at which H and B are taken: those before the step or those after. */
  at?: 'before' | 'after' | 'start' | Float64Array;
  /** The factor of H Z and of B; −η each is right. */
  hessianSign?: number;
  mixedSign?: number;
  /** Whether the old Jacobian is carried over: Z + …. */
  identity?: boolean;
  direct?: boolean;
  /** The factor of ∇f in the derivative of step t with respect to η; −1 is right. */
  slopeFactor?: (t: number, steps: number) => number;
}

/** Forward mode with one thing changed. */
function forwardMode(
  { start, m, eta, steps, gradient, hessian, mixed, outer }: Training,
  {
    at = 'before',
    hessianSign = -eta,
    mixedSign = -eta,
    identity = true,
    direct = true,
    slopeFactor = () => -1,
  }: Variant = {},
): Derivatives {
  const units = unitVectors(m);
  let w = start;
  const zeros = new Float64Array(start.length);
  let Z = units.map(() => zeros);
  let z: Float64Array = zeros;
  for (let t = 1; t <= steps; t++) {
    const slope = gradient(w);
    const next = axpy(-eta, slope, w);
    const point = typeof at === 'string' ? { before: w, after: next, start }[at] : at;
    const moved = (column: Float64Array, factor: number, added: Float64Array) =>
      axpy(hessianSign, hessian(point, column), axpy(factor, added, identity ? column : zeros));
    Z = Z.map((column, j) => moved(column, mixedSign, mixed(point, units[j]!)));
    z = moved(z, slopeFactor(t, steps), slope);
    w = next;
  }
  const { dw, dlambda } = outer(w);
  return {
    dlambda: dlambda.map((value, j) => (direct ? value : 0) + dot(Z[j]!, dw)),
    deta: dot(z, dw),
  };
}

function statesEnd({ start, eta, steps, gradient }: Training): Float64Array {
  let w = start;
  for (let t = 0; t < steps; t++) w = axpy(-eta, gradient(w), w);
  return w;
}

const unitVectors = (m: number) =>
  Array.from({ length: m }, (_, j) =>
    Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0)),
  );

export const exercise: Exercise<ForwardMode> = {
  id: 'unroll-01',
  lesson: '12',
  title: 'Forward mode, with the learning rate',
  difficulty: 2,
  minutes: 25,
  needs: ['12'],
  reference: (problem) => forwardMode(problem),
  probes: [
    { name: 'rectangular', args: () => [training(10, { p: 5, m: 2, steps: 4, eta: 0.15 })] },
    { name: 'square', args: () => [training(20, { p: 3, m: 3, steps: 7, eta: 0.1 })] },
    { name: 'one step', args: () => [training(30, { p: 4, m: 1, steps: 1, eta: 0.2 })] },
  ],
  fresh: (seed) => [training(seed, { p: 5, m: 2, steps: 4, eta: 0.1 })],
  properties: [
    {
      name: 'keeps no steps',
      async complaint({ probe, answer }) {
        if (probe !== 'square') return undefined;
        // Three columns and w, with room for what else the engine holds.
        const enough = 15;
        const long = await measuredRun(35, answer, enough);
        const { kept, steps, m } = long;
        return kept !== undefined && kept > enough
          ? `In a run of ${steps} steps, ${vectorsKept(long)} of the size of $w$ were in memory at its end. The $m + 1 = ${m + 1}$ columns and the last $w$ are enough.`
          : undefined;
      },
    },
    {
      name: 'takes each step once',
      complaint: ({ args: [{ calls, steps, m }], probe }) =>
        calls.gradient > steps + 1 || calls.hessian > (m + 1) * (steps + 1)
          ? `On the ${probe} probe, with $T = ${steps}$ and $m = ${m}$, it took ${calls.gradient} gradients and ${calls.hessian} products with H, where ${steps} and ${(m + 1) * steps} are enough.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the derivatives are taken after the step',
      answer: (problem) => forwardMode(problem, { at: 'after' }),
      diagnosis:
        '$H$ and $B$ are taken at $w_t$. The step $\\Phi(w_{t-1}, \\lambda)$ is differentiated where it starts: move $Z$ first, and then $w$ (or keep the old $w$).',
    },
    {
      name: 'the derivatives are taken at w₀',
      answer: (problem) => forwardMode(problem, { at: 'start' }),
      diagnosis:
        'All of the steps use $H$ and $B$ at $w_0$. They change along the way; each step has its own.',
    },
    {
      name: 'the sign of the mixed derivative',
      answer: (problem) => forwardMode(problem, { mixedSign: problem.eta }),
      diagnosis:
        'The mixed derivative is added. $\\Phi = w - \\eta \\nabla f$: both of its derivatives carry the minus.',
    },
    {
      name: 'the step length is missing before B',
      answer: (problem) => forwardMode(problem, { mixedSign: -1 }),
      diagnosis:
        'The mixed derivative enters without $\\eta$. $\\partial\\Phi/\\partial\\lambda = -\\eta B$: a step of length 0 would move nothing.',
    },
    {
      name: 'the Jacobian is not carried over',
      answer: (problem) => forwardMode(problem, { identity: false }),
      diagnosis:
        'The new Jacobian is $-\\eta H Z - \\eta B$. The identity in $I - \\eta H$ is missing: what $w_{t-1}$ owes to $\\lambda$, $w_t$ inherits.',
    },
    {
      name: 'I + ηH',
      answer: (problem) => forwardMode(problem, { hessianSign: problem.eta }),
      diagnosis:
        'The Jacobian is multiplied by $I + \\eta H$, and grows. The step goes *against* the gradient: $I - \\eta H$.',
    },
    {
      name: 'η is missing before H',
      answer: (problem) => forwardMode(problem, { hessianSign: -1 }),
      diagnosis:
        'The Jacobian is multiplied by $I - H$. $\\partial\\Phi/\\partial w = I - \\eta H$: with a step of length 0 it is the identity.',
    },
    {
      name: 'one array for all columns',
      answer({ start, m, eta, steps, gradient, hessian, mixed, outer }) {
        let w = start;
        let z: Float64Array = new Float64Array(start.length);
        for (let t = 1; t <= steps; t++) {
          const slope = gradient(w);
          for (const unit of unitVectors(m)) {
            z = axpy(-eta, hessian(w, z), axpy(-eta, mixed(w, unit), z));
          }
          z = axpy(-eta, hessian(w, z), axpy(-1, slope, z));
          w = axpy(-eta, slope, w);
        }
        const { dw, dlambda } = outer(w);
        return { dlambda: dlambda.map((value) => value + dot(z, dw)), deta: dot(z, dw) };
      },
      diagnosis:
        'All columns of the Jacobian are one array, which each of them changes in place: `new Array(m).fill(x)` holds the same `x` $m$ times. Make an array for every column.',
    },
    {
      name: 'the derivatives are taken at w_T',
      answer: (problem) => {
        return forwardMode(problem, { at: statesEnd(problem) });
      },
      diagnosis:
        'All of the steps use $H$ and $B$ at the end, $w_T$. They change along the way; each step has its own, where it starts. (One array for all $w$, changed in place, can be the reason as well.)',
    },
    {
      name: 'the learning rate as a constant',
      answer: (problem) => forwardMode(problem, { slopeFactor: () => 0 }),
      diagnosis:
        '`dlambda` is right, and `deta` is 0. $E$ does not hold $\\eta$, but $w_T$ does: each step, $w - \\eta\\nabla f$, has the derivative $-\\nabla f$ with respect to $\\eta$ where $w$ is held.',
    },
    {
      name: 'the sign of the derivative with respect to η',
      answer: (problem) => forwardMode(problem, { slopeFactor: () => 1 }),
      diagnosis:
        '`dlambda` is right, `deta` has the other sign. A longer step leads further *against* the gradient: $-\\nabla f$.',
    },
    {
      name: 'the derivative with respect to log η',
      answer: (problem) => forwardMode(problem, { slopeFactor: () => -problem.eta }),
      diagnosis:
        '`dlambda` is right, and in `deta` each step adds $-\\eta\\nabla f$. That is how $w$ changes with $\\log\\eta$; with $\\eta$ itself it changes by $-\\nabla f$.',
    },
    {
      name: 'only the last step depends on η',
      answer: (problem) =>
        forwardMode(problem, { slopeFactor: (t, steps) => (t === steps ? -1 : 0) }),
      diagnosis:
        '`dlambda` is right, `deta` is that of the last step alone. Every step has the rate $\\eta$, and what the earlier ones did is passed on by $I - \\eta H$.',
    },
    {
      name: 'the rates of the steps are not passed on',
      answer: (problem) => {
        const { start, eta, steps, gradient, outer } = problem;
        let w = start;
        let z: Float64Array = new Float64Array(start.length);
        for (let t = 1; t <= steps; t++) {
          const slope = gradient(w);
          z = axpy(-1, slope, z);
          w = axpy(-eta, slope, w);
        }
        return { dlambda: forwardMode(problem).dlambda, deta: dot(z, outer(w).dw) };
      },
      diagnosis:
        '`dlambda` is right, and `deta` has the sum of all $-\\nabla f(w_t)$. A change of $w_t$ goes through the later steps: multiply by $I - \\eta H$ before the next gradient is subtracted.',
    },
    {
      name: 'all steps are kept',
      answer: (problem) => {
        const { start, m, eta, steps, gradient, hessian, mixed, outer } = problem;
        const states = [start];
        for (let t = 1; t <= steps; t++) {
          const w = states[t - 1]!;
          states.push(axpy(-eta, gradient(w), w));
        }
        const { dw, dlambda } = outer(states[steps]!);
        let Z: Float64Array[] = unitVectors(m).map(() => new Float64Array(start.length));
        let z: Float64Array = new Float64Array(start.length);
        for (const [t, w] of states.slice(0, -1).entries()) {
          Z = Z.map((column, j) =>
            axpy(-eta, hessian(w, column), axpy(-eta, mixed(w, unitVectors(m)[j]!), column)),
          );
          // w_t − w_{t−1} is −η∇f.
          z = axpy(1 / eta, axpy(-1, w, states[t + 1]!), axpy(-eta, hessian(w, z), z));
        }
        return { dlambda: dlambda.map((value, j) => value + dot(Z[j]!, dw)), deta: dot(z, dw) };
      },
      diagnosis:
        'The numbers are right, but all states are kept, and their memory grows with $T$. Forward mode needs none of them again: move $Z$ and $w$ together.',
      caughtBy: 'keeps no steps',
    },
    {
      name: 'only the last step depends on λ',
      answer: (problem) => forwardMode(problem, { hessianSign: 0, identity: false }),
      diagnosis:
        'Only the $B$ of the last step is left. $\\lambda$ acted on all of the earlier steps as well, and $I - \\eta H$ passes that on.',
    },
    {
      name: 'the direct term is missing',
      answer: (problem) => forwardMode(problem, { direct: false }),
      diagnosis:
        'Only the way through $w_T$ is there. $E(w_T, \\lambda)$ depends on $\\lambda$ directly, too.',
    },
    {
      name: 'a run for each hyperparameter',
      answer: (problem) => {
        const { start, m, eta, steps, gradient, hessian, mixed, outer } = problem;
        const run = (added: (w: Float64Array, slope: Float64Array) => Float64Array) => {
          let w = start;
          let z: Float64Array = new Float64Array(start.length);
          for (let t = 1; t <= steps; t++) {
            const slope = gradient(w);
            z = axpy(-eta, hessian(w, z), axpy(1, added(w, slope), z));
            w = axpy(-eta, slope, w);
          }
          const { dw, dlambda } = outer(w);
          return { through: dot(z, dw), dlambda };
        };
        const units = unitVectors(m);
        return {
          dlambda: units.map((unit, j) => {
            const { through, dlambda } = run((w) => mixed(w, unit).map((entry) => -eta * entry));
            return dlambda[j]! + through;
          }),
          deta: run((_, slope) => slope.map((entry) => -entry)).through,
        };
      },
      diagnosis:
        'The numbers are right, but the steps are taken again for each hyperparameter. Carry all of the columns of $Z$ along with one run.',
      caughtBy: 'takes each step once',
    },
  ],
  alternatives: [
    {
      name: 'in place, on plain numbers',
      answer({ start, m, eta, steps, gradient, hessian, mixed, outer }) {
        const w = Array.from(start);
        const Z = unitVectors(m).map(() => new Array<number>(start.length).fill(0));
        const z = new Array<number>(start.length).fill(0);
        for (let t = 1; t <= steps; t++) {
          const at = Float64Array.from(w);
          for (const [j, column] of Z.entries()) {
            const Hz = hessian(at, Float64Array.from(column));
            const b = mixed(at, unitVectors(m)[j]!);
            for (let i = 0; i < column.length; i++) column[i]! -= eta * (Hz[i]! + b[i]!);
          }
          const slope = gradient(at);
          const Hz = hessian(at, Float64Array.from(z));
          for (let i = 0; i < w.length; i++) {
            w[i]! -= eta * slope[i]!;
            z[i]! -= eta * Hz[i]! + slope[i]!;
          }
        }
        const { dw, dlambda } = outer(Float64Array.from(w));
        const against = (column: number[]) => column.map((value, i) => value * dw[i]!);
        const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
        return {
          dlambda: Z.map((column, j) => dlambda[j]! + sum(against(column))),
          deta: sum(against(z)),
        };
      },
    },
    {
      name: 'with the first step written out, asynchronous',
      async answer({ start, m, eta, steps, gradient, hessian, mixed, outer }) {
        const units = unitVectors(m);
        let Z = units.map((unit) => mixed(start, unit).map((value) => -eta * value));
        let slope = gradient(start);
        let z = slope.map((value) => -value);
        let w = axpy(-eta, slope, start);
        for (let t = 2; t <= steps; t++) {
          slope = gradient(w);
          z = axpy(-eta, hessian(w, z), axpy(-1, slope, z));
          const B = units.map((unit) => mixed(w, unit));
          Z = Z.map((column, j) => {
            const Hz = hessian(w, column);
            return column.map((value, i) => value - eta * (Hz[i]! + B[j]![i]!));
          });
          w = axpy(-eta, slope, w);
        }
        const { dw, dlambda } = outer(w);
        return {
          deta: dot(z, dw),
          dlambda: Array.from(dlambda, (value, j) => value + dot(Z[j]!, dw)),
        };
      },
    },
  ],
  hints: [
    'Differentiate one step, $w_t = w_{t-1} - \\eta \\nabla f(w_{t-1}, \\lambda)$, with respect to $\\lambda$: $w_{t-1}$ depends on it, and $\\nabla f$ in two ways. Then with respect to $\\eta$: $w_{t-1}$ depends on it, too, and it stands before $\\nabla f$.',
    '$Z_t = Z_{t-1} - \\eta\\,(H Z_{t-1} + B)$ with $H$ and $B$ at $w_{t-1}$, $Z_0 = 0$, and at the end $\\partial_\\lambda E + Z_T^\\top \\partial_w E$. One column more for $\\eta$: $z_t = z_{t-1} - \\eta H z_{t-1} - \\nabla f(w_{t-1})$.',
    'One column for each hyperparameter, with unit vectors to get the columns of $B$:\n```ts\nfor (let t = 1; t <= steps; t++) {\n  Z = Z.map((column, j) => axpy(-eta, hessian(w, column), axpy(-eta, mixed(w, units[j]), column)));\n  const slope = gradient(w);\n  z = // the column of η, by hessian(w, z) and slope\n  w = axpy(-eta, slope, w);\n}\n```\nWhat is left to do with `Z` and `z`?',
  ],
};
