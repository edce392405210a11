/** The expression that a cell such as `tf.tensor?` asks about, or `undefined` for any other cell. */
export function helpTopic(code: string): string | undefined {
  return /^\s*\??([\w$]+(?:\.[\w$]+)*)\?\s*$/.exec(code)?.[1];
}
