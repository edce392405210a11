import type { Heap } from './heap';

/**
 * WebAssembly functions of our own that work on the backend's memory.
 *
 * A kernel in JavaScript that touches each number once is several times slower than its memory. The
 * few loops where that shows are written here in instructions, by their names in the WebAssembly
 * specification, §5.4; `number[]` is a piece of code as bytes.
 */

export const i32 = 0x7f;
export const f32 = 0x7d;
export const f64 = 0x7c;
export const v128 = 0x7b;
export type ValueType = typeof i32 | typeof f32 | typeof f64 | typeof v128;

export const get = (local: number) => [0x20, ...unsigned(local)];
export const set = (local: number) => [0x21, ...unsigned(local)];
export const floatConstant = (value: number) => [
  0x43,
  ...new Uint8Array(Float32Array.of(value).buffer),
];
export const constant = (value: number) => [0x41, ...signed(value)];
export const loadInteger = (offset: number) => [0x28, 2, ...unsigned(offset)];
export const add = [0x6a];
export const subtract = [0x6b];
export const multiply = [0x6c];
export const and = [0x71];
export const shiftLeft = [0x74];
export const isLess = [0x48];
export const isLessUnsigned = [0x49];

export const loadFloat = [0x2a, 2, 0];
export const storeFloat = [0x38, 2, 0];
export const addFloats = [0x92];
export const multiplyFloats = [0x94];

/** Numbers of float64, from one of float32 and back. */
export const promote = [0xbb];
export const demote = [0xb6];
export const addDoubles = [0xa0];
export const divideDoubles = [0xa3];
export const doubleConstant = (value: number) => [
  0x44,
  ...new Uint8Array(Float64Array.of(value).buffer),
];
/** Two numbers of float32 as two of float64, from the address on the stack plus some bytes. */
export const loadTwoDoubles = (offset = 0) => [...[0xfd, 0x5d, 2], ...unsigned(offset), 0xfd, 0x5f];
/** Two of the numbers of float32 on the stack, the first or the last, as two of float64. */
export const firstTwoDoubles = [0xfd, 0x5f];
export const addTwoDoubles = [0xfd, 0xf0, 0x01];
export const multiplyTwoDoubles = [0xfd, 0xf2, 0x01];
export const storeDouble = (offset = 0) => [0x39, 3, ...unsigned(offset)];
export const doubleLane = (index: number) => [0xfd, 0x21, index];
/** The first of two numbers where a third is not zero, else the second. */
export const select = [0x1b];

/** Four numbers at once, from or to the address on the stack plus some bytes. */
export const loadFour = (offset = 0) => [0xfd, 0x00, 2, ...unsigned(offset)];
export const storeFour = (offset = 0) => [0xfd, 0x0b, 2, ...unsigned(offset)];
export const addFours = [0xfd, 0xe4, 0x01];
export const multiplyFours = [0xfd, 0xe6, 0x01];
/** One number four times. */
export const spread = [0xfd, 0x13];
/** One of four. */
export const lane = (index: number) => [0xfd, 0x1f, index];

/** One number from the address on the stack plus some bytes, the others zero; and back. */
export const loadOne = (offset = 0) => [0xfd, 0x5c, 2, ...unsigned(offset)];
export const storeOne = (offset = 0) => [0xfd, 0x5a, 2, ...unsigned(offset), 0];
/** The lesser and the greater of each two numbers; a NaN where either is one. */
export const minOfFours = [0xfd, 0xe8, 0x01];
export const maxOfFours = [0xfd, 0xe9, 0x01];
/** The second where it is greater than the first, else the first: never a second that is NaN. */
export const greaterOfFours = [0xfd, 0xeb, 0x01];
/** Four comparisons: all bits or none. */
export const areGreater = [0xfd, 0x44];
/** The bits of the first where the third has ones, of the second elsewhere. */
export const chooseBits = [0xfd, 0x52];
/** Four integers of 32 bits. */
export const fourIntegers = (values: readonly [number, number, number, number]) => [
  ...[0xfd, 0x0c],
  ...values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff)),
];
export const spreadInteger = [0xfd, 0x11];
export const addIntegers = [0xfd, 0xae, 0x01];
export const subtractIntegers = [0xfd, 0xb1, 0x01];
/** By the number of bits on top of the stack. */
export const shiftIntegersRight = [0xfd, 0xad, 0x01];

const [block, loop, end] = [[0x02, 0x40], [0x03, 0x40], [0x0b]];
const br = (label: number) => [0x0c, label];
const brIf = (label: number) => [0x0d, label];
const isAtLeast = [0x4f];

/** Repeats the body, which moves the local `at` on, until that reaches the local `until`. */
export const forEach = (at: number, until: number, ...body: number[][]) => [
  ...block,
  ...loop,
  ...get(at),
  ...get(until),
  ...isAtLeast,
  ...brIf(1),
  ...body.flat(),
  ...br(0),
  ...end,
  ...end,
];

/** The one body where the condition, a number left on the stack, is not zero; else the other. */
export const choose = (condition: number[], then: number[], otherwise: number[]) => [
  ...condition,
  ...[0x04, 0x40],
  ...then,
  0x05,
  ...otherwise,
  ...end,
];

/** Adds to a local. */
export const advance = (local: number, ...by: number[][]) => [
  ...get(local),
  ...by.flat(),
  ...add,
  ...set(local),
];

/** A function: its locals are numbered from its parameters on. */
export interface Code {
  parameters: ValueType[];
  result?: ValueType;
  locals: ValueType[];
  body: number[];
}

/** Makes functions out of their code; addresses are bytes from the start of the backend's memory. */
export function assembled(heap: Heap, functions: Record<string, Code>): WebAssembly.Exports {
  return assembledOn(memoryOf(heap), functions);
}

/** The same on a memory of one's own. */
export function assembledOn(
  memory: WebAssembly.Memory,
  functions: Record<string, Code>,
): WebAssembly.Exports {
  const isShared = !(memory.buffer instanceof ArrayBuffer);
  const bytes = moduleBytes(functions, isShared) as Uint8Array<ArrayBuffer>;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
}

/** The memory that the backend's tensors lie in; its buffer is another one after it has grown. */
export const memoryOf = ({ wasm }: Heap): WebAssembly.Memory => wasm.wasmMemory ?? wasm.asm.memory!;

const mostPages = 65_536;

function moduleBytes(functions: Record<string, Code>, isShared: boolean): Uint8Array {
  const [names, codes] = [Object.keys(functions), Object.values(functions)];
  const types = codes.map(({ parameters, result }) => [
    0x60,
    ...vector(parameters.map((type) => [type])),
    ...vector(result === undefined ? [] : [[result]]),
  ]);
  const bodies = codes.map(({ locals, body }) => {
    const whole = [...vector(locals.map((type) => [1, type])), ...body, ...end];
    return [...unsigned(whole.length), ...whole];
  });
  const limits = isShared ? [0x03, 0, ...unsigned(mostPages)] : [0x00, 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([[...text('env'), ...text('memory'), 0x02, ...limits]])),
    ...section(3, vector(codes.map((_, i) => unsigned(i)))),
    ...section(7, vector(names.map((name, i) => [...text(name), 0, ...unsigned(i)]))),
    ...section(10, vector(bodies)),
  ]);
}

const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];
const vector = (items: number[][]) => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content];

/** A number in LEB128, as lengths and indices are written. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

/** A number in LEB128 with a sign, as constants are written. */
function signed(value: number): number[] {
  const low = value & 0x7f;
  const isLast = value >= -0x40 && value < 0x40;
  return isLast ? [low] : [low | 0x80, ...signed(value >> 7)];
}
