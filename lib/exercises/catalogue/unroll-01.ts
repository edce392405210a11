import type { Exercise } from '../exercise';
import { axpy, dot, type Training, training, vectorsKept } from './training';

type ForwardMode = (problem: Training) => Float64Array;

interface Variant {
  /** The weights at which H and B are taken: those before the step or those after. */
  at?: 'before' | 'after' | 'start' | Float64Array;
  /** The factor of H Z and of B; −η each is right. */
  hessianSign?: number;
  mixedSign?: number;
  /** Whether the old Jacobian is carried over: Z + …. */
  identity?: boolean;
  direct?: boolean;
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
  }: Variant = {},
): Float64Array {
  const units = unitVectors(m);
  let w = start;
  let Z = units.map(() => new Float64Array(start.length));
  for (let t = 1; t <= steps; t++) {
    const next = axpy(-eta, gradient(w), w);
    const point = typeof at === 'string' ? { before: w, after: next, start }[at] : at;
    Z = Z.map((column, j) => {
      const carried = identity ? column : new Float64Array(column.length);
      return axpy(
        hessianSign,
        hessian(point, column),
        axpy(mixedSign, mixed(point, units[j]!), carried),
      );
    });
    w = next;
  }
  const { dw, dlambda } = outer(w);
  return dlambda.map((value, j) => (direct ? value : 0) + dot(Z[j]!, dw));
}

const unitVectors = (m: number) =>
  Array.from({ length: m }, (_, j) =>
    Float64Array.from({ length: m }, (_, i) => (i === j ? 1 : 0)),
  );

export const exercise: Exercise<ForwardMode> = {
  id: 'unroll-01',
  lesson: '12',
  title: 'Forward mode',
  difficulty: 2,
  minutes: 20,
  needs: ['12'],
  reference: (problem) => forwardMode(problem),
  probes: [
    { name: 'rectangular', args: () => [training(10, { p: 5, m: 2, steps: 4, eta: 0.15 })] },
    { name: 'square', args: () => [training(20, { p: 3, m: 3, steps: 7, eta: 0.1 })] },
    { name: 'one step', args: () => [training(30, { p: 4, m: 1, steps: 1, eta: 0.2 })] },
  ],
  properties: [
    {
      name: 'keeps no steps',
      async complaint({ probe, answer }) {
        if (probe !== 'square') return undefined;
        const long = training(35, { p: 2500, m: 2, steps: 60, eta: 0.05, measured: true });
        await answer(long);
        const { kept, steps, m } = long;
        return kept !== undefined && kept > m + 12
          ? `In a run of ${steps} steps, ${vectorsKept(long)} of the size of $w$ were in memory at its end. The $m = ${m}$ columns of $Z$ and the last $w$ are enough.`
          : undefined;
      },
    },
    {
      name: 'takes each step once',
      complaint: ({ args: [{ calls, steps, m }], probe }) =>
        calls.gradient > steps + 1 || calls.hessian > m * (steps + 1)
          ? `On the ${probe} probe, with $T = ${steps}$ and $m = ${m}$, it took ${calls.gradient} gradients and ${calls.hessian} products with H, where ${steps} and ${m * steps} are enough.`
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
      name: 'the derivatives are taken at w_T',
      answer: (problem) => {
        const { start, eta, steps, gradient } = problem;
        let w = start;
        for (let t = 0; t < steps; t++) w = axpy(-eta, gradient(w), w);
        return forwardMode(problem, { at: w });
      },
      diagnosis:
        'All of the steps use $H$ and $B$ at the end, $w_T$. They change along the way; each step has its own, where it starts. (One array for all $w$, changed in place, can be the reason as well.)',
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
        for (const w of states.slice(0, -1)) {
          Z = Z.map((column, j) =>
            axpy(-eta, hessian(w, column), axpy(-eta, mixed(w, unitVectors(m)[j]!), column)),
          );
        }
        return dlambda.map((value, j) => value + dot(Z[j]!, dw));
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
        return Float64Array.from(unitVectors(m), (unit, j) => {
          let w = start;
          let z: Float64Array = new Float64Array(start.length);
          for (let t = 1; t <= steps; t++) {
            z = axpy(-eta, hessian(w, z), axpy(-eta, mixed(w, unit), z));
            w = axpy(-eta, gradient(w), w);
          }
          const { dw, dlambda } = outer(w);
          return dlambda[j]! + dot(z, dw);
        });
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
        for (let t = 1; t <= steps; t++) {
          const at = Float64Array.from(w);
          for (const [j, column] of Z.entries()) {
            const Hz = hessian(at, Float64Array.from(column));
            const b = mixed(at, unitVectors(m)[j]!);
            for (let i = 0; i < column.length; i++) column[i]! -= eta * (Hz[i]! + b[i]!);
          }
          const slope = gradient(at);
          for (let i = 0; i < w.length; i++) w[i]! -= eta * slope[i]!;
        }
        const { dw, dlambda } = outer(Float64Array.from(w));
        return Float64Array.from(Z, (column, j) =>
          column.reduce((sum, value, i) => sum + value * dw[i]!, dlambda[j]!),
        );
      },
    },
    {
      name: 'with the first step written out, asynchronous',
      async answer({ start, m, eta, steps, gradient, hessian, mixed, outer }) {
        const units = unitVectors(m);
        let Z = units.map((unit) => mixed(start, unit).map((value) => -eta * value));
        let w = axpy(-eta, gradient(start), start);
        for (let t = 2; t <= steps; t++) {
          const B = units.map((unit) => mixed(w, unit));
          Z = Z.map((column, j) => {
            const Hz = hessian(w, column);
            return column.map((value, i) => value - eta * (Hz[i]! + B[j]![i]!));
          });
          w = axpy(-eta, gradient(w), w);
        }
        const { dw, dlambda } = outer(w);
        return Array.from(dlambda, (value, j) => value + dot(Z[j]!, dw));
      },
    },
  ],
  hints: [
    'Differentiate one step, $w_t = w_{t-1} - \\eta \\nabla f(w_{t-1}, \\lambda)$, by $\\lambda$: $w_{t-1}$ depends on it, and $\\nabla f$ in two ways.',
    '$Z_t = Z_{t-1} - \\eta\\,(H Z_{t-1} + B)$ with $H$ and $B$ at $w_{t-1}$, $Z_0 = 0$, and at the end $\\partial_\\lambda E + Z_T^\\top \\partial_w E$.',
    'One column for each hyperparameter, with unit vectors to get the columns of $B$:\n```ts\nfor (let t = 1; t <= steps; t++) {\n  Z = Z.map((column, j) => axpy(-eta, hessian(w, column), axpy(-eta, mixed(w, units[j]), column)));\n  w = axpy(-eta, gradient(w), w);\n}\n```\nWhat is left to do with `Z`?',
  ],
};
