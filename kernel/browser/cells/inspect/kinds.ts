export function keysOf(value: object): PropertyKey[] {
  const symbols = Object.getOwnPropertySymbols(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key),
  );
  return [...Object.keys(value), ...symbols];
}

/** The name of the class of a value; nothing where it has no prototype. */
export function classOf(value: object): string | undefined {
  for (let at: object | null = value; at; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    if (typeof found === 'function' && found.name !== '' && value instanceof found) {
      return found.name;
    }
  }
  return undefined;
}

export function prefixOf(value: object, name: string | undefined): string {
  const given: unknown = Reflect.get(value, Symbol.toStringTag);
  const tag = typeof given === 'string' && given !== '' && given !== name ? ` [${given}]` : '';
  if (name === undefined)
    return given === 'Module' ? '[Module: null prototype] ' : `[Object: null prototype]${tag} `;
  return name === 'Object' && tag === '' ? '' : `${name}${tag} `;
}

/** What cannot be looked into. */
export function unknownInside(value: object): string[] {
  if (value instanceof WeakMap || value instanceof WeakSet) return ['<items unknown>'];
  if (value instanceof ArrayBuffer) {
    const bytes = [...new Uint8Array(value).subarray(0, 50)];
    const rest = value.byteLength - bytes.length;
    const text = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const dots = rest > 0 ? ` ... ${rest} more byte${rest > 1 ? 's' : ''}` : '';
    return [`[Uint8Contents]: <${text}${dots}>`, `byteLength: ${value.byteLength}`];
  }
  return [];
}

// biome-ignore lint/complexity/noBannedTypes: any function there is
export function functionName(value: Function): string {
  const source = Function.prototype.toString.call(value);
  const parent: unknown = Object.getPrototypeOf(value);
  if (source.startsWith('class')) {
    const from =
      typeof parent === 'function' && parent.name !== '' ? ` extends ${parent.name}` : '';
    return `[class ${value.name || '(anonymous)'}${from}]`;
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  return value.name === '' ? `[${kind} (anonymous)]` : `[${kind}: ${value.name}]`;
}
