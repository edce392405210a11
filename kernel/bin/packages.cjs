// Lets Node.js load the JavaScript of packages by itself. tsx reads all of it through first, for
// what older Node.js cannot load: that is tried second. To be loaded after tsx.
const { Module } = require('node:module');
const { sep } = require('node:path');
const { loadJavaScript } = require('./native.cjs');

const loadByTsx = Module._extensions['.js'];
const PACKAGES = `${sep}node_modules${sep}`;

if (loadByTsx !== loadJavaScript) {
  Module._extensions['.js'] = (module, file) => {
    if (!file.includes(PACKAGES)) return loadByTsx(module, file);
    compileWithoutMap(module);
    try {
      return loadJavaScript(module, file);
    } catch (error) {
      if (!isESModule(error)) throw error;
      return loadByTsx(module, file);
    } finally {
      delete module._compile;
    }
  };
}

/**
 * Node.js reads the source map of each file that it loads, megabytes of them for TensorFlow.js, to
 * name lines of a package's sources in traces, which are seldom there.
 */
function compileWithoutMap(module) {
  module._compile = (code, ...rest) => {
    delete module._compile;
    const at = code.lastIndexOf('\n//# sourceMappingURL=');
    const isLast = at >= 0 && /^\n.*\s*$/.test(code.slice(at));
    return module._compile(isLast ? code.slice(0, at) : code, ...rest);
  };
}

/** Whether Node.js found an ES module where it can only load CommonJS. */
function isESModule(error) {
  const { code, message = '' } = error ?? {};
  if (code === 'ERR_REQUIRE_ESM' || code === 'ERR_REQUIRE_ASYNC_MODULE') return true;
  return (
    error instanceof SyntaxError &&
    /import statement|Unexpected token 'export'|'import\.meta'/.test(message)
  );
}
