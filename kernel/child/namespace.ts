import { host } from './host';

type Module = Record<string, unknown>;

const known = new WeakMap<object, Module>();

/**
 * A module as `import * as` gives it. Of CommonJS it is one as TypeScript's esModuleInterop has it:
 * with live exports, and printed with their values.
 */
export function namespaceOf(module: unknown): unknown {
  if (host().isNamespace(module)) return module;
  if ((typeof module !== 'object' && typeof module !== 'function') || module === null) {
    return { default: module };
  }
  const found = known.get(module) ?? copyOf(module as Module);
  known.set(module, found);
  return found;
}

/**
 * An export by its name.
 *
 * @returns a function that reads it where its value may change, else its value.
 * @throws SyntaxError if there is none.
 */
export function exportOf(module: unknown, name: string): { value: unknown } | { get(): unknown } {
  if (name === '*') return { value: namespaceOf(module) };
  const exports = module as Module;
  const isES = host().isNamespace(module);
  if (name === 'default' && !isES && !exports?.__esModule) return { value: module };
  if (!(name in Object(module))) {
    throw new SyntaxError(`The imported module does not export '${name}'.`);
  }
  const isLive = isES || Object.getOwnPropertyDescriptor(Object(module), name)?.get !== undefined;
  return isLive ? { get: () => exports[name] } : { value: exports[name] };
}

function copyOf(module: Module): Module {
  const copy: Module = Object.create(null);
  for (const key of Object.keys(module)) {
    Object.defineProperty(copy, key, { enumerable: true, get: () => module[key] });
  }
  if (!module.__esModule) {
    Object.defineProperty(copy, 'default', { enumerable: true, value: module });
  }
  Object.defineProperty(copy, Symbol.toStringTag, { value: 'Module' });
  Object.defineProperty(copy, host().ownInspect, {
    value: (_depth: number, options: object) => {
      const values = Object.create(null);
      for (const key of Object.keys(copy)) values[key] = readExport(copy, key);
      return host()
        .inspect(values, options)
        .replace(/^\[Object: null prototype\]/, '[Module: null prototype]');
    },
  });
  return copy;
}

function readExport(module: Module, key: string): unknown {
  try {
    return module[key];
  } catch (error) {
    return `[threw ${String(error)}]`;
  }
}
