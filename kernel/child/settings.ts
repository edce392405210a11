/** What a notebook can set in one of its cells. */
export interface Settings {
  /**
   * Whether a semicolon at the end of a cell hides its value, as in IPython. Where it is not set, the
   * notebook's metadata decide: `"implicit-kernel": { "silentSemicolon": true }`.
   */
  silentSemicolon?: boolean;
}

export const settings: Settings = {};
