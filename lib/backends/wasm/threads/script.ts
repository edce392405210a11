/**
 * Where the numbers are that threads share, in words. `LEFT` shares of the job are not begun, `RUNNING`
 * workers look for some or compute one, `TURN` counts what workers are woken for, `READY` those that have started. A job is
 * the number of its function, how much there is to do, how much of it is one share, and for each of so
 * many arguments three numbers.
 */
export const WORD = {
  ...{ TURN: 0, LEFT: 1, RUNNING: 2, MAIL: 3, READY: 4, FAILED: 5 },
  ...{ FUNCTION: 6, COUNT: 7, SHARE: 8, ARGUMENTS: 9, FIRST: 10 },
} as const;

/** The largest number of arguments. */
export const MOST_ARGUMENTS = 16;

export const WORDS = WORD.FIRST + 3 * MOST_ARGUMENTS;

/** The first message to a worker. Messages are numbered from 1 on, with gaps. */
export interface Begin {
  number: number;
  memory: WebAssembly.Memory;
  words: Int32Array<SharedArrayBuffer>;
}

/** The others: a function, which has the message's number. */
export interface Learn {
  number: number;
  module: WebAssembly.Module;
  name: string;
}

/**
 * What a worker does. It sleeps until there is another job or a message. A share is claimed before the
 * job is read, and the job is written before there are shares to claim, so what is read belongs to the
 * share. With messages that have not arrived, a worker claims none: the job's function may be in them.
 */
export const SCRIPT = `
const { TURN, LEFT, RUNNING, MAIL, READY, FAILED, FUNCTION, COUNT, SHARE, ARGUMENTS, FIRST } = ${JSON.stringify(WORD)};
const functions = [];
let memory, words, received = 0;

function compute(share) {
  const first = share * words[SHARE];
  const count = Math.min(words[SHARE], words[COUNT] - first);
  const given = [];
  for (let i = 0; i < words[ARGUMENTS]; i++) {
    const at = FIRST + 3 * i;
    given.push(words[at] + words[at + 1] * first + words[at + 2] * count);
  }
  functions[words[FUNCTION]](...given);
}

function work() {
  Atomics.add(words, RUNNING, 1);
  try {
    while (Atomics.load(words, MAIL) === received) {
      const left = Atomics.sub(words, LEFT, 1);
      if (left <= 0) break;
      compute(left - 1);
    }
  } catch {
    Atomics.store(words, FAILED, 1);
  }
  if (Atomics.sub(words, RUNNING, 1) === 1) Atomics.notify(words, RUNNING);
}

listen((message) => {
  if (message.words) {
    ({ memory, words } = message);
    Atomics.add(words, READY, 1);
  } else {
    const { exports } = new WebAssembly.Instance(message.module, { env: { memory }, from: {} });
    functions[message.number] = exports[message.name];
  }
  received = message.number;
  while (Atomics.load(words, MAIL) === received) {
    const turn = Atomics.load(words, TURN);
    work();
    Atomics.wait(words, TURN, turn);
  }
});
`;
