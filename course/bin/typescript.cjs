// In a checkout the library is TypeScript, which Node.js runs through tsx; as a package it is
// JavaScript and needs nothing.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

if (!existsSync(join(__dirname, '..', 'index.js'))) require('tsx/cjs');
