import type { Exercise } from '../exercise';
import { randomVector } from '../linear';

type Vector = Float64Array;

/** What is known along each eigenvector of H, p numbers each. */
interface Start {
  /** The eigenvalues s. */
  spectrum: Vector;
  /** Their derivatives with respect to λ. */
  dspectrum: Vector;
  /** `∂w₀ − ∂w*`. */
  d: Vector;
  /** `w₀ − w*`. */
  r: Vector;
}

/** A rate for each step, T numbers, and their derivatives with respect to λ. */
interface Schedule {
  rates: Vector;
  drates: Vector;
}

type JacobianErrors = (start: Start, schedule: Schedule) => Vector;

/** The numbers along one eigenvector before a step. */
interface State {
  s: number;
  ds: number;
  eta: number;
  deta: number;
  /** `wₜ − w*`, `w₀ − w*` and `wₜ₊₁ − w*`. */
  residual: number;
  first: number;
  next: number;
  /** `∂wₜ − ∂w*`. */
  error: number;
}

const length = (x: Iterable<number>) => Math.hypot(...x);

/** The error of the next Jacobian. */
const right = ({ s, ds, eta, deta, residual, error }: State) =>
  (1 - eta * s) * error - (eta * ds + deta * s) * residual;

/** The errors of the Jacobian, carried along step by step by a rule that can be wrong. */
const carried =
  (
    rule: (state: State) => number = right,
    norm: (x: Vector) => number = length,
    eta = (rates: Vector, t: number) => rates[t]!,
  ): JacobianErrors =>
  ({ spectrum, dspectrum, d, r }, { rates, drates }) => {
    let [error, residual] = [d, r];
    const result = [norm(error)];
    for (const [t, deta] of drates.entries()) {
      const rate = eta(rates, t);
      const next = residual.map((x, i) => (1 - rate * spectrum[i]!) * x);
      error = error.map((x, i) =>
        rule({
          s: spectrum[i]!,
          ds: dspectrum[i]!,
          eta: rate,
          deta,
          residual: residual[i]!,
          first: r[i]!,
          next: next[i]!,
          error: x,
        }),
      );
      residual = next;
      result.push(norm(error));
    }
    return Float64Array.from(result);
  };

/** By the product of the factors 1 − η s, and its derivative. */
const multiplied =
  (slope: (factors: number[], slopes: number[]) => number): JacobianErrors =>
  ({ spectrum, dspectrum, d, r }, { rates, drates }) =>
    Float64Array.from({ length: rates.length + 1 }, (_, t) =>
      length(
        spectrum.map((s, i) => {
          const factors = Array.from(rates.subarray(0, t), (eta) => 1 - eta * s);
          const slopes = factors.map((_, k) => -(rates[k]! * dspectrum[i]! + drates[k]! * s));
          const P = factors.reduce((product, factor) => product * factor, 1);
          return P * d[i]! + slope(factors, slopes) * r[i]!;
        }),
      ),
    );

const spectrumOf = (n: number) => Float64Array.from({ length: n }, (_, i) => 0.05 * 20 ** (i / n));

const probe = (seed: number, n: number, rates: number[]): Parameters<JacobianErrors> => [
  {
    spectrum: spectrumOf(n),
    dspectrum: randomVector(seed, n).map((x) => 1 + 0.5 * x),
    d: randomVector(seed + 1, n),
    r: randomVector(seed + 2, n, 3),
  },
  { rates: Float64Array.from(rates), drates: randomVector(seed + 3, rates.length, 0.7) },
];

