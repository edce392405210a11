import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from './needs';

/** The packages as a stranger has them: packed, and installed into an empty project elsewhere. */

const root = join(__dirname, '..');
const python = process.env.PYTHON ?? join(root, '.venv', 'bin', 'python');
const time = needs('time');
const registry = time.available ? needs('registry') : time;
const full = needs('full');

const run = async (command: string, args: string[], options: { cwd: string; env?: object }) => {
  const { stdout } = await promisify(execFile)(command, args, {
    ...options,
    env: { ...process.env, ...options.env },
    maxBuffer: 1e8,
  });
  return stdout;
};

/** What `npm run build:packages` made of a workspace. */
const packed = (folder: string) => {
  const { name, version } = manifest(folder);
  return join(root, folder, `${name}-${version}.tgz`);
};

const manifest = (...names: string[]) =>
  JSON.parse(readFileSync(join(root, ...names, 'package.json'), 'utf8'));

describe.skipIf(!registry.available)('the packages, installed into an empty project', () => {
  let project: string;
  const write = (name: string, lines: string[]) => {
    writeFileSync(join(project, name), `${lines.join('\n')}\n`);
    return join(project, name);
  };
  const node = (file: string) => run(process.execPath, [file], { cwd: project });
  const install = (...names: string[]) =>
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...names], {
      cwd: project,
    });
  /** A package that the library finds where someone has installed it, in the version that it wants. */
  const peer = (name: string) => `${name}@${manifest('lib').peerDependencies[name]}`;

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'packages-'));
    await run(process.execPath, [join(root, 'setup', 'build-packages.mjs')], { cwd: root });
    write('package.json', ['{ "private": true }']);
    await install(packed('lib'));
  });

  afterAll(() => rmSync(project, { recursive: true, force: true, maxRetries: 5 }));

  test('bring JavaScript and types, and none of their sources', () => {
    const library = join(project, 'node_modules', 'implicit-lab');
    for (const file of ['index.js', 'index.mjs', 'index.d.ts', 'index.d.mts', 'LICENSE']) {
      expect(existsSync(join(library, file)), file).toBe(true);
    }
    for (const file of [
      'index.ts',
      'backends/op-table',
      'fuzz',
      'descent/testing.js',
      'exercises',
    ]) {
      expect(existsSync(join(library, file)), file).toBe(false);
    }
    expect(statSync(packed('lib')).size).toBeLessThan(1e6);
    expect(JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'))).toMatchObject({
      main: 'index.js',
      types: 'index.d.ts',
      peerDependencies: { '@tensorflow/tfjs': '4.22.0' },
    });
  });

  test('export plain properties, which are found without a call', async () => {
    const file = write('exports.cjs', [
      "const library = require('implicit-lab');",
      'const all = Object.entries(Object.getOwnPropertyDescriptors(library));',
      'const getters = all.filter(([, { get }]) => get !== undefined).map(([name]) => name);',
      'console.log(JSON.stringify({ count: all.length, getters, isModule: library.__esModule }));',
    ]);
    const { count, getters, isModule } = JSON.parse(await node(file));
    expect(count).toBeGreaterThan(20);
    expect({ getters, isModule }).toEqual({ getters: [], isModule: true });
  });

  test('bring TensorFlow.js with the library, and nothing else', () => {
    expect(manifest('lib')).not.toHaveProperty('dependencies');
    const { packages } = JSON.parse(
      readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8'),
    );
    /** The names of what a package needs, and of what that needs. */
    const needed = new Set<string>();
    const visit = (name: string) => {
      const entry = packages[`node_modules/${name}`];
      if (needed.has(name) || !entry) return;
      needed.add(name);
      for (const other of Object.keys({ ...entry.dependencies, ...entry.peerDependencies }))
        visit(other);
    };
    visit('@tensorflow/tfjs');
    const top = Object.keys(packages)
      .map((path) => path.slice('node_modules/'.length))
      .filter((name) => !name.includes('node_modules/'));
    expect(top.filter((name) => !needed.has(name))).toEqual(['implicit-lab']);
  });

  test('have a library that runs without its optional peers, and names what would help', async () => {
    const file = write('alone.mjs', [
      "import { useBackend } from 'implicit-lab';",
      'const { name, passedOver } = await useBackend();',
      "const refusal = await useBackend('wasm').catch((error) => error.name + ': ' + error.message);",
      'console.log(JSON.stringify({ name, passedOver, refusal }));',
    ]);
    const { name, passedOver, refusal } = JSON.parse(await node(file));
    expect(name).toBe('cpu');
    expect(passedOver.map((one: { name: string }) => one.name)).toEqual([
      'webgpu',
      'tensorflow',
      'wasm',
    ]);
    expect(passedOver[2].reason).toContain('npm install @tensorflow/tfjs-backend-wasm');
    expect(refusal).toMatch(/^UnsupportedError: .*@tensorflow\/tfjs-backend-wasm/);
  });

  test('have a library without Node.js for a page, optional peers installed or not', () => {
    const { text, files } = bundled();
    expect(text).not.toMatch(/(require|import)\(?\s*["']node:/);
    expect(files).toMatch(/implicit-lab\/platform\/browser\/threads\.js/);
    expect(files).not.toMatch(/platform\/node\//);
  });

  test('can be installed with all of them', async () => {
    await install(packed('course'), packed('kernel'), peer('@tensorflow/tfjs-backend-wasm'));
    expect(existsSync(join(project, 'node_modules', 'implicit-lab-course', 'index.js'))).toBe(true);
  });

  const uses = [
    "const backend = await useBackend('wasm', { threads: 1 });",
    'const A = { apply: ([x, y]) => Float64Array.of(2 * x + y, x + 3 * y), dispose() {} };',
    'const { value } = await cg().solve(A, Float64Array.of(3, 4));',
    'console.log(JSON.stringify({ name: backend.name, value: Array.from(value, Math.round) }));',
  ];
  const expected = { name: 'wasm', value: [1, 1] };

  /** The library as a bundler makes it for a browser, with all that is installed and nothing external. */
  function bundled(): { text: string; files: string } {
    const file = write('page.mjs', ["export * from 'implicit-lab';"]);
    const { outputFiles, metafile } = buildSync({
      entryPoints: [file],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'browser',
      format: 'esm',
    });
    return { text: outputFiles[0]!.text, files: Object.keys(metafile.inputs).join('\n') };
  }

  test('bring nothing of Node.js into a page', () => {
    const file = write('whole-page.mjs', [
      "import { cg } from 'implicit-lab';",
      "import { figure } from 'implicit-lab-course';",
      'console.log(cg().name, figure);',
    ]);
    const { outputFiles, metafile } = buildSync({
      entryPoints: [file],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'browser',
      format: 'esm',
      external: Object.keys(manifest('lib').peerDependencies).slice(2),
    });
    expect(outputFiles[0]!.text).not.toMatch(/(require|import)\(?\s*["']node:/);
    const files = Object.keys(metafile.inputs).join('\n');
    expect(files).toMatch(/implicit-lab-course\/platform\/browser\/files\.js/);
    expect(files).not.toMatch(/platform\/node\//);
  });

  test('bring neither koffi nor webgpu, and say what they would be good for', async () => {
    for (const name of ['koffi', 'webgpu']) {
      expect(existsSync(join(project, 'node_modules', name)), name).toBe(false);
    }
    const file = write('without.mjs', [
      "import { useBackend } from 'implicit-lab';",
      "const { why } = await useBackend('wasm', { threads: 1 });",
      "const refusal = await useBackend('webgpu').catch(({ name, message }) => name + ': ' + message);",
      'console.log(JSON.stringify({ why, refusal }));',
    ]);
    const { why, refusal } = JSON.parse(await node(file));
    expect(why).toContain(
      'without OpenBLAS: the package koffi is not installed (npm install koffi)',
    );
    expect(refusal).toMatch(/^UnsupportedError: /);
    // Where no driver is installed, that is what is said first.
    if (process.env.VK_DRIVER_FILES) expect(refusal).toContain('npm install webgpu');
  });

  test('work from a JavaScript module', async () => {
    const file = write('module.mjs', ["import { cg, useBackend } from 'implicit-lab';", ...uses]);
    expect(JSON.parse(await node(file))).toEqual(expected);
  });

  // Each is a package of the registry, of some 100 MB: `FULL=1 npx vitest run test/packages.test.ts -t runtime`.
  test.skipIf(!full.available).each([
    ['node@22', 'node'],
    ['node@24', 'node'],
    ['deno@2', 'deno', '-A'],
  ])('work in another runtime: %s', async (name, ...command) => {
    const lines = ["import { cg, useBackend } from 'implicit-lab';", ...uses, 'process.exit();'];
    const file = write('runtime.mjs', ["import process from 'node:process';", ...lines]);
    const said = await run('npx', ['--yes', '-p', name, ...command, file], { cwd: project });
    expect(JSON.parse(said)).toEqual(expected);
  });

  test('work from a CommonJS file', async () => {
    const file = write('script.cjs', [
      "const { cg, useBackend } = require('implicit-lab');",
      '(async () => {',
      ...uses,
      '})();',
    ]);
    expect(JSON.parse(await node(file))).toEqual(expected);
  });

  test('are one library, not two, for a program that imports and requires', async () => {
    const file = write('both.mjs', [
      "import { createRequire } from 'node:module';",
      "import * as imported from 'implicit-lab';",
      "const required = createRequire(import.meta.url)('implicit-lab');",
      'const names = Object.keys(required);',
      'console.log(names.length > 100 && names.every((name) => imported[name] === required[name]));',
    ]);
    expect(await node(file)).toBe('true\n');
  });

  test('have a page whose code runs as it stands', async () => {
    const page = readFileSync(join(project, 'node_modules', 'implicit-lab', 'README.md'), 'utf8');
    const code = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!);
    const file = write('page.mjs', [
      ...code,
      'const found = [throughSteps, atSolution, own].map(({ value }) => value.logλ.dataSync()[0]);',
      'console.log(JSON.stringify({ losses: history.loss, found, status }));',
    ]);
    const { losses, found, status } = JSON.parse(await node(file));
    expect(losses[4]).toBeLessThan(losses[0] / 2);
    // Three ways to one derivative.
    for (const value of found) expect(value / found[0]).toBeCloseTo(1, 4);
    expect(status).toBe('converged');
  });

  const typed = [
    "import * as tf from '@tensorflow/tfjs';",
    "import { cg, implicitSGD, type BackendReport, useBackend } from 'implicit-lab';",
    'export async function train(): Promise<Float32Array> {',
    "  const report: BackendReport = await useBackend('cpu');",
    '  const optimizer: tf.Optimizer = implicitSGD(0.5, { solver: cg({ tolerance: 1e-6 }) });',
    '  const x = tf.variable(tf.tensor1d([3, -6]));',
    '  optimizer.minimize(() => tf.sum(tf.square(x)) as tf.Scalar, false, [x]);',
    '  return report.name === "cpu" ? ((await x.data()) as Float32Array) : new Float32Array();',
    '}',
    'void train().then((x) => console.log(Array.from(x, (value) => value.toFixed(4)).join()));',
  ];
  const compile = (...args: string[]) =>
    run(
      process.execPath,
      [
        join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
        '--strict',
        '--skipLibCheck', // The declarations of TensorFlow.js do not hold by themselves.
        '--target',
        'es2022',
        ...args,
      ],
      { cwd: project },
    );

  test.for(full.available ? ['typed.mts', 'typed.cts'] : ['typed.mts'])(
    'are typed for %s, and run compiled',
    async (name) => {
      const file = write(name, typed);
      await compile('--module', 'node20', file);
      // Backward Euler of x' = -2x with a step of 1/2 halves x.
      expect(await node(file.replace('ts', 'js'))).toBe('1.5000,-3.0000\n');
    },
  );

  test('refuse a wrong argument when types are checked', async () => {
    const file = write('wrong.mts', [
      "import { implicitSGD } from 'implicit-lab';",
      "implicitSGD('fast');",
    ]);
    const error = await compile('--noEmit', '--module', 'node20', file).catch((error) => error);
    expect(error.stdout).toMatch(/'"fast"' is not assignable to parameter of type 'AutoRate'/);
  });

  test('bring the command line, which makes a notebook that finds the library', async () => {
    const bin = join(project, 'node_modules', '.bin', 'implicit-lab');
    const said = await run(bin, ['new', 'my-study'], { cwd: project });
    expect(said).toContain('Open my-study');
    expect(said).not.toContain('will not find');
    expect(existsSync(join(project, 'my-study', 'my-study.ipynb'))).toBe(true);
  });

  test('give Jupyter a kernel whose cells use the library', async () => {
    const bin = join(project, 'node_modules', '.bin', 'implicit-kernel');
    await run(bin, ['install', '--prefix', project], { cwd: project });
    const spec = join(project, 'share', 'jupyter', 'kernels', 'implicit-kernel', 'kernel.json');
    expect(JSON.parse(readFileSync(spec, 'utf8')).argv.join()).toContain(project);
    const cell = (source: string) => ({
      cell_type: 'code',
      execution_count: null,
      metadata: {},
      outputs: [],
      source,
    });
    const notebook = write('cells.ipynb', [
      JSON.stringify({
        nbformat: 4,
        nbformat_minor: 4,
        metadata: {
          kernelspec: {
            name: 'implicit-kernel',
            display_name: 'TypeScript',
            language: 'typescript',
          },
        },
        cells: [
          cell(
            "import { cg, useBackend } from 'implicit-lab';\nimport * as tf from '@tensorflow/tfjs'",
          ),
          cell(uses.join('\n').replace('([x, y])', '([x, y]: Float64Array)')),
          cell("import { writeFileSync } from 'node:fs'\nwriteFileSync('ran.txt', String(value))"),
        ],
      }),
    ]);
    await run(python, [join(root, 'test', 'lessons.py'), notebook], {
      cwd: project,
      env: { JUPYTER_PATH: join(project, 'share', 'jupyter') },
    });
    expect(readFileSync(join(project, 'ran.txt'), 'utf8')).toMatch(/^(1|0\.9+\d*|1\.0+\d*),/);
  });
});
