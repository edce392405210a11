/** The inspector of the process in which cells run (Chrome DevTools Protocol). */
export interface Inspector {
  /** @throws Error with the inspector's message. */
  post<T = object>(method: string, params?: object): Promise<T>;
}
