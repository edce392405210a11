import type { Jet, JetFactors, TanhNetwork } from './tanh-network';

/** The jets of a network for fixed parameters, some points at a time, and what pulls factors of them back. */
export interface JetBlocks {
  /** At most so many points at a time. */
  readonly together: number;
  /** The jets at these points, which is the block that is pulled back next. */
  jets(points: readonly Float64Array[]): Jet[];
  /** Adds the derivatives with respect to the parameters of `Σᵢ ⟨factorsᵢ, jetᵢ⟩` to a sum over blocks. */
  addPulled(factors: readonly JetFactors[]): void;
  /** That sum. */
  pulledSum(): Float64Array;
  /** Sets a row, which is 0, to the derivatives of `⟨factorsᵢ, jetᵢ⟩` for each point. */
  pullEach(factors: readonly JetFactors[], rows: readonly Float64Array[]): void;
  /** Must be called when nothing is needed any more. */
  end(): void;
}

/** Point by point, by the network's own functions. */
export function jetsByPoint(network: TanhNetwork, w: Float64Array): JetBlocks {
  let pull: ReturnType<TanhNetwork['record']>['pull'] = () => {};
  const sum = new Float64Array(network.size);
  return {
    together: 1,
    jets: (points) =>
      points.map((x) => {
        const recorded = network.record(w, x);
        pull = recorded.pull;
        return recorded.jet;
      }),
    addPulled([factors]) {
      pull(factors!, sum);
    },
    pulledSum: () => sum,
    pullEach([factors], [row]) {
      pull(factors!, row!);
    },
    end() {},
  };
}
