import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const launcher = `#!/bin/sh
# Runs the benchmark on this machine's GPU: ./run.sh [gpu.json] [largest batch]
here=$(cd "$(dirname "$0")" && pwd)
/sbin/ldconfig -p 2>/dev/null | grep -q libvulkan.so.1 || export LD_LIBRARY_PATH="$here/lib:$LD_LIBRARY_PATH"
exec "$here/node" "$here/main.cjs" "$@"
`;

/** Where Debian and Chromium keep the library that finds Vulkan drivers. */
const loaders = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/chromium/libvulkan.so.1'];

/**
 * Packs Node, Dawn, the Vulkan loader and the benchmark into one archive for a bare machine.
 *
 * @returns the archive's path; unpack it there and start `gpu/run.sh`
 */
export async function pack(archive: string): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), 'gpu-')), 'gpu');
  const root = join(__dirname, '../..');
  mkdirSync(join(folder, 'lib'), { recursive: true });
  await build({
    entryPoints: [join(__dirname, 'main.ts')],
    outfile: join(folder, 'main.cjs'),
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    // What is native, or is not wanted on a GPU.
    external: ['webgpu', 'koffi', '@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-node'],
  });
  const dawn = `dist/${process.platform}-${process.arch}`;
  for (const part of ['package.json', 'index.js', dawn]) {
    const from = join(root, 'node_modules/webgpu', part);
    cpSync(from, join(folder, 'node_modules/webgpu', part), { recursive: true });
  }
  cpSync(process.execPath, join(folder, 'node'));
  cpSync(join(__dirname, 'torch_times.py'), join(folder, 'torch_times.py'));
  const loader = loaders.find(existsSync);
  if (loader) cpSync(loader, join(folder, 'lib/libvulkan.so.1'), { dereference: true });
  writeFileSync(join(folder, 'run.sh'), launcher, { mode: 0o755 });
  mkdirSync(dirname(archive), { recursive: true });
  execFileSync('tar', ['-C', dirname(folder), '-cJf', archive, 'gpu']);
  rmSync(dirname(folder), { recursive: true });
  return archive;
}
