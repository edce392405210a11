import type { GlmFamily } from './family';

/** Steps of Newton's below this share are rounding. */
const ROUNDING = 4 * Number.EPSILON;

/**
 * The ξ with `ξ = γ (y − h(η + sξ))`: how far an implicit step goes along x, for `η = xᵀθ` and
 * `s = ‖x‖²`.
 *
 * h does not decrease, so there is one root, between 0 and the explicit step `γ (y − h(η))`. That
 * end may be infinite (Poisson, where exp overflows), so the bracket grows from 0 towards it by
 * doubling; inside it Newton's steps, and bisection where those leave it or crawl.
 *
 * @see Toulis, Airoldi & Rennie, [Statistical analysis of stochastic gradient methods for
 *   generalized linear models](https://proceedings.mlr.press/v32/toulis14.html), ICML 2014.
 */
export function implicitRoot(
  { name, mean, slope }: GlmFamily,
  y: number,
  eta: number,
  s: number,
  gamma: number,
): number {
  if (name === 'linear') return (y - eta) / (1 / gamma + s);
  const excess = (xi: number) => xi - gamma * (y - mean(eta + s * xi));
  const explicit = -excess(0);
  if (explicit === 0 || s === 0) return explicit;

  const direction = Math.sign(explicit);
  let near = 0;
  let far = direction * Math.min(Math.abs(explicit), 1 / s);
  while (direction * excess(far) < 0) {
    near = far;
    far = direction * Math.min(Math.abs(explicit), 2 * Math.abs(far));
    if (far === near) break;
  }

  let [low, high] = near < far ? [near, far] : [far, near];
  let xi = near;
  let before = high - low;
  for (let k = 0; k < 200; k++) {
    const value = excess(xi);
    if (value < 0) low = xi;
    else high = xi;
    const newton = xi - value / (1 + gamma * s * slope(eta + s * xi));
    // Down an exponential Newton's steps are all of one length: where they do not halve, bisect.
    if (Math.abs(newton - xi) <= ROUNDING * Math.abs(xi)) return newton;
    const quick = newton > low && newton < high && Math.abs(newton - xi) < before / 2;
    const next = quick ? newton : low + (high - low) / 2;
    before = Math.abs(next - xi);
    if (next === xi || next === low || next === high) break;
    xi = next;
  }
  return xi;
}
