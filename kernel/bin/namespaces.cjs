// esbuild gives each file that says `import * as tf` an object of its own, with a getter for each name
// of the module: for a library on TensorFlow.js, 75,000 of them in 14 MB. Here all files share one.

const SHARED = Symbol.for('implicit-kernel.namespace');

/** How esbuild writes the function that makes such an object. */
const HELPER =
  'var __toESM=(mod,isNodeMode,target)=>(target=mod!=null?__create(__getProtoOf(mod)):{},__copyProps(isNodeMode||!mod||!mod.__esModule?__defProp(target,"default",{value:mod,enumerable:true}):target,mod));';

/** As long as that, so that source maps stay right. */
const CALL = 'var __toESM=globalThis[Symbol.for("implicit-kernel.namespace")];'.padEnd(
  HELPER.length,
);

/**
 * JavaScript that esbuild has made, with namespaces from `namespaceOf`; unchanged where it is written in
 * another way.
 *
 * @param {string} code
 */
exports.shareNamespaces = (code) => code.replace(HELPER, CALL);

/** By the exports of a module: its namespaces, as an ES module sees them and as another file does. */
const known = [new WeakMap(), new WeakMap()];

/**
 * The object that `import * as name` means: what the module exports, live.
 *
 * @param {unknown} mod what `require` gives
 * @param {unknown} isNodeMode whether the file that imports is an ES module by Node.js' rules
 */
function namespaceOf(mod, isNodeMode) {
  const isHeld = (typeof mod === 'object' && mod !== null) || typeof mod === 'function';
  if (!isHeld) return make(mod, isNodeMode);
  const made = known[isNodeMode ? 1 : 0];
  const names = Object.getOwnPropertyNames(mod);
  const before = made.get(mod);
  // One that is still being loaded exports more later.
  if (before && before.count === names.length && before.last === names.at(-1)) {
    return before.namespace;
  }
  const namespace = make(mod, isNodeMode);
  made.set(mod, { namespace, count: names.length, last: names.at(-1) });
  return namespace;
}

function make(mod, isNodeMode) {
  const namespace = mod == null ? {} : Object.create(Object.getPrototypeOf(mod));
  if (isNodeMode || !mod?.__esModule) {
    Object.defineProperty(namespace, 'default', { value: mod, enumerable: true });
  }
  if ((typeof mod !== 'object' || mod === null) && typeof mod !== 'function') return namespace;
  for (const name of Object.getOwnPropertyNames(mod)) {
    if (Object.hasOwn(namespace, name)) continue;
    const enumerable = Object.getOwnPropertyDescriptor(mod, name)?.enumerable ?? true;
    Object.defineProperty(namespace, name, { get: () => mod[name], enumerable });
  }
  return namespace;
}

globalThis[SHARED] = namespaceOf;
