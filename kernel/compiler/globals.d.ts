/**
 * Asks the reader for a line of text, below the running cell.
 *
 * @param prompt what to show before the field.
 * @param options `password: true` hides what is typed.
 * @throws Error when the front end cannot ask, as in an automatic run.
 */
declare function input(prompt?: string, options?: { password?: boolean }): Promise<string>;

/**
 * Asks the reader for a line of text, and waits for it, as in a page.
 *
 * @param preset what is returned for an empty answer.
 * @throws Error when the front end cannot ask.
 */
declare function prompt(text?: string, preset?: string): string | null;

/**
 * Asks the reader a question that is answered by y or n; everything else is no.
 *
 * @throws Error when the front end cannot ask.
 */
declare function confirm(text?: string): boolean;

/** Shows a text and waits until the reader has seen it; prints it where the front end cannot ask. */
declare function alert(text?: string): void;
