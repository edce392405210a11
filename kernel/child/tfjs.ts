/** The parts of TensorFlow.js' engine, which it keeps in a global, that an interrupt leaves open. */
interface Engine {
  endScope(): void;
  state: {
    scopeStack: unknown[];
    gradientDepth: number;
    kernelDepth: number;
    activeTape: unknown;
  };
}

/**
 * Closes what a terminated cell left open in TensorFlow.js. Termination skips `finally`, so a `tidy`
 * or a gradient that it cuts short would otherwise go on for good: every later tensor belongs to the
 * tidy, and every later operation is recorded.
 */
export function closeTensorScopes(): void {
  const engine = (globalThis as { _tfengine?: Engine })._tfengine;
  if (!engine) return;
  const { state } = engine;
  state.gradientDepth = 0;
  state.kernelDepth = 0;
  state.activeTape = undefined;
  while (state.scopeStack.length > 0) engine.endScope();
}
