/**
 * Asks the reader for a line of text, below the running cell.
 *
 * @param prompt what to show before the field.
 * @param options `password: true` hides what is typed.
 * @throws Error when the front end cannot ask, as in an automatic run.
 */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;
