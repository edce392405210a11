import { distance } from './compare';
import { DEFAULT_SECONDS } from './exercise';
import { type Answer, disposeExcept, type Pair } from './judge-parts';
import { tryOut } from './trial';

/**
 * The probe on which an answer, called once more, returns something else than before: it keeps
 * something from one call to the next, or draws at random. Undefined where there is none, and from
 * the first call on that takes too long or throws.
 */
export async function changesWhenCalledAgain(
  answer: Answer,
  pairs: readonly Pair[],
  tolerance: number,
): Promise<string | undefined> {
  const end = performance.now() + DEFAULT_SECONDS * 1000;
  for (const { probe, mine, right } of pairs) {
    const again = await tryOut(answer, probe, Math.max(0, end - performance.now()));
    if (again.outcome !== 'returned') return undefined;
    const changed = distance(again.parts, mine, right) > tolerance;
    disposeExcept([again.args, again.value], undefined);
    if (changed) return probe.name;
  }
  return undefined;
}
