/** What a page sets for the library, before it is used. */
interface Host {
  /**
   * The URL of the folder that contains `wasm/`, with a slash at its end; without it the paths of
   * `@tensorflow/tfjs-backend-wasm` hold.
   */
  assets: string | undefined;
  /** What Node.js has in `process.env`. */
  variables: Record<string, string>;
}

export const host: Host = { assets: undefined, variables: {} };
