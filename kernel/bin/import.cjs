// Node.js' own import(), for CommonJS code that tsx has compiled, where it would be another one.
// To be loaded before tsx.
exports.load = (url) => import(url);
