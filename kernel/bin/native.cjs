// What Node.js itself has, from before tsx takes its place. To be loaded before tsx.
const { Module } = require('node:module');

/** Node.js' own import(): in CommonJS that tsx has compiled, it would be another one. */
exports.load = (url) => import(url);

/** How Node.js loads a file of JavaScript. */
exports.loadJavaScript = Module._extensions['.js'];
