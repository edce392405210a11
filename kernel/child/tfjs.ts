/** The parts of TensorFlow.js' engine, which it keeps in a global, that an interrupt has to do with. */
interface Engine {
  endScope(): void;
  isTapeOn(): boolean;
  state: {
    scopeStack: unknown[];
    gradientDepth: number;
    kernelDepth: number;
    activeTape: { saved: { dispose(): void }[] }[] | null;
  };
}

type Place = { _tfengine?: Engine };

/**
 * Calls `listener` before every operation of TensorFlow.js, from when it is loaded.
 *
 * Every operation begins by asking whether a tape is on. A listener at that place has returned by
 * the time the operation runs, and so is not in the trace of an error that it throws.
 */
export function beforeEveryOperation(listener: () => void): void {
  let loaded: Engine | undefined;
  Object.defineProperty(globalThis, '_tfengine', {
    configurable: true,
    get: () => loaded,
    set(engine: Engine) {
      const { isTapeOn } = engine;
      engine.isTapeOn = function () {
        listener();
        return isTapeOn.call(this);
      };
      loaded = engine;
    },
  });
}

/**
 * Closes what a terminated cell left open in TensorFlow.js. Termination skips `finally`, so a `tidy`
 * or a gradient that it cuts short would otherwise go on for good: every later tensor belongs to the
 * tidy, and every later operation is recorded. What a tape has saved belongs to no scope.
 */
export function closeTensorScopes(): void {
  const engine = (globalThis as Place)._tfengine;
  if (!engine) return;
  const { state } = engine;
  state.gradientDepth = 0;
  state.kernelDepth = 0;
  for (const { saved } of state.activeTape ?? []) for (const tensor of saved) tensor.dispose();
  state.activeTape = null;
  while (state.scopeStack.length > 0) engine.endScope();
}
