// Keeps what tsx makes of TypeScript, for as long as a file is as it was: the files of a library are
// then loaded at once. To be loaded after tsx.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { Module } = require('node:module');
const path = require('node:path');
const { shareNamespaces } = require('./namespaces.cjs');

const ROOT = path.dirname(__dirname);
const PACKAGES = `${path.sep}node_modules${path.sep}`;

/** What is made is written once no more has come for this long. */
const SETTLE_MS = 1000;

/** By the folder of a package: what was made of its files. */
const packages = new Map();
let writing;

for (const ending of ['.ts', '.tsx']) {
  const loadByTsx = Module._extensions[ending];
  if (!loadByTsx) continue;
  Module._extensions[ending] = (module, file) => {
    const made = isOwn(file) ? madeFor(file) : undefined;
    const stamp = made && stampOf(file);
    if (stamp === undefined) return loadByTsx(module, file);
    const name = path.relative(made.folder, file);
    const known = made.files[name];
    if (known?.stamp === stamp) return module._compile(shareNamespaces(known.code), file);
    module._compile = (code, ...rest) => {
      delete module._compile;
      made.files[name] = { stamp, code: withSmallMap(code) };
      writeSoon(made);
      return module._compile(shareNamespaces(code), ...rest);
    };
    try {
      return loadByTsx(module, file);
    } finally {
      delete module._compile;
    }
  };
}

/** Not the kernel's own files and not those of packages that were installed. */
function isOwn(file) {
  return !file.includes(PACKAGES) && !file.includes('?') && !file.startsWith(ROOT + path.sep);
}

function madeFor(file) {
  const folder = packageOf(path.dirname(file));
  if (!folder) return undefined;
  if (!packages.has(folder)) packages.set(folder, read(folder));
  return packages.get(folder);
}

const folders = new Map();

/** The folder of the nearest package.json. */
function packageOf(folder) {
  if (folders.has(folder)) return folders.get(folder);
  const above = path.dirname(folder);
  const found = fs.existsSync(path.join(folder, 'package.json'))
    ? folder
    : above === folder
      ? undefined
      : packageOf(above);
  folders.set(folder, found);
  return found;
}

function read(folder) {
  const place = placeOf(folder);
  if (!place) return undefined;
  const made = { folder, place, key: keyOf(folder), files: {}, changed: false };
  try {
    const text = fs.readFileSync(place, 'utf8');
    const end = text.indexOf('\n');
    const json = text.slice(end + 1);
    if (text.slice(0, end) !== hashOf(json)) return made;
    const { key, files } = JSON.parse(json);
    if (key === made.key) made.files = files;
  } catch {
    // There is none yet.
  }
  return made;
}

/** In the `node_modules` at or above a package. */
function placeOf(folder) {
  for (let above = folder; ; above = path.dirname(above)) {
    const modules = path.join(above, 'node_modules');
    if (fs.existsSync(modules)) {
      const name = `${hashOf(`${folder}\n${tsconfig()}`).slice(0, 24)}.modules`;
      return path.join(modules, '.cache', 'implicit-kernel', name);
    }
    if (above === path.dirname(above)) return undefined;
  }
}

/** What tsx' output depends on besides the file: its version, Node.js, and the `tsconfig.json`. */
function keyOf(folder) {
  const { version } = require('tsx/package.json');
  const config = tsconfig();
  return [folder, process.version, version, config, config && stampOf(config)].join('\n');
}

/** The `tsconfig.json` that tsx reads: the first one from the folder of the process upwards. */
function tsconfig() {
  for (let above = process.cwd(); ; above = path.dirname(above)) {
    const file = path.join(above, 'tsconfig.json');
    if (fs.existsSync(file)) return file;
    if (above === path.dirname(above)) return undefined;
  }
}

function writeSoon(made) {
  made.changed = true;
  clearTimeout(writing);
  writing = setTimeout(writeChanged, SETTLE_MS);
  writing.unref();
}

function writeChanged() {
  for (const made of packages.values()) {
    if (!made?.changed) continue;
    made.changed = false;
    const json = JSON.stringify({ key: made.key, files: made.files });
    const temporary = `${made.place}.${process.pid}`;
    try {
      fs.mkdirSync(path.dirname(made.place), { recursive: true });
      // Another kernel may be reading: it finds the old file or the new one, whole.
      fs.writeFileSync(temporary, `${hashOf(json)}\n${json}`);
      fs.renameSync(temporary, made.place);
    } catch {
      // It cannot be kept: the next kernel makes it again.
      remove(temporary);
    }
  }
}

/** Without the text of the sources, which are there. */
function withSmallMap(code) {
  const found = /\n\/\/# sourceMappingURL=data:application\/json;base64,([A-Za-z0-9+/=]+)\s*$/.exec(
    code,
  );
  if (!found) return code;
  const { version, sources, mappings } = JSON.parse(Buffer.from(found[1], 'base64').toString());
  const map = Buffer.from(JSON.stringify({ version, sources, names: [], mappings }));
  const comment = `\n//# sourceMappingURL=data:application/json;base64,${map.toString('base64')}`;
  return code.slice(0, found.index) + comment;
}

function remove(file) {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // It was not even begun.
  }
}

function hashOf(text) {
  return createHash('sha1').update(text).digest('hex');
}

function stampOf(file) {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found && `${found.mtimeMs} ${found.size}`;
}
