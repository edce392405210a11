/**
 * Cells that do not end by themselves. Each counts, so that a later cell can tell that its variables are there
 * after an interrupt. The first five, each of another kind, are those of `npm test`.
 */
export const ENDLESS: readonly { name: string; code: string }[] = [
  { name: 'a loop', code: 'let count = 0;\nfor (;;) count++;' },
  {
    name: 'a loop that waits for timers',
    code: 'let count = 0;\nfor (;;) { await new Promise((done) => setTimeout(done, 2)); count++; }',
  },
  {
    name: 'work with tensors',
    code: "import * as tf from '@tensorflow/tfjs';\nlet count = 0;\nfor (;;) { tf.tidy(() => tf.ones([9, 9]).sum().dataSync()); count++; }",
  },
  { name: 'waiting for nothing', code: 'let count = 1;\nawait new Promise(() => {});' },
  {
    name: 'recursion',
    code: 'let count = 0;\nfunction fibonacci(n: number): number { count++; return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }\nfibonacci(90);',
  },
  {
    name: 'a loop behind an await',
    code: 'let count = 0;\nwhile (true) { await null; count++; }',
  },
  {
    name: 'an interrupt that is caught',
    code: 'let count = 0;\nfor (;;) { try { for (;;) count++; } catch {} }',
  },
  {
    name: 'a generator',
    code: 'let count = 0;\nfunction* numbers(): Generator<number> { for (;;) count++; }\nconst [first] = numbers();',
  },
  {
    name: 'timers',
    code: 'let count = 0;\nsetInterval(() => { count++; }, 5);\nawait new Promise(() => {});',
  },
  {
    name: 'a timer that loops',
    code: 'let count = 0;\nsetTimeout(() => { for (;;) count++; }, 5);\nawait new Promise(() => {});',
  },
  {
    name: 'promises that make promises',
    code: 'let count = 0;\nconst again = (): void => { count++; void Promise.resolve().then(again); };\nagain();\nawait new Promise(() => {});',
  },
  {
    name: 'microtasks',
    code: 'let count = 0;\nconst again = (): void => { count++; queueMicrotask(again); };\nagain();\nawait new Promise(() => {});',
  },
  {
    name: 'an async function that calls itself',
    code: 'let count = 0;\nasync function again(): Promise<void> { await null; count++; void again(); }\nvoid again();\nawait new Promise(() => {});',
  },
  {
    name: 'functions that call each other',
    code: 'let count = 0;\nconst even = (n: number): number => { count++; return n <= 0 ? 0 : odd(n - 1) + odd(n - 2); };\nconst odd = (n: number): number => even(n) + 1;\neven(90);',
  },
  {
    name: 'a method that calls itself',
    code: 'let count = 0;\nclass Tree { walk(depth: number): void { count++; if (depth > 0) { this.walk(depth - 1); this.walk(depth - 1); } } }\nnew Tree().walk(60);',
  },
  {
    name: 'an async generator',
    code: 'let count = 0;\nasync function* ticks(): AsyncGenerator<number> { for (;;) yield count++; }\nfor await (const tick of ticks()) void tick;',
  },
  {
    name: 'a callback without end',
    code: 'let count = 0;\nnew Uint8Array(2 ** 30).forEach(() => { count += Math.hypot(1, count) > 0 ? 1 : 0; });',
  },
  {
    name: 'tensors that are awaited',
    code: "import * as tf from '@tensorflow/tfjs';\nlet count = 0;\nfor (;;) { const x = tf.ones([9, 9]); await x.data(); x.dispose(); count++; }",
  },
  {
    name: 'sorting again and again',
    code: 'let count = 0;\nfor (;;) { [3, 1, 2].sort((a, b) => { count++; return a - b; }); }',
  },
  {
    name: 'a comparison by its name',
    // Few numbers, slowly compared: what the engine does before the first comparison, nothing interrupts.
    code: 'let count = 0;\nconst compare = (a: number, b: number): number => { count++; return Math.sin(a).toFixed(20).localeCompare(Math.sin(b).toFixed(20)); };\nnew Float64Array(2 ** 20).map((_, i) => i).sort(compare);',
  },
  {
    name: 'constructors that make each other',
    code: 'let count = 0;\nclass Tree { constructor(depth: number) { count++; if (depth > 0) { new Tree(depth - 1); new Tree(depth - 1); } } }\nnew Tree(60);',
  },
  {
    name: 'a getter that asks itself',
    code: 'let count = 0;\nconst tree = { depth: 60, get size(): number { count++; if (this.depth === 0) return 1; this.depth--; const both: number = this.size + this.size; this.depth++; return both; } };\ntree.size;',
  },
  {
    name: 'a question to the reader',
    code: "let count = 1;\nawait input('What now?');",
  },
];
