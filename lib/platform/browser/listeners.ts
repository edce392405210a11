/** In a page Emscripten touches no handlers of errors. */
export const keepingListeners = <T>(work: () => Promise<T>): Promise<T> => work();
