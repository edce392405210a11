import type { Answer, Request } from './client';
import type { Session } from './session';

/** What a session answers to a request. */
export function answerOf(session: Session, { id, method, parameters }: Request): Answer {
  const call = session[method] as (...values: unknown[]) => unknown;
  try {
    return { id, value: call.apply(session, parameters) };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
