import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { needs } from '../../../test/needs';
import { makeProgram, snapshotIn } from './bundle';
import { checkInNotebook } from './check';
import { plainLaunch } from './launch';
import { exercisesOf, readNotebook } from './notebook';
import { sandboxLaunch } from './sandbox';
import { makeSnapshot } from './snapshot';

const bubblewrap = needs('bubblewrap');
const time = needs('time');
/** A sandbox begins as a plain process does: with `FULL=1`, or where there is none, that is tried by itself. */
const alone = needs('full').available || !bubblewrap.available;

const SOLUTIONS = join(__dirname, '..', '..', '..', 'solutions');
const limits = { seconds: 1200 };

describe.skipIf(!time.available || process.platform === 'win32')('a snapshot', () => {
  let program = '';
  afterEach(() => rmSync(program, { recursive: true, force: true }));

  test.each(alone ? (['plain', 'sandbox'] as const) : (['sandbox'] as const))(
    '%s: what begins there judges as what begins anew',
    async (kind) => {
      if (kind === 'sandbox' && !bubblewrap.available) return;
      program = makeProgram();
      const sandbox = kind === 'sandbox' ? { program, hidden: [] } : undefined;
      makeSnapshot(program, sandbox);
      expect(existsSync(snapshotIn(program))).toBe(true);
      const scratch = mkdtempSync(join(tmpdir(), 'snapshot-'));
      const launch = () =>
        sandbox ? sandboxLaunch(sandbox, limits) : plainLaunch(scratch, { program });
      const check = (name: string, id: string, change = (text: string) => text) => {
        const notebook = readNotebook(join(SOLUTIONS, `${name}.ipynb`));
        const changed = JSON.parse(change(JSON.stringify(notebook)));
        return checkInNotebook(changed, id, scratch, limits, launch());
      };
      try {
        // Of tensors, of callbacks that are differentiated, of measured memory.
        for (const name of ['00-second-derivatives', '12-forward-reverse-truncated']) {
          for (const id of exercisesOf(readNotebook(join(SOLUTIONS, `${name}.ipynb`)))) {
            expect(await check(name, id)).toMatchObject({ exercise: id, status: 'right' });
          }
        }
        const wrong = await check('09-inverse-hessian-products', 'neumann-01', (text) =>
          text.replaceAll('Math.sqrt(alpha)', '1'),
        );
        expect(wrong).toMatchObject({ status: 'mistake', mistake: 'the factor √α in front' });
        // Packages and backends that are loaded there.
        const more = `import koffi from 'koffi'; import { useBackend } from 'implicit-lab'; await useBackend('wasm', { threads: 1 });`;
        const loaded = await check('09-inverse-hessian-products', 'neumann-01', (text) => {
          const { cells, ...rest } = JSON.parse(text);
          const first = { cell_type: 'code', source: more, metadata: {}, outputs: [] };
          return JSON.stringify({ ...rest, cells: [first, ...cells] });
        });
        expect(loaded).toMatchObject({ status: 'right', remarks: [] });
      } finally {
        rmSync(scratch, { recursive: true });
      }
    },
  );

  test('one that cannot be made leaves all as it was', () => {
    program = makeProgram();
    const file = join(program, 'course', 'platform', 'node', 'child.cjs');
    const before = readFileSync(file, 'utf8');
    makeSnapshot(program, { program: '/nowhere', hidden: [] });
    expect(existsSync(snapshotIn(program))).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
