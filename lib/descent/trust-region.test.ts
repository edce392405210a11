import { describe, expect, it } from 'vitest';
import { REGION_FIELDS, TrustRegion } from './trust-region';

/** What a step of δ gains on `½ c x²` from x, and what was promised. */
function onParabola(delta: number, c = 2, x = 3) {
  const g = c * x;
  const s = g / (1 + delta * c);
  const y = x - delta * s;
  return { gained: (c * x * x - c * y * y) / 2, fall: delta * g * s, length: delta * s * s };
}

describe('the trust region of δ', () => {
  it.each([1e-4, 0.1, 1, 100])('finds a ratio of 1 on a parabola, and δ = %f rises', (delta) => {
    const region = new TrustRegion(delta);
    expect(region.learn(onParabola(delta))).toBeCloseTo(1, 10);
    expect(region.delta).toBeGreaterThan(delta);
  });

  it('goes from a step of gradient descent to the δ at which curvature counts, at once', () => {
    const region = new TrustRegion(1e-4);
    region.learn(onParabola(1e-4, 2));
    // δ̂ = ‖s‖² / sᵀCs = 1/c; twice that where the model was right.
    expect(region.delta).toBeCloseTo(1, 5);
    const doubted = new TrustRegion(1e-4);
    const gain = onParabola(1e-4, 2);
    doubted.learn({ ...gain, gained: 1.3 * gain.gained });
    expect(doubted.delta).toBeCloseTo(0.5, 5);
  });

  it.each([
    ['rises where the next batches have left a little less than no slope', -0.12, true],
    ['does not rise where they have left much less', -0.3, false],
  ])('%s', (_, share, rises) => {
    const region = new TrustRegion(1);
    region.heed(share);
    region.learn(onParabola(1));
    expect(region.delta > 1).toBe(rises);
    // With momentum neither does.
    const other = new TrustRegion(1);
    other.heed(share);
    other.learn({ ...onParabola(1), share: 0.1 });
    expect(other.delta > 1).toBe(false);
  });

  it('comes back at once from a δ on which the step no longer depends', () => {
    const region = new TrustRegion(1e4);
    // A Newton step, twice as long as it ought to be: the loss is where it was.
    const gain = onParabola(1e4, 2);
    expect(region.learn({ ...gain, gained: 0 })).toBe(0);
    // Half the length of ‖x⁺ − x‖ ∝ δ/(1 + δ/δ̂): at δ = δ̂.
    expect(region.delta).toBeCloseTo(0.5, 3);
  });

  it.each([
    ['rises', -1],
    ['is NaN', Number.NaN],
    ['is infinite', Number.NEGATIVE_INFINITY],
  ])('falls by a half at least where the loss %s', (_, gained) => {
    const region = new TrustRegion(2);
    region.learn({ ...onParabola(2), gained });
    expect(region.delta).toBeLessThanOrEqual(1);
    expect(region.delta).toBeGreaterThan(0);
    expect(Object.values(region.state).every(Number.isFinite)).toBe(true);
  });

  it('stays where the model is fair, and falls a little where it is poor', () => {
    const of = (ratio: number) => {
      const region = new TrustRegion(1);
      const { fall, length } = onParabola(1);
      region.learn({ fall, length, gained: (ratio * (fall + length)) / 2 });
      return region.delta;
    };
    expect([of(0.6), of(0.8)]).toEqual([1, 1]);
    expect(of(0.3)).toBeLessThan(0.8);
    expect(of(0.3)).toBeGreaterThan(0.1);
    expect(of(0.95)).toBeGreaterThan(1);
  });

  it('falls where the next batch says that steps go too far, whatever the ratio', () => {
    const region = new TrustRegion(1);
    for (let t = 0; t < 6; t++) {
      const gain = onParabola(region.delta, 20);
      region.heed(-0.5);
      region.bend(gain);
      region.learn(gain);
    }
    expect(region.delta).toBeLessThan(0.3);
    const other = new TrustRegion(1);
    other.heed(Number.NaN);
    expect(other.delta).toBe(1);
  });

  it.each([0.6, 1, 2, 100])(
    'makes the next step a fifth shorter where slope is lacking, at δ/δ̂ = %f',
    (curved) => {
      const region = new TrustRegion(1);
      region.bend({ fall: 1 + curved, length: 1 });
      region.heed(-0.5);
      // The length goes like δ/(1 + δ/δ̂).
      const length = (delta: number) => delta / (1 + delta * curved);
      const least = length(0.5) / length(1);
      expect(length(region.delta) / length(1)).toBeCloseTo(Math.max(0.8, least), 5);
    },
  );

  it('leaves δ to a straight step where slope is lacking: there it is noise', () => {
    const region = new TrustRegion(1);
    region.bend({ fall: 1.4, length: 1 });
    region.heed(-0.5);
    expect(region.delta).toBe(1);
  });

  it('measures every step of a beginning, fair or not', () => {
    const region = new TrustRegion(1);
    const { fall, length } = onParabola(1);
    const due: boolean[] = [];
    for (let t = 0; t < 12; t++) {
      const { isDue } = region;
      region.count(isDue);
      due.push(isDue);
      // Of a ratio that keeps δ where it is.
      if (isDue) region.learn({ fall, length, gained: 0.7 * ((fall + length) / 2) });
    }
    expect(due.slice(0, 7)).toEqual(Array(7).fill(true));
    expect(due.slice(7).filter(Boolean)).toHaveLength(1);
  });

  it('measures the step after one that went more than twice too far, whatever was measured before', () => {
    const region = new TrustRegion(1);
    const { fall, length } = onParabola(1);
    while (region.isDue) {
      region.count(true);
      region.learn({ fall, length, gained: (fall + length) / 2 }, 1);
    }
    region.heed(-0.9);
    expect(region.isDue).toBe(false);
    region.heed(-1.1);
    expect(region.isDue).toBe(true);
  });

  it('measures each step while it searches, and a quarter of them in the long run', () => {
    const region = new TrustRegion(1);
    const { fall, length } = onParabola(1);
    let measured = 0;
    for (let t = 0; t < 400; t++) {
      const { isDue } = region;
      region.count(isDue);
      if (!isDue) continue;
      measured++;
      // Never content: δ is always to rise.
      region.learn({ fall, length, gained: (fall + length) / 2 }, 1);
    }
    expect(measured).toBeLessThanOrEqual(110);
    expect(measured).toBeGreaterThan(90);
  });

  it('solves the more exactly the better the model was', () => {
    const region = new TrustRegion(1);
    const tolerance = (ratio: number) => {
      const { fall, length } = onParabola(1);
      region.learn({ fall, length, gained: (ratio * (fall + length)) / 2 });
      return region.state.tolerance;
    };
    expect(tolerance(0.85)).toBeCloseTo(0.15, 6);
    expect(tolerance(1)).toBeCloseTo(0.03, 6);
    expect(tolerance(-3)).toBeCloseTo(0.3, 6);
  });

  it('carries on the last displacement of a momentum where δ rises, and less where it falls', () => {
    const region = new TrustRegion(0.01);
    expect(region.carried).toBe(1);
    region.move(0.01);
    expect(region.carried).toBe(1);
    region.delta = 0.1;
    expect(region.carried).toBeCloseTo(0.1, 6);
    region.move(0.1);
    region.delta = 0.02;
    expect(region.carried).toBe(1);
    region.delta = 0.4;
    expect(region.carried).toBeCloseTo(0.25, 6);
  });

  it('learns nothing from what is not a number', () => {
    const region = new TrustRegion(1);
    region.learn({ gained: 0, fall: 0, length: 0 });
    region.learn({ gained: Number.NaN, fall: Number.NaN, length: Number.NaN });
    region.heed(Number.NaN);
    for (const value of Object.values(region.state)) expect(Number.isFinite(value)).toBe(true);
    expect(region.delta).toBeGreaterThan(0);
  });

  it('goes on from its state as if nothing had been, and its state is float32', () => {
    const [a, b] = [new TrustRegion(0.1), new TrustRegion(5)];
    const go = (region: TrustRegion, t: number) => {
      region.count(region.isDue);
      region.heed(Math.sin(t));
      region.learn(onParabola(region.delta, 1 + t));
      return region.delta;
    };
    for (let t = 0; t < 5; t++) go(a, t);
    expect(REGION_FIELDS.every((field) => Math.fround(a.state[field]) === a.state[field])).toBe(
      true,
    );
    b.restore(a.state);
    for (let t = 5; t < 12; t++) expect(go(b, t)).toBe(go(a, t));
  });
});
