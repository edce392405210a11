import { createRequire } from 'node:module';

/** tslab's own channel, if tslab is what runs this program: it has then loaded the module itself. */
export function tslabDisplay(): unknown {
  const { cache } = createRequire(__filename);
  const path = Object.keys(cache).find((name) => /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(name));
  const exports = path && (cache[path]?.exports as { lastWriteDisplayData?: unknown });
  return (exports ? exports.lastWriteDisplayData : undefined) ?? undefined;
}
