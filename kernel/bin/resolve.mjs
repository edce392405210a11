/**
 * Where `import name` leads from the module at the URL `parent`.
 *
 * @param {string} name
 * @param {string} parent
 */
export default (name, parent) => import.meta.resolve(name, parent);
