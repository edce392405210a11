import { readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { startupSnapshot } from 'node:v8';
import * as tf from '@tensorflow/tfjs';
import * as lab from 'implicit-lab';
import * as course from '../..';
import { describe } from '../describe';
import { liveBytes } from '../live';
import { describeError } from '../trial';
import { type Frame, frameOf, lengthsOf } from './frames';
import { replay } from './graph';
import type { Answer, Change, Failure, Reply, Request, Thrown } from './messages';
import { type ReaderHooks, readValue } from './value-reader';
import { Writer } from './value-writer';
import { type Coded, type Numbers, tensorsIn } from './values';

/*
 * The process that runs a learner's program. It is given the arguments of the function under test
 * and tells what the function returns; it knows neither what is right nor what is asked beyond that.
 * All that it says may be a lie, and is treated as one would treat a result of the function.
 */

/** The descriptor of the channel. */
const CHANNEL = 3;

const { exit } = process;

let waiter: Int32Array;

/** Tries again where the channel cannot take or give anything at the moment. */
function patiently(act: () => number): number {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(waiter, 0, 0, 1);
    }
  }
}

function send(reply: Reply, bytes: Uint8Array = new Uint8Array(0)) {
  const frame = frameOf(reply, bytes);
  for (let at = 0; at < frame.length; ) {
    at += patiently(() => writeSync(CHANNEL, frame, at));
  }
}

function take(length: number): Buffer {
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = patiently(() => readSync(CHANNEL, buffer, at, length - at, null));
    if (count === 0) exit(0);
    at += count;
  }
  return buffer;
}

function receive(): Frame<Request> {
  const [text, bytes] = lengthsOf(take(8));
  const head = JSON.parse(take(text).toString('utf8')) as Request;
  return { head, bytes: take(bytes) };
}

/** The arguments of a call, that are identified later. */
interface Given {
  tensors: Map<tf.Tensor, number>;
  arrays: Map<number, { array: Numbers; copy: Numbers }>;
}

const answers = new Map<string, unknown>();
/** Functions that no longer need the number of bytes alive. */
const unmeasured = new Set<number>();

async function serve() {
  // Errors outside the function that is judged do not count.
  process.on('unhandledRejection', () => {});
  process.on('uncaughtException', () => {});
  // Keeps the process alive while a promise is waited for that nothing will resolve.
  setInterval(() => {}, 60_000);
  waiter = new Int32Array(new SharedArrayBuffer(4));
  send({ type: 'ready' });
  for (;;) {
    const { head, bytes } = receive();
    if (head.type === 'run') await run(head.code);
    else if (head.type === 'call') await call(head.id, head.args, bytes);
  }
}

type Body = (
  require: (name: string) => unknown,
  failed: (cell: number, error: unknown) => void,
) => Promise<void>;

const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => Body;

async function run(code: string) {
  const failures: Failure[] = [];
  try {
    await new AsyncFunction('require', 'failed', code)(requireFor(), (cell, error) =>
      failures.push({ cell, message: describeError(error) }),
    );
  } catch (error) {
    failures.push({ cell: -1, message: describeError(error) });
  }
  const writer = new Writer();
  const given = [...answers].map(([id, answer]): [string, Coded] => {
    try {
      return [id, writer.write(answer)];
    } catch {
      return [id, { kind: 'other', text: describe(answer) }];
    }
  });
  send({ type: 'ran', answers: given, failures }, writer.bytes());
}

/** The packages and the library as cells see them, but for `check`, which only takes the answer. */
function requireFor() {
  const require = createRequire(__filename);
  const instead = {
    check: async (id: string, answer: unknown) => {
      answers.set(String(id), answer);
    },
    hint: async () => {},
    progressMap: async () => {},
  };
  // Both names give all: notebooks from before the course was a package of its own go on counting.
  const library = { ...lab, ...course, ...instead };
  const isOurs = (name: string) => name === 'implicit-lab' || name === 'implicit-lab-course';
  const known = (name: string) => (name === '@tensorflow/tfjs' ? tf : undefined);
  return (name: string): unknown => (isOurs(name) ? library : (known(name) ?? require(name)));
}

