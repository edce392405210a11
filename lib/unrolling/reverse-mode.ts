import type { Adjoint } from './record-step';
import type { Action } from './schedule';
import {
  type RecordedSteps,
  requireFiniteState,
  type UnrolledResult,
  type UnrolledRun,
} from './unrolled-run';

/** Walks the recorded steps back, by a schedule whose first `reverse` ends at the last step. */
export async function reverse<V>(
  run: UnrolledRun<V>,
  actions: readonly Action[],
): Promise<UnrolledResult<V>> {
  const records: RecordedSteps<V>[] = [];
  let result: UnrolledResult<V> | undefined;
  let adjoint: Adjoint<V> = {};
  try {
    for (const action of actions) {
      if (action.kind === 'advance') await run.advance(action.from, action.to);
      if (action.kind === 'free') run.forget(action.at);
      if (action.kind !== 'reverse') continue;
      const start = run.states.get(action.from)!;
      await run.record(action.from, action.to, records);
      if (result === undefined) {
        const last = records[records.length - 1]!.next;
        await requireFiniteState(run.space, last);
        const { x } = last;
        const { dw, dλ, auxiliary } = await run.outer(x);
        result = { value: dλ, w: run.copy(x), ...(auxiliary && { auxiliary }) };
        adjoint = { x: dw };
      }
      while (records.length > 0) {
        const record = records[records.length - 1]!;
        const recorded = records.reduce((sum, { count }) => sum + count, 0);
        const pulled = await run.pull(record, adjoint, result.value, recorded);
        run.free(adjoint, pulled.adjoint);
        run.free(result.value);
        adjoint = pulled.adjoint;
        result.value = pulled.value;
        records.pop();
        record.dispose();
        run.free(record.next, records[records.length - 1]?.next ?? start);
        await run.pause(result.w);
      }
    }
    if (run.states.has(0)) result!.adjoint = run.sum(adjoint);
    return result!;
  } catch (error) {
    run.free(result);
    throw error;
  } finally {
    for (const record of records) {
      record.dispose();
      run.free(record.next);
    }
    run.free(adjoint);
  }
}
