import { beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../node/child/host';
import { Cells, type Workplace } from './cells';
import { setHost } from './host';
import { afterRunning, GRACE_MS, KeyboardInterrupt } from './interruption';
import type { FromChild, RunCell } from './messages';

/** A place whose cells are functions of the test, and what it was told. */
function place(run: Workplace['run']) {
  const told: string[] = [];
  const state = { tensors: false };
  const workplace: Workplace = {
    run,
    afterTurn: (next) => void setImmediate(next),
    abandon: ({ id }) => void told.push(`abandon ${id}`),
    interrupts: {
      begin: (id) => void told.push(`begin ${id}`),
      end: () => void told.push('end'),
      canThrow: () => state.tensors,
      tell: () => void told.push('tell'),
      forget: () => void told.push('forget'),
    },
  };
  return { cells: new Cells(workplace), told, state };
}

let sent: FromChild[];
beforeEach(() => {
  sent = [];
  setHost({ ...nodeHost, send: (message) => void sent.push(structuredClone(message)) });
});

const request: RunCell = {
  id: 7,
  file: 'cell-7.ts',
  code: '',
  mappings: '',
  imports: false,
  allowInput: false,
  semicolon: { there: false, hides: false },
};
/** Waits until so many messages were sent. */
const answers = (count: number) => expect.poll(() => sent.length).toBe(count);
const later = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
const forever = new Promise<never>(() => {});

test('a cell that is done, and one that fails, is answered once, after its interrupts have ended', async () => {
  const { cells, told } = place(async ({ id }, { made, result }) => {
    made('a');
    result(id);
    if (id === 8) throw new RangeError('lost');
  });
  cells.start(request);
  expect(cells.current?.id).toBe(7);
  await answers(1);
  cells.start({ ...request, id: 8 });
  await answers(2);
  expect(sent).toMatchObject([
    { type: 'done', cell: 7, ok: true, result: { data: { 'text/plain': '7' } } },
    { type: 'done', cell: 8, ok: false, made: ['a'], failure: { name: 'RangeError' } },
  ]);
  expect(told).toEqual(['begin 7', 'end', 'begin 8', 'end']);
  expect(cells.current).toBeUndefined();
});

test('an interrupt ends a cell at once, and what comes of the cell later is not sent', async () => {
  const { cells, told } = place(async (_, { made }) => {
    made('a');
    await later(40);
  });
  cells.start(request);
  cells.interrupt();
  await later(80);
  expect(sent).toMatchObject([
    { type: 'done', cell: 7, ok: false, made: ['a'], failure: { name: 'KeyboardInterrupt' } },
  ]);
  expect(told).toEqual(['begin 7', 'forget', 'end', 'abandon 7']);
});

test('a cell that works with tensors is told first, and ended when it does not heed', async () => {
  const { cells, told, state } = place(() => forever);
  state.tensors = true;
  cells.start(request);
  cells.interrupt();
  expect(sent).toEqual([]);
  await answers(1);
  expect(sent).toMatchObject([{ cell: 7, failure: { name: 'KeyboardInterrupt' } }]);
  expect(told).toEqual(['begin 7', 'tell', 'end', 'abandon 7']);
});

test('a second interrupt does not wait, and the grace of the first does not end the next cell', async () => {
  const { cells, state } = place(() => forever);
  state.tensors = true;
  cells.start(request);
  cells.interrupt();
  cells.interrupt();
  cells.start({ ...request, id: 8 });
  await new Promise<void>((done) => afterRunning(GRACE_MS + 100, done));
  expect(sent).toMatchObject([{ cell: 7 }]);
  expect(cells.current?.id).toBe(8);
});

test('a process that stands still meanwhile does not keep a cell from closing what it has open', async () => {
  const { cells, state } = place(async (_, { made }) => {
    await later(GRACE_MS + 10);
    made('closed');
    throw new KeyboardInterrupt();
  });
  state.tensors = true;
  cells.start(request);
  cells.interrupt();
  const standing = performance.now() + 2 * GRACE_MS;
  while (performance.now() < standing);
  await answers(1);
  expect(sent).toMatchObject([{ made: ['closed'], failure: { name: 'KeyboardInterrupt' } }]);
});

test('an operation that throws the interrupt ends the cell as interrupted', async () => {
  const { cells } = place(async () => {
    throw new KeyboardInterrupt();
  });
  cells.start(request);
  await answers(1);
  expect(sent).toMatchObject([{ cell: 7, ok: false, failure: { name: 'KeyboardInterrupt' } }]);
});

test('a message to a comm is handled, whatever becomes of it', () => {
  const { cells } = place(() => forever);
  const message = { type: 'comm_msg', content: {}, metadata: {}, buffers: ['%'] } as const;
  const broken = { ...message, buffers: null as never };
  cells.handleComm(3, { ...message, buffers: [] });
  expect(() => cells.handleComm(4, broken)).toThrow(TypeError);
  expect(sent).toEqual([
    { type: 'handled', cell: 3 },
    { type: 'handled', cell: 4 },
  ]);
});