async function call(id: string, args: Coded, bytes: Uint8Array) {
  const given: Given = { tensors: new Map(), arrays: new Map() };
  const hooks: ReaderHooks = {
    named(id, value) {
      if (value instanceof tf.Tensor) given.tensors.set(value, id);
      else given.arrays.set(id, { array: value, copy: value.slice() });
    },
    function: (code) => remote(code, given),
  };
  const values = readValue({ value: args, bytes }, hooks) as unknown[];
  const before = tf.memory().numTensors;
  const writer = new Writer(knowing(given));
  try {
    const answer = answers.get(id) as (...args: unknown[]) => unknown;
    const value = await answer(...values);
    const coded = writer.write(value);
    const returned = tensorsIn(value);
    const own = returned.filter((tensor) => !given.tensors.has(tensor));
    const kept = tf.memory().numTensors - before - own.length;
    const changes = changesIn(given, writer);
    tf.dispose([...own, ...given.tensors.keys()]);
    send({ type: 'returned', value: coded, changes, kept }, writer.bytes());
  } catch (error) {
    const fresh = new Writer(knowing(given));
    const changes = changesIn(given, fresh);
    send({ type: 'threw', error: thrown(error, fresh), changes }, fresh.bytes());
  }
}

/** A function of the judging process: this one waits until it has answered. */
function remote(
  { handle, length, measures }: { handle: number; length: number; measures: boolean },
  given: Given,
) {
  function stub(...args: unknown[]): unknown {
    const writer = new Writer(knowing(given));
    const coded = writer.write(args);
    const alive = measures && !unmeasured.has(handle) ? liveBytes() : undefined;
    const changes = changesIn(given, writer);
    send(
      {
        type: 'callback',
        handle,
        args: coded,
        changes,
        ...(alive && { alive }),
      },
      writer.bytes(),
    );
    const { head, bytes: numbers } = receive();
    const answer = head as Answer;
    if (answer.type === 'error') throw revived(answer.error, numbers);
    if (!answer.measure) unmeasured.add(handle);
    const value = answerValue(answer, numbers, args, given);
    return answer.isPromise ? Promise.resolve(value) : value;
  }
  return Object.defineProperty(stub, 'length', { value: length });
}

function answerValue(
  { value, nodes }: Extract<Answer, { type: 'value' }>,
  bytes: Uint8Array,
  args: unknown[],
  given: Given,
): unknown {
  const inputs = tensorsIn(args);
  const known = new Map([...given.tensors].map(([tensor, id]) => [id, tensor]));
  const reading = (code: Coded, made: readonly tf.Tensor[]) =>
    readValue(
      { value: code, bytes },
      {
        tensor: (kind, index) =>
          kind === 'node' ? made[index] : kind === 'argument' ? inputs[index] : known.get(index),
        function: (code) => remote(code, given),
      },
    );
  if (nodes.length === 0) return reading(value, []);
  return tf.tidy(() => reading(value, replay(nodes, reading)) as tf.TensorContainer);
}

const knowing = ({ tensors }: Given) => ({
  tensor(tensor: tf.Tensor): Coded | undefined {
    const index = tensors.get(tensor);
    return index === undefined ? undefined : { kind: 'known' as const, index };
  },
});

/** The arrays among the arguments whose numbers are not what they were when last looked at. */
function changesIn({ arrays }: Given, writer: Writer): Change[] {
  const changes: Change[] = [];
  for (const [id, kept] of arrays) {
    const { array, copy } = kept;
    const isSame = array.length !== copy.length || copy.every((x, i) => Object.is(x, array[i]));
    if (isSame) continue;
    changes.push([id, writer.write(array)]);
    kept.copy = array.slice();
  }
  return changes;
}

function thrown(error: unknown, writer: Writer): Thrown {
  try {
    if (error instanceof Error) {
      return { name: String(error.name), message: String(error.message).slice(0, 4000) };
    }
    return { value: writer.write(error) };
  } catch {
    return { value: { kind: 'other', text: 'something that cannot be looked at' } };
  }
}

const ERRORS = [RangeError, TypeError, SyntaxError, ReferenceError];

function revived(error: Thrown, bytes: Uint8Array): unknown {
  if (!('name' in error)) return readValue({ value: error.value, bytes });
  const Kind = ERRORS.find(({ name }) => name === error.name) ?? Error;
  return Object.assign(new Kind(error.message), { name: error.name });
}

const main = () => void serve().catch(() => exit(1));

// What is loaded by now may be kept, to begin from there.
if (startupSnapshot.isBuildingSnapshot()) startupSnapshot.setDeserializeMainFunction(main);
else main();
