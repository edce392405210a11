import {
  beginAt,
  type Iterate,
  type IterativeMethod,
  inPieces,
  type LinearSystem,
  residualAt,
} from './method';

/** The iterate at a start, kept. */
export function* begin<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  start: V | undefined,
): Generator<readonly S[], Iterate<V, S>, number[]> {
  const { space } = system;
  const product = start === undefined ? undefined : yield* inPieces(system, start);
  try {
    return space.keep(space.tidy(() => beginAt(system, method, start, product)));
  } finally {
    space.free(product);
  }
}

/** The first iterate, by the method as it is for this system. */
export function* prepareAndBegin<V, S>(
  system: LinearSystem<V, S>,
  method: IterativeMethod,
  start: V | undefined,
): Generator<readonly S[], { ready: IterativeMethod; current: Iterate<V, S> }, number[]> {
  if (method.prepare === undefined) {
    return { ready: method, current: yield* begin(system, method, start) };
  }
  const { space, b } = system;
  const product = start === undefined ? undefined : yield* inPieces(system, start);
  const r = space.keep(
    space.tidy(() => (start === undefined ? space.clone(b) : residualAt(system, start, product))),
  );
  try {
    const ready = yield* method.prepare(system, r);
    const x = () => (start === undefined ? space.zeros(b) : space.clone(start));
    const begin = () => ready.begin(system, x(), space.clone(r));
    return { ready, current: space.keep(space.tidy(begin)) };
  } finally {
    space.free([product, r]);
  }
}
