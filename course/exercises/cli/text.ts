/** A text in which nothing moves the cursor, begins a line or hides: names are chosen by strangers. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => JSON.stringify(sign).slice(1, -1));
}