export const exercise: Exercise<JacobianErrors> = {
  id: 'curse-01',
  lesson: '13',
  title: 'The Jacobian of gradient descent on a schedule',
  difficulty: 2,
  minutes: 20,
  needs: ['13'],
  reference: carried(),
  probes: [
    { name: 'long steps', args: () => probe(1, 5, [1.9, 1.2, 1.7, 0.4, 1.8, 1.5, 0.9, 1.6]) },
    { name: 'short steps', args: () => probe(11, 4, [0.6, 0.5, 0.3]) },
    { name: 'no step', args: () => probe(21, 3, []) },
    {
      name: 'directions done in a step',
      args: () => [
        {
          spectrum: Float64Array.of(0.25, 2),
          dspectrum: Float64Array.of(1.5, 2),
          d: Float64Array.of(1, 0.5),
          r: Float64Array.of(2, -3),
        },
        { rates: Float64Array.of(0.5, 4, 0.3, 0.5), drates: Float64Array.of(-0.2, 0.6, 0.1, 0.3) },
      ],
    },
  ],
  fresh: (seed) => probe(seed, 4, [1.9, 0.6, 1.2, 0.4]),
  properties: [
    {
      name: 'begins with the first error',
      complaint: ({ args: [{ d }], result }) =>
        Math.abs(result[0]! - length(d)) > 1e-9 * length(d)
          ? `At t = 0 nothing has happened yet: the norm should be ‖d‖ = ${length(d).toPrecision(5)}, but yours is ${result[0]!.toPrecision(5)}.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the rates held fixed',
      answer: carried((state) => right({ ...state, deta: 0 })),
      diagnosis:
        'This is the formula of the lesson, which holds the coefficients of the method fixed. Here they depend on $\\lambda$ themselves: `drates`.',
    },
    {
      name: 'the eigenvalues held fixed',
      answer: carried((state) => right({ ...state, ds: 0 })),
      diagnosis:
        'Only the rates move with $\\lambda$ here. The eigenvalues do as well, by `dspectrum`.',
    },
    {
      name: 'the derivative of the polynomial is missing',
      answer: carried(({ s, eta, error }) => (1 - eta * s) * error),
      diagnosis:
        'Only $P_t(H)\\,d$ is there. The curse is in the other term: $H$ and the rates depend on $\\lambda$, and so does $P_t(H)$.',
    },
    {
      name: 'the sign of the derivative',
      answer: carried((state) => right({ ...state, deta: -state.deta, ds: -state.ds })),
      diagnosis:
        'The second term has the wrong sign: a factor $1 - \\eta_k s$ falls where $\\eta_k s$ grows.',
    },
    {
      name: 'the sign of the part by the rates',
      answer: carried((state) => right({ ...state, deta: -state.deta })),
      diagnosis:
        'The part by the eigenvalues has the right sign, the part by the rates the other one. $\\eta_k s$ is a product: both parts have the same sign.',
    },
    {
      name: 'the derivatives multiplied',
      answer: carried((state) => right({ ...state, ds: state.deta * state.ds, deta: 0, eta: 1 })),
      diagnosis:
        "The two derivatives are multiplied: $\\eta_k' s'$. The derivative of a product is $\\eta_k' s + \\eta_k s'$.",
    },
    {
      name: 'the eigenvalue beside the derivative of the rate is missing',
      answer: carried(
        ({ s, ds, eta, deta, residual, error }) =>
          (1 - eta * s) * error - (eta * ds + deta) * residual,
      ),
      diagnosis: "The rate's derivative stands alone: $\\eta_k' s$ takes the eigenvalue, too.",
    },
    {
      name: 'the rate beside the derivative of the eigenvalue is missing',
      answer: carried(
        ({ s, ds, eta, deta, residual, error }) =>
          (1 - eta * s) * error - (ds + deta * s) * residual,
      ),
      diagnosis:
        "The eigenvalue's derivative stands alone: $\\eta_k s'$ takes the rate of its step, too.",
    },
    {
      name: 'the first residual in every step',
      answer: carried((state) => right({ ...state, residual: state.first })),
      diagnosis:
        'In every step the derivative is applied to the *first* residual $r$. What step $t$ starts from is $w_t - w^*$, which has gone through the steps before.',
    },
    {
      name: 'the residual after the step',
      answer: carried((state) => right({ ...state, residual: state.next })),
      diagnosis:
        'The derivative of step $t$ is applied to the residual *after* that step, or, as a sum over steps, the step that is differentiated has kept its own factor $1 - \\eta_t s$: these are the same numbers. The step starts from the residual before: its derivative takes the place of its factor.',
    },
    {
      name: 'the wrong vector after the derivative',
      answer: (start, schedule) => carried()({ ...start, r: start.d }, schedule),
      diagnosis:
        'The derivative of the polynomial is applied to $d$. It acts on the residual $r = w_0 - w^*$: that is what $P_t(H)$ stood before when it was differentiated.',
    },
    {
      name: 'the first rate in every step',
      answer: carried(right, length, (rates) => rates[0]!),
      diagnosis: 'All steps take the first rate. Step $t$ has its own, `rates[t]`.',
    },
    {
      name: 'the old error is not reduced',
      answer: carried(
        ({ s, ds, eta, deta, residual, error }) => error - (eta * ds + deta * s) * residual,
      ),
      diagnosis:
        'Each step adds its own part, and what was there is kept as it is. The old error goes through the step like everything else: it is multiplied by $1 - \\eta_t s$.',
    },
    {
      name: 'divided by 1 − ηs',
      answer: multiplied(
        (factors, slopes) =>
          factors.reduce((product, factor) => product * factor, 1) *
          slopes.reduce((sum, slope, k) => sum + slope / factors[k]!, 0),
      ),
      diagnosis:
        'The derivative of the product is made by dividing by each factor $1 - \\eta_k s$ (or from its logarithm). Where one of them is 0 that gives NaN. Carry the derivative along, factor by factor.',
    },
    {
      name: 'the sum of the absolute values',
      answer: carried(right, (x) => x.reduce((sum, value) => sum + Math.abs(value), 0)),
      diagnosis:
        'The entries are added up by their absolute values. $\\lVert\\cdot\\rVert_2$ is the root of the sum of squares.',
    },
    {
      name: 'another norm',
      answer: carried(right, (x) => length(x) ** 2),
      diagnosis: 'The squares are added, and the root is not taken: this is the squared norm.',
    },
  ],
  alternatives: [
    {
      name: 'by the product rule, the others multiplied',
      answer: multiplied((factors, slopes) =>
        slopes.reduce(
          (sum, slope, k) =>
            sum + factors.reduce((part, factor, j) => (j === k ? part : part * factor), slope),
          0,
        ),
      ),
    },
    {
      name: 'by central differences of the polynomial',
      answer({ spectrum, dspectrum, d, r }, { rates, drates }) {
        const P = (s: number, ds: number, t: number, step: number) =>
          rates
            .subarray(0, t)
            .reduce(
              (product, eta, k) => product * (1 - (eta + step * drates[k]!) * (s + step * ds)),
              1,
            );
        return Array.from({ length: rates.length + 1 }, (_, t) =>
          length(
            spectrum.map((s, i) => {
              const at = (step: number) => P(s, dspectrum[i]!, t, step);
              return at(0) * d[i]! + ((at(1e-5) - at(-1e-5)) / 2e-5) * r[i]!;
            }),
          ),
        );
      },
    },
    {
      name: 'eigenvector by eigenvector, on numbers',
      answer({ spectrum, dspectrum, d, r }, { rates, drates }) {
        const squares = Array.from({ length: rates.length + 1 }, () => 0);
        spectrum.forEach((s, i) => {
          let [error, residual] = [d[i]!, r[i]!];
          squares[0]! += error ** 2;
          for (let t = 0; t < rates.length; t++) {
            error -=
              rates[t]! * s * error + (rates[t]! * dspectrum[i]! + drates[t]! * s) * residual;
            residual -= rates[t]! * s * residual;
            squares[t + 1]! += error ** 2;
          }
        });
        return squares.map(Math.sqrt);
      },
    },
  ],
  hints: [
    'Along an eigenvector everything is a number, and $w_t - w^* = (1 - \\eta_{t-1} s) \\cdots (1 - \\eta_0 s)\\, r$. Differentiate it with respect to $\\lambda$, on which the rates, $s$ and $r$ all depend.',
    "One step at a time: with $e_{t+1} = (1 - \\eta_t s)\\, e_t$ for $e_t = w_t - w^*$, the derivative $J_t$ of $e_t$ obeys $J_{t+1} = (1 - \\eta_t s)\\, J_t - (\\eta_t s)'\\, e_t$.",
    'Carry both along:\n```ts\nlet [J, e] = [d, r];\nconst result = [Math.hypot(...J)];\nrates.forEach((eta, t) => {\n  J = J.map((x, i) => (1 - eta * spectrum[i]) * x - /* … */ * e[i]);\n  e = // one step\n  result.push(Math.hypot(...J));\n});\n```\nWhich of the two lines has to come first?',
  ],
};
