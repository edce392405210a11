import { expect, test } from 'vitest';
import type { Json } from '../../protocol';
import { Debugger } from './debugger';

/** The lines 4 and 5 of a source are the first two of its code. */
const MAP = Buffer.from(JSON.stringify({ mappings: 'AAGA;AACA' })).toString('base64');

test('a stop that is told together with the number of its breakpoint is on the line of the breakpoint', async () => {
  const post = async <T>(method: string) =>
    (method === 'Debugger.setBreakpointByUrl' ? { breakpointId: '1' } : {}) as T;
  const program = new Debugger({ post }, () => {});
  const ask = (command: string, parameters: Json = {}) =>
    program.answer({ command, seq: 1, arguments: parameters });
  await ask('attach');
  await ask('setBreakpoints', { source: { path: '/add.ts' }, breakpoints: [{ line: 4 }] });

  program.receive('Debugger.scriptParsed', {
    ...{ scriptId: '7', url: 'file:///add.ts' },
    sourceMapURL: `data:application/json;base64,${MAP}`,
  });
  // The engine stops at the end of a `return`, on the next line.
  const location = { scriptId: '7', lineNumber: 1, columnNumber: 0 };
  program.receive('Debugger.paused', {
    ...{ reason: 'other', hitBreakpoints: ['1'] },
    callFrames: [{ callFrameId: '0', functionName: 'add', location, scopeChain: [] }],
  });
  await new Promise((done) => setImmediate(done));

  const { body } = await ask('stackTrace', { threadId: 1 });
  expect(body).toMatchObject({ stackFrames: [{ name: 'add', line: 4 }] });
});
