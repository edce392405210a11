// Loads TypeScript translated as in the packages (setup/packages/build.mjs), which is what users run.
// tsx makes a call of each function that is created, to keep its name: a third of the time of a
// derivative that takes half a millisecond.
const { readFileSync } = require('node:fs');
const { Module } = require('node:module');
const { sep } = require('node:path');
const { transformSync } = require('esbuild');
const { SETTLED } = require('../setup/packages/settled-exports.cjs');

process.setSourceMapsEnabled(true);

const BENCHMARKS = __dirname + sep;

Module._extensions['.ts'] = (module, file) => {
  const { code } = transformSync(readFileSync(file, 'utf8'), {
    format: 'cjs',
    loader: 'ts',
    platform: 'node',
    target: 'node20',
    sourcefile: file,
    sourcemap: 'inline',
    sourcesContent: false,
    footer: SETTLED,
    // A benchmark is imported as TypeScript, which only this function can load.
    supported: { 'dynamic-import': !file.startsWith(BENCHMARKS) },
  });
  module._compile(code, file);
};
