// The kernel as a few files of JavaScript, and its compiler as a snapshot of a process that has
// started: made once for each state of the sources, and used for as long as these are the same.
// Without them everything works, and starts more slowly.
const { spawn, spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.dirname(__dirname);

/** The first modules of the kernel, of the process of its cells and its watchdog, of the compiler. */
const ENTRIES = {
  kernel: ['node', 'start'],
  child: ['node', 'child', 'main'],
  watchdog: ['node', 'child', 'watchdog'],
  compiler: ['node', 'compiler', 'process'],
};
const MANIFEST = 'manifest.json';
const SNAPSHOT = 'compiler.blob';

/** Bundles of other sources that are kept: an older kernel may still be running. */
const KEPT = 3;
const KEPT_MS = 60 * 60 * 1000;

/**
 * The folder of the bundle, which is made if it is missing or damaged.
 *
 * @returns {string | undefined} nothing where it cannot be made or kept.
 */
exports.bundle = () => {
  try {
    const key = keyOf();
    for (const folder of folders()) {
      const bundle = path.join(folder, key);
      if (isWhole(bundle) || make(folder, bundle)) return bundle;
    }
  } catch {
    // Without esbuild, say. The sources run as well.
  }
  return undefined;
};

/**
 * The snapshot of the compiler in `bundle`, if it is there.
 *
 * @param {string} bundle
 */
exports.snapshot = (bundle) => {
  const file = path.join(bundle, SNAPSHOT);
  try {
    // It holds the compiler's own files as they were.
    const { size, stamps, packs } = JSON.parse(fs.readFileSync(`${file}.json`, 'utf8'));
    const isCurrent = Object.entries(stamps).every(([name, stamp]) => stampOf(name) === stamp);
    // The texts of packages are compared by the compiler itself, once it reads them.
    const hasPacks = JSON.stringify(packs) === JSON.stringify(stampsOfPacks(bundle));
    return isCurrent && hasPacks && fs.statSync(file).size === size ? file : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Makes the snapshot of the compiler. Takes some seconds.
 *
 * @param {string} bundle
 */
exports.makeSnapshot = (bundle) => {
  const file = path.join(bundle, SNAPSHOT);
  const made = `${file}.${process.pid}`;
  const entry = path.join(bundle, 'compiler.cjs');
  const flags = [...exports.COMPILER_FLAGS, '--snapshot-blob', made, '--build-snapshot', entry];
  const packs = stampsOfPacks(bundle);
  const places = { ...exports.places(), rehearsed: rehearsed(packs) };
  const { status } = spawnSync(process.execPath, [...flags, JSON.stringify(places)], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    env: environment(),
    cwd: path.dirname(places.libraries),
    windowsHide: true,
  });
  try {
    if (status !== 0) {
      write(`${file}.failed`, '');
      return false;
    }
    const stamps = {};
    for (const folder of [places.libraries, path.join(ROOT, 'compiler')]) {
      for (const name of fs.readdirSync(folder).filter((one) => one.endsWith('.d.ts'))) {
        stamps[path.join(folder, name)] = stampOf(path.join(folder, name));
      }
    }
    const { size } = fs.statSync(made);
    fs.renameSync(made, file);
    write(`${file}.json`, JSON.stringify({ size, stamps, packs }));
    return true;
  } catch {
    return false;
  } finally {
    fs.rmSync(made, { force: true });
  }
};

/**
 * Makes the snapshot in a process of its own, which outlives this one.
 *
 * @param {string} bundle
 */
exports.makeSnapshotLater = (bundle) => {
  // What this Node.js could not do once is not tried at each start.
  if (fs.existsSync(path.join(bundle, `${SNAPSHOT}.failed`))) return;
  const code = `require(${JSON.stringify(__filename)}).makeSnapshot(${JSON.stringify(bundle)})`;
  const making = spawn(process.execPath, ['-e', code], {
    stdio: 'ignore',
    detached: true,
    env: environment(),
    windowsHide: true,
  });
  making.on('error', () => {});
  making.unref();
  try {
    os.setPriority(making.pid, os.constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already.
  }
};

/** A snapshot can be read only under the flags under which it was made. */
exports.COMPILER_FLAGS = ['--max-semi-space-size=4', '--expose-gc', '--no-warnings'];

/** What the compiler is told of this machine. */
exports.places = () => {
  const typescript = createRequire(path.join(ROOT, 'package.json')).resolve('typescript');
  return { libraries: path.dirname(typescript), kernel: ROOT };
};

/**
 * The large packages whose types the snapshot is to hold: TensorFlow.js, and what has been packed.
 *
 * @param {Record<string, number | undefined>} packs
 */
function rehearsed(packs) {
  return ['@tensorflow/tfjs', ...Object.keys(packs).map((name) => path.basename(name, '.json'))];
}

/**
 * When each library was packed whose declarations are kept beside a bundle.
 *
 * @param {string} bundle
 */
function stampsOfPacks(bundle) {
  const folder = path.dirname(bundle);
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(names.map((name) => [name, stampOf(path.join(folder, name))]));
}

/** The environment of the compiler: what `NODE_OPTIONS` wants is for cells. */
exports.environment = environment;
function environment() {
  const { NODE_OPTIONS: _, ...rest } = process.env;
  return rest;
}

/** A name for the state of all that the bundle and the snapshot are made of. */
function keyOf() {
  const hash = createHash('sha256');
  const { libraries } = exports.places();
  const node = fs.statSync(process.execPath);
  hash.update(
    [ROOT, process.version, process.arch, process.execPath, node.size, node.mtimeMs].join('\n'),
  );
  hash.update(fs.readFileSync(path.join(libraries, '..', 'package.json')));
  for (const file of sources(ROOT)) {
    hash.update(`\n${file}\n`);
    hash.update(fs.readFileSync(file));
  }
  return hash.digest('hex').slice(0, 24);
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sources(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        return /^(?:node_modules|dist|browser|papermill)$/.test(entry.name) ? [] : sources(file);
      }
      return /\.(?:[cm]?[tj]s|json)$/.test(entry.name) && !/\.test\.ts$/.test(entry.name)
        ? [file]
        : [];
    });
}

/** Where bundles may be kept: beside the packages, or where that is not to be written to, at home. */
function folders() {
  const found = [];
  for (let folder = ROOT; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const packages = path.join(folder, 'node_modules');
    if (!fs.existsSync(packages)) continue;
    found.push(path.join(packages, '.cache', 'implicit-kernel'));
    break;
  }
  const home = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  return [...found, path.join(home, 'implicit-kernel')];
}

/** @param {string} bundle */
function isWhole(bundle) {
  try {
    const { hashes, sizes } = JSON.parse(fs.readFileSync(path.join(bundle, MANIFEST), 'utf8'));
    const file = (/** @type {string} */ name) => path.join(bundle, name);
    return (
      Object.entries(hashes).every(([name, hash]) => hashOf(file(name)) === hash) &&
      Object.entries(sizes).every(([name, size]) => fs.statSync(file(name)).size === size)
    );
  } catch {
    return false;
  }
}

/**
 * @param {string} folder
 * @param {string} bundle
 */
function make(folder, bundle) {
  const made = `${bundle}.${process.pid}`;
  try {
    fs.mkdirSync(made, { recursive: true });
  } catch {
    return false;
  }
  try {
    build(bundle, made);
    // Another kernel may have been faster, or have left it damaged.
    fs.rmSync(bundle, { recursive: true, force: true });
    fs.renameSync(made, bundle);
    tidy(folder, path.basename(bundle));
    return true;
  } catch {
    return isWhole(bundle);
  } finally {
    fs.rmSync(made, { recursive: true, force: true });
  }
}

/**
 * @param {string} bundle where it is going to be.
 * @param {string} made where it is made.
 */
function build(bundle, made) {
  const ours = createRequire(path.join(ROOT, 'package.json'));
  const esbuild = createRequire(ours.resolve('tsx/package.json'))('esbuild');
  const common = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
    // What finds its files by these goes on finding them.
    define: {
      __dirname: JSON.stringify(path.join(ROOT, 'node')),
      BUNDLE: JSON.stringify(bundle),
    },
  };
  const entry = (/** @type {string} */ name) => path.join(ROOT, ...ENTRIES[name]);
  esbuild.buildSync({
    ...common,
    entryPoints: Object.fromEntries(
      ['kernel', 'child', 'watchdog'].map((name) => [name, entry(name)]),
    ),
    outdir: made,
    outExtension: { '.js': '.cjs' },
    packages: 'external',
  });
  esbuild.buildSync({
    ...common,
    entryPoints: [entry('compiler')],
    outfile: path.join(made, 'compiler.cjs'),
    // Its text is a part of the snapshot.
    minify: true,
    legalComments: 'none',
  });
  const names = ['kernel.cjs', 'child.cjs', 'watchdog.cjs'];
  const hashes = Object.fromEntries(names.map((name) => [name, hashOf(path.join(made, name))]));
  // The compiler takes longer to read than it takes to start from its snapshot.
  const sizes = { 'compiler.cjs': fs.statSync(path.join(made, 'compiler.cjs')).size };
  fs.writeFileSync(path.join(made, MANIFEST), JSON.stringify({ hashes, sizes }));
}

/**
 * Removes bundles of earlier sources.
 *
 * @param {string} folder
 * @param {string} current
 */
function tidy(folder, current) {
  const old = fs
    .readdirSync(folder)
    .filter((name) => /^[0-9a-f]{24}/.test(name) && name !== current)
    .map((name) => ({ name, made: stampOf(path.join(folder, name)) ?? 0 }))
    .sort((a, b) => b.made - a.made);
  for (const { name, made } of old.slice(KEPT)) {
    if (Date.now() - made < KEPT_MS) continue;
    fs.rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Whoever reads it finds the old file or the new one, whole.
 *
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  fs.writeFileSync(`${file}.${process.pid}`, text);
  fs.renameSync(`${file}.${process.pid}`, file);
}

/** @param {string} file */
function hashOf(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

/** @param {string} file */
function stampOf(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}
