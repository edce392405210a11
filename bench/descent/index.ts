import { useBackend } from '../../lib/backends';
import { chosenParts } from '../parts';
import { auto } from './auto';
import { breakEven } from './break-even';
import { convex } from './convex';
import { deep } from './deep';
import { iterations } from './iterations';
import { measuring } from './measuring';
import { writePart } from './page';
import { pinn, pinnWide } from './pinn';
import { pinnStep } from './pinn/step-cost';
import { savings } from './savings';
import { signal } from './signal';
import { size } from './size';
import { type Profile, profiles, study } from './study';
import { transfer } from './transfer';
import { vanishing } from './vanishing';
import { warmStart } from './warm-start';

type Part = (profile: Profile) => Promise<string>;

const parts: Record<string, Part> = {
  study,
  transfer,
  'break-even': breakEven,
  size,
  auto,
  measuring,
  savings,
  iterations,
  'warm-start': warmStart,
  pinn,
  'pinn-wide': pinnWide,
  'pinn-step': pinnStep,
  convex,
  deep,
  signal,
  vanishing,
};

/** Parts that have a page of their own. */
const pages: Record<string, string> = {
  pinn: 'pinn.md',
  'pinn-wide': 'pinn.md',
  'pinn-step': 'pinn.md',
  convex: 'convex.md',
  deep: 'deep.md',
  signal: 'deep.md',
  vanishing: 'deep.md',
};

/**
 * Where do implicit steps pay? By learning rate on four networks (`study`), on the head of a frozen
 * one (`transfer`), by the number of parameters (`break-even`), on differential equations (`pinn`, `pinn-wide`; `pinn-step`: what a step costs), on
 * convex problems (`convex`), on long memories and deep autoencoders (`deep`; `signal`: why a long first step spoils these, `vanishing`: what shows it), what a step costs in time and memory (`size`), whether one needs a
 * rate (`auto`) and what finding it costs (`measuring`), what a preconditioner and a share of the curvature save (`savings`, `iterations`), and a warm start (`warm-start`).
 *
 * `npm run bench -- descent [study | transfer | break-even | size | auto | measuring | savings | iterations | warm-start | pinn | pinn-wide | pinn-step | convex | deep | signal | vanishing …] [full] [kept]`
 *
 * A part takes some minutes on a quiet machine, `study` fifteen; `full` takes hours. Runs are
 * kept in `bench/results/descent`, so what was interrupted goes on where it was; with `kept` the pages of
 * `auto`, `savings`, `pinn-wide`, `convex` and `deep` are written of the runs that there are.
 */
export async function run(args: string[]): Promise<void> {
  const profile = profiles[args.includes('full') ? 'full' : 'short'];
  const asked = args.filter((arg) => arg !== 'full' && arg !== 'kept');
  const names = chosenParts(asked, parts, ['full', 'kept']);
  if (names === undefined) return;
  // One thread: then processor time is what a quiet machine would take.
  const report = await useBackend('wasm', { threads: 1 });
  console.log(`${report.name}, one thread, ${report.device}, BLAS: ${report.blas ?? 'none'}`);
  for (const name of names) {
    writePart(name, await parts[name]!(profile), pages[name]);
  }
}
