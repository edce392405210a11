/** Shorter texts are not broken into lines. */
const SHORT = 16;

const ESCAPES: Record<string, string> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

/** A text in quotes; a long one with line breaks goes over several lines. */
export function printedString(text: string, width: number, indentation: number): string {
  if (text.length <= SHORT || text.length <= width - indentation - 4) return quoted(text);
  return text
    .split(/(?<=\n)/)
    .map(quoted)
    .join(` +\n${' '.repeat(indentation + 2)}`);
}

/** The name of a property before its colon. */
export function printedKey(key: PropertyKey, isEnumerable: boolean): string {
  if (typeof key === 'symbol') return `[${String(key)}]`;
  const name = String(key);
  if (!isEnumerable) return `[${name}]`;
  return /^[A-Za-z_][\w]*$/.test(name) ? name : quoted(name);
}

/** In quotes that the text itself has not, where there are such. */
function quoted(text: string): string {
  let quote = "'";
  if (text.includes("'")) {
    if (!text.includes('"')) quote = '"';
    else if (!text.includes('`') && !text.includes('${')) quote = '`';
  }
  let escaped = '';
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character === quote) escaped += `\\${quote}`;
    else if (ESCAPES[character]) escaped += ESCAPES[character];
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) escaped += hex(code, 2, 'x');
    else if (character.length === 1 && code >= 0xd800 && code <= 0xdfff)
      escaped += hex(code, 4, 'u');
    else escaped += character;
  }
  return quote + escaped + quote;
}

const hex = (code: number, digits: number, mark: string): string =>
  `\\${mark}${code.toString(16).toUpperCase().padStart(digits, '0')}`;
