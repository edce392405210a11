import { type Collocation, collocation, type TanhNetwork, tanhNetwork } from '../../../lib/models';
import { random } from '../../../lib/numbers';

/** A differential equation whose solution is known, and a network that is to learn it. */
export interface Pinn {
  name: string;
  /** The equation, as a table names it. */
  words: string;
  network: TanhNetwork;
  problem: Collocation;
  /** Residuals in all. */
  residuals: number;
  /** ‖u − u*‖ / ‖u*‖ over points that neither training nor the other judge has. */
  error(w: Float64Array, judge: 'validation' | 'test'): number;
}

const PI = Math.PI;

/** −Δu = 2π² sin πx sin πy on the unit square, 0 at its edges; the solution is sin πx sin πy. */
export function poisson(width = 10, made: typeof tanhNetwork = tanhNetwork): Pinn {
  const exact = ([x, y]: Float64Array) => Math.sin(PI * x!) * Math.sin(PI * y!);
  const network = made({ sizes: [2, width, width, 1] });
  const stream = random(3);
  const anywhere = () => Float64Array.of(stream.uniform(), stream.uniform());
  const inside = Array.from({ length: 600 }, anywhere);
  const edges = Array.from({ length: 30 }, (_, i) => (i + 0.5) / 30).flatMap((s) => [
    Float64Array.of(s, 0),
    Float64Array.of(s, 1),
    Float64Array.of(0, s),
    Float64Array.of(1, s),
  ]);
  const problem = collocation(network, [
    {
      points: inside,
      equation: ({ second }, x) => ({
        residual: -second[0]! - second[1]! - 2 * PI * PI * exact(x),
        slopes: { second: [-1, -1] },
      }),
    },
    {
      points: edges,
      weight: 100,
      equation: ({ value }) => ({ residual: value, slopes: { value: 1 } }),
    },
  ]);
  const line = Array.from({ length: 33 }, (_, i) => i / 32);
  const judges = {
    validation: Array.from({ length: 400 }, anywhere),
    test: line.flatMap((x) => line.map((y) => Float64Array.of(x, y))),
  };
  return {
    name: width === 10 ? 'Poisson' : `Poisson, width ${width}`,
    words: '−Δu = 2π² sin πx sin πy on the unit square, u = 0 at its edges',
    network,
    problem,
    residuals: inside.length + edges.length,
    error: (w, judge) => relativeError(network, w, judges[judge], exact),
  };
}

/**
 * −ε²u″ + u = 1 on [0, 1], 0 at both ends: 1 inside, with layers of width ε at the ends. The operator
 * has eigenvalues 1 + (kπε)², and what a network makes of it a condition number beyond 10¹².
 */
export function reactionDiffusion(
  width = 10,
  epsilon = 0.02,
  made: typeof tanhNetwork = tanhNetwork,
): Pinn {
  const exact = ([x]: Float64Array) =>
    1 - (Math.exp(-x! / epsilon) + Math.exp((x! - 1) / epsilon)) / (1 + Math.exp(-1 / epsilon));
  const network = made({ sizes: [1, width, width, 1] });
  const inside = Array.from({ length: 300 }, (_, i) => Float64Array.of((i + 0.5) / 300));
  const ends = [Float64Array.of(0), Float64Array.of(1)];
  const problem = collocation(network, [
    {
      points: inside,
      equation: ({ value, second }) => ({
        residual: -epsilon * epsilon * second[0]! + value - 1,
        slopes: { value: 1, second: [-epsilon * epsilon] },
      }),
    },
    { points: ends, equation: ({ value }) => ({ residual: value, slopes: { value: 1 } }) },
  ]);
  const stream = random(4);
  const judges = {
    validation: Array.from({ length: 400 }, () => Float64Array.of(stream.uniform())),
    test: Array.from({ length: 1001 }, (_, i) => Float64Array.of(i / 1000)),
  };
  return {
    name: width === 10 ? 'reaction–diffusion' : `reaction–diffusion, width ${width}`,
    words: `−ε²u″ + u = 1 on [0, 1], u = 0 at both ends, ε = ${epsilon}`,
    network,
    problem,
    residuals: inside.length + ends.length,
    error: (w, judge) => relativeError(network, w, judges[judge], exact),
  };
}

/** A network that `collocation` evaluates point by point, since it does not know its functions. */
export const pointByPoint: typeof tanhNetwork = (options) => {
  const network = tanhNetwork(options);
  return { ...network, record: (w, x) => network.record(w, x) };
};

function relativeError(
  network: TanhNetwork,
  w: Float64Array,
  points: readonly Float64Array[],
  exact: (x: Float64Array) => number,
): number {
  let [off, all] = [0, 0];
  for (const x of points) {
    const u = exact(x);
    off += (network.jet(w, x).value - u) ** 2;
    all += u * u;
  }
  return Math.sqrt(off / all);
}
