/*
 * `console`, as the types of Node.js have it: most cells need no more of them.
 */

interface Console {
  /** Prints an error where `value` is false. */
  assert(value: unknown, message?: string, ...optionalParams: unknown[]): void;
  clear(): void;
  /** Prints how often it was called with this label. */
  count(label?: string): void;
  countReset(label?: string): void;
  debug(message?: unknown, ...optionalParams: unknown[]): void;
  dirxml(...data: unknown[]): void;
  /** Prints to stderr. */
  error(message?: unknown, ...optionalParams: unknown[]): void;
  /** Indents what is printed from here on. */
  group(...label: unknown[]): void;
  groupCollapsed(...label: unknown[]): void;
  groupEnd(): void;
  info(message?: unknown, ...optionalParams: unknown[]): void;
  /** Prints values, separated by spaces; the first may be a format, as of `util.format()`. */
  log(message?: unknown, ...optionalParams: unknown[]): void;
  /** Prints rows, with the given columns. */
  table(tabularData: unknown, properties?: readonly string[]): void;
  /** Starts a timer, which `timeEnd` with the same label ends and prints. */
  time(label?: string): void;
  timeEnd(label?: string): void;
  timeLog(label?: string, ...data: unknown[]): void;
  /** Prints where it was called, to stderr. */
  trace(message?: unknown, ...optionalParams: unknown[]): void;
  /** Prints to stderr. */
  warn(message?: unknown, ...optionalParams: unknown[]): void;
}

declare var console: Console;
