import { addF32, addF64, addSigned, addUnsigned, type Bytes } from './encoding';
import {
  type InstructionName,
  instructions,
  type LaneInstructionName,
  laneInstructions,
  type MemoryInstructionName,
  memoryInstructions,
  typeCodes,
  type ValueType,
} from './instructions';

/** The types of the parameters and results of a function. */
export interface Signature<P extends readonly ValueType[] = readonly ValueType[]> {
  parameters: P;
  results: readonly ValueType[];
}

/** A function that can be called: its place is known when the module is put together. */
export interface Callable {
  readonly name: string;
  readonly signature: Signature;
}

/** A parameter or local variable. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
}

/** A block that can be left, or a loop that can be begun again. */
export interface Label {
  readonly depth: number;
}

/**
 * The body of one function, written instruction by instruction.
 *
 * The types on the stack are kept: an operand that is missing or of another type throws where it is
 * written, with the name of the instruction.
 */
export class FunctionBody<const P extends readonly ValueType[] = readonly ValueType[]>
  implements Callable
{
  readonly name: string;
  readonly signature: Signature;
  readonly parameters: { readonly [I in keyof P]: Local };
  readonly #locals: ValueType[] = [];
  /** A list: most of this runs a few times only, where `push` takes less than any method of ours. */
  readonly #code: number[] = [];
  /** What is called, and before which byte of the code its index comes, or that of its type. */
  readonly #calls: { at: number; called: Callable | Signature }[] = [];
  readonly #stack: ValueType[] = [];
  /** For each open block how high the stack was, and whether what comes next is never reached. */
  readonly #open: { height: number; unreachable: boolean }[] = [];

  constructor(name: string, signature: Signature<P>) {
    this.name = name;
    this.signature = signature;
    const parameters = signature.parameters.map((type, index) => ({ index, type }));
    this.parameters = parameters as { readonly [I in keyof P]: Local };
    this.#open.push({ height: 0, unreachable: false });
  }

  /** A new local variable, 0 at first. */
  local(type: ValueType): Local {
    return { index: this.signature.parameters.length + this.#locals.push(type) - 1, type };
  }

  /** New ones, one of each type. */
  locals<const T extends readonly ValueType[]>(...types: T): { [I in keyof T]: Local } {
    return types.map((type) => this.local(type)) as { [I in keyof T]: Local };
  }

  /** New ones, `count` of one type. */
  localsOf(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** About how many bytes it takes in a module. */
  get size(): number {
    return this.#code.length + this.#calls.length + 2 * this.#locals.length;
  }

  get(...locals: readonly Local[]): this {
    for (let i = 0; i < locals.length; i++) {
      const { index, type } = locals[i]!;
      this.#code.push(0x20);
      addUnsigned(this.#code, index);
      this.#stack.push(type);
    }
    return this;
  }

  set({ index, type }: Local): this {
    this.#pop('local.set', type);
    this.#code.push(0x21);
    addUnsigned(this.#code, index);
    return this;
  }

  tee({ index, type }: Local): this {
    this.#pop('local.tee', type);
    this.#code.push(0x22);
    addUnsigned(this.#code, index);
    return this.#push(type);
  }

  i32(value: number): this {
    this.#code.push(0x41);
    addSigned(this.#code, value);
    return this.#push('i32');
  }

  f32(value: number): this {
    this.#code.push(0x43);
    addF32(this.#code, value);
    return this.#push('f32');
  }

  f64(value: number): this {
    this.#code.push(0x44);
    addF64(this.#code, value);
    return this.#push('f64');
  }

  /** `f32.const` and `f32x4.splat`: a number in all four lanes. */
  f32x4(value: number): this {
    return this.f32(value).do('f32x4.splat');
  }

  /** `f64.const` and `f64x2.splat`. */
  f64x2(value: number): this {
    return this.f64(value).do('f64x2.splat');
  }

  /** `v128.const`, by four integers. */
  i32x4(...lanes: readonly [number, number, number, number]): this {
    const bytes = lanes.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff));
    this.#code.push(0xfd, 0x0c, ...bytes);
    return this.#push('v128');
  }

  /** `i8x16.shuffle` of whole numbers of 32 bits: 0 to 3 are those of the first vector, 4 to 7 of the second. */
  shuffle(...lanes: readonly [number, number, number, number]): this {
    const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
    this.#takeAll('i8x16.shuffle', ['v128', 'v128']);
    this.#code.push(0xfd, 0x0d, ...bytes);
    return this.#push('v128');
  }

  /** The number in one lane. */
  lane(name: LaneInstructionName, index: number): this {
    const { code, takes, gives } = laneInstructions[name];
    this.#takeAll(name, takes);
    this.#code.push(...code, index);
    return this.#pushAll(gives);
  }

  /** The first of two values where the number on top of them is not 0, else the second. */
  select(type: ValueType): this {
    this.#takeAll('select', [type, type, 'i32']);
    this.#code.push(0x1b);
    return this.#push(type);
  }

  /** Instructions without immediates, one after the other. */
  do(...names: readonly InstructionName[]): this {
    for (let i = 0; i < names.length; i++) {
      const { code, takes, gives } = instructions[names[i]!];
      this.#takeAll(names[i]!, takes);
      this.#code.push(...code);
      this.#stack.push(...gives);
    }
    return this;
  }

  /** A load or a store at the address on the stack plus some bytes. */
  memory(name: MemoryInstructionName, offset = 0, lane = 0): this {
    const { code, takes, gives, alignment, ...rest } = memoryInstructions[name];
    this.#takeAll(name, takes);
    this.#code.push(...code, alignment);
    addUnsigned(this.#code, offset);
    if ('lane' in rest && rest.lane) this.#code.push(lane);
    return this.#pushAll(gives);
  }

  /** Adds a constant, or another one, to a local variable. */
  advance(local: Local, by: number | Local): this {
    this.get(local);
    return (typeof by === 'number' ? this.i32(by) : this.get(by)).do('i32.add').set(local);
  }

  call(called: Callable): this {
    const { parameters, results } = called.signature;
    this.#takeAll(`call ${called.name}`, parameters);
    this.#calls.push({ at: this.#code.push(0x10), called });
    return this.#pushAll(results);
  }

  /** Calls what is in the table of functions at the number on top of the stack. */
  callIndirect(signature: Signature): this {
    const { parameters, results } = signature;
    this.#pop('call_indirect', 'i32');
    this.#takeAll('call_indirect', parameters);
    this.#calls.push({ at: this.#code.push(0x11), called: signature });
    this.#code.push(0x00);
    return this.#pushAll(results);
  }

  /** Leaves the function with what is on the stack. */
  return(): this {
    this.#takeAll('return', this.signature.results);
    this.#code.push(0x0f);
    return this.#nothingComes();
  }

  /** What `br` with its label leaves. */
  block(body: (label: Label) => void): this {
    return this.#nested(0x02, body);
  }

  /** What `br` with its label starts again. */
  loop(body: (label: Label) => void): this {
    return this.#nested(0x03, body);
  }

  /** What is done where the number on the stack is not 0, and where it is. */
  if(then: () => void, otherwise?: () => void): this {
    this.#pop('if', 'i32');
    if (otherwise === undefined) return this.#nested(0x04, then);
    return this.#nested(0x04, () => {
      then();
      this.#checkHeight('the end of a branch', 0);
      const top = this.#open.at(-1)!;
      this.#stack.length = top.height;
      top.unreachable = false;
      this.#code.push(0x05);
      otherwise();
    });
  }

  br({ depth }: Label): this {
    this.#code.push(0x0c);
    addUnsigned(this.#code, this.#open.length - 1 - depth);
    return this.#nothingComes();
  }

  brIf({ depth }: Label): this {
    this.#pop('br_if', 'i32');
    this.#code.push(0x0d);
    addUnsigned(this.#code, this.#open.length - 1 - depth);
    return this;
  }

  /** `br` with the label whose number is on the stack; the last one for all numbers from its own on. */
  brTable(labels: readonly Label[]): this {
    this.#pop('br_table', 'i32');
    this.#code.push(0x0e);
    addUnsigned(this.#code, labels.length - 1);
    for (const { depth } of labels) addUnsigned(this.#code, this.#open.length - 1 - depth);
    return this.#nothingComes();
  }

  /** Repeats the body while `at`, which the body moves on, is below `until`; both unsigned. */
  while(at: Local, until: Local, body: () => void): this {
    return this.block((end) => {
      this.loop((again) => {
        this.get(at, until).do('i32.ge_u').brIf(end);
        body();
        this.br(again);
      });
    });
  }

  /** The types of what is called by its number in the table of functions. */
  get indirect(): Signature[] {
    return this.#calls.flatMap(({ called }) => ('signature' in called ? [] : [called]));
  }

  /** Writes the function as a module has it, with the index of what is called, or of its type. */
  encode(to: Bytes, indexOf: (called: Callable | Signature) => number): void {
    this.#checkHeight('the end', this.signature.results.length);
    to.sized((whole) => {
      whole.unsigned(this.#locals.length);
      for (const type of this.#locals) whole.byte(1).byte(typeCodes[type]);
      const code = new Uint8Array(this.#code);
      let from = 0;
      for (const { at, called } of this.#calls) {
        whole.copy(code.subarray(from, at)).unsigned(indexOf(called));
        from = at;
      }
      whole.copy(code.subarray(from)).byte(0x0b);
    });
  }

  #nested(opcode: number, body: (label: Label) => void): this {
    this.#code.push(opcode, 0x40);
    this.#open.push({ height: this.#stack.length, unreachable: false });
    body({ depth: this.#open.length - 1 });
    this.#checkHeight('the end of a block', 0);
    const { height } = this.#open.pop()!;
    this.#stack.length = height;
    this.#code.push(0x0b);
    return this;
  }

  #checkHeight(where: string, results: number): void {
    const { height, unreachable } = this.#open.at(-1)!;
    const count = this.#stack.length - height;
    if (count === 0 && (unreachable || results === 0)) return;
    const left = this.#stack.slice(height);
    const wanted = this.signature.results.slice(0, results);
    if (left.join() === wanted.join()) return;
    throw new TypeError(
      `${this.name}: ${where} has [${left}] on the stack, and should have [${wanted}]`,
    );
  }

  #nothingComes(): this {
    const top = this.#open.at(-1)!;
    this.#stack.length = top.height;
    top.unreachable = true;
    return this;
  }

  #push(type: ValueType): this {
    this.#stack.push(type);
    return this;
  }

  #pushAll(types: readonly ValueType[]): this {
    this.#stack.push(...types);
    return this;
  }

  #takeAll(who: string, types: readonly ValueType[]): void {
    for (let i = types.length - 1; i >= 0; i--) this.#pop(who, types[i]!);
  }

  #pop(who: string, type: ValueType): void {
    const stack = this.#stack;
    const { height, unreachable } = this.#open[this.#open.length - 1]!;
    const found = stack.length > height ? stack.pop() : undefined;
    if (found === type || (found === undefined && unreachable)) return;
    throw new TypeError(`${this.name}: ${who} takes ${type}, and there is ${found ?? 'nothing'}`);
  }
}
