import { finish } from '../event-loop';
import type { LinearOperator, Space } from '../spaces';
import type {
  Form,
  GradientDerivative,
  InnerCurvature,
  InnerForm,
  OuterGradients,
} from './form-types';

/** `∇_w f`, kept, with a turn for timers in between where it takes long. */
export async function gradientInTurns<V>(
  space: Space<V, unknown>,
  { inPieces, gradient }: InnerForm<V>,
  w: V,
  step: number,
): Promise<V> {
  return inPieces
    ? finish(inPieces.gradient(w, step))
    : space.keep(space.tidy(() => gradient(w, step)));
}

/** The same with its derivative. */
export async function linearizeInTurns<V>(
  { inPieces, linearize }: InnerForm<V>,
  w: V,
  step: number,
): Promise<GradientDerivative<V>> {
  return inPieces ? finish(inPieces.linearize(w, step)) : linearize(w, step);
}

/** The same of the gradients of the outer loss. */
export async function outerInTurns<V>(
  space: Space<V, unknown>,
  { outer, outerInPieces }: Pick<Form<V>, 'outer' | 'outerInPieces'>,
  w: V,
): Promise<OuterGradients<V>> {
  return outerInPieces ? finish(outerInPieces(w)) : space.keep(outer(w));
}

/** The same of the curvature. */
export async function curvatureInTurns<V>(
  { curvature, curvatureInPieces }: Form<V>,
  w: V,
  kind: InnerCurvature,
): Promise<LinearOperator<V>> {
  return curvatureInPieces ? finish(curvatureInPieces(w, kind)) : curvature(w, kind);
}

/** The same of `H u` and `Bᵀ u`. */
export async function pulledBack<V>(
  space: Space<V, unknown>,
  { inPieces, vjp }: GradientDerivative<V>,
  u: V,
): Promise<{ w: V; λ: V }> {
  return inPieces ? finish(inPieces.vjp(u)) : space.keep(vjp(u));
}

/** The same of `Bᵀ u` alone. */
export async function mixedBack<V>(
  space: Space<V, unknown>,
  derivative: GradientDerivative<V>,
  u: V,
): Promise<{ λ: V }> {
  const { inPieces, mixed } = derivative;
  if (inPieces?.mixed !== undefined) return { λ: await finish(inPieces.mixed(u)) };
  return mixed === undefined ? pulledBack(space, derivative, u) : { λ: space.keep(mixed(u)) };
}

/** The same of `H dw + B dλ`. */
export async function pushed<V>(
  space: Space<V, unknown>,
  { inPieces, jvp }: GradientDerivative<V>,
  dw: V,
  dλ: V,
): Promise<V> {
  return inPieces ? finish(inPieces.jvp(dw, dλ)) : space.keep(space.tidy(() => jvp(dw, dλ)));
}
