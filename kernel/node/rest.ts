import { readFileSync, watch, writeFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Rest } from '../compiler';

/** With less than this part of the machine's memory to spare, a compiler rests soon. */
const SCARCE = 0.25;
const SOON_MS = 5000;

/**
 * Where many share a machine, as `IMPLICIT_KERNEL_REST_SECONDS` says: a compiler rests that was asked
 * nothing for so long, and one whose person asks another kernel. Never by default.
 */
export function restOfCompilers(): Rest | undefined {
  const ms = 1000 * Number(process.env.IMPLICIT_KERNEL_REST_SECONDS);
  if (!(ms > 0)) return undefined;
  const folder = process.env.JUPYTER_RUNTIME_DIR;
  return {
    afterMs: () => (freemem() < SCARCE * totalmem() ? Math.min(ms, SOON_MS) : ms),
    ...(folder === undefined ? NO_OTHERS : turnsIn(join(folder, 'implicit-kernel-turn'))),
  };
}

type Turns = Pick<Rest, 'take' | 'onTaken'>;

const NO_OTHERS: Turns = { take() {}, onTaken() {} };

/** The kernels of a person take turns by a file: in it is the one that was asked last. */
function turnsIn(file: string): Turns {
  const own = `${process.pid}\n`;
  let isOwn = false;
  return {
    take() {
      if (isOwn) return;
      isOwn = true;
      try {
        writeFileSync(file, own);
      } catch {
        // Then the others do not learn of it, and rest by time.
      }
    },
    onTaken(hear) {
      try {
        watch(dirname(file), { persistent: false }, (_, name) => {
          if (name !== basename(file) || !isOwn || isStillOwn()) return;
          isOwn = false;
          hear();
        }).on('error', () => {});
      } catch {
        // Nor can it be heard here.
      }
    },
  };

  function isStillOwn(): boolean {
    try {
      const text = readFileSync(file, 'utf8');
      // Empty while another writes it: that is told of, too.
      return text === own || text === '';
    } catch {
      return true;
    }
  }
}
