/** The Hessian may have negative curvature; Gauss–Newton, of a loss convex in the output, has none. */
export type CurvatureKind = 'hessian' | 'gauss-newton';
