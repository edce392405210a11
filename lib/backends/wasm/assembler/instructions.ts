/** Types of values, by their names in the WebAssembly specification. */
export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

export const typeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** What an instruction takes off the stack, the last one from the top, and what it leaves there. */
export interface Instruction {
  code: readonly number[];
  takes: readonly ValueType[];
  gives: readonly ValueType[];
}

const of = (
  code: number | readonly number[],
  takes: readonly ValueType[],
  gives: readonly ValueType[],
): Instruction => ({ code: typeof code === 'number' ? [code] : code, takes, gives });

/** An instruction on vectors: its number in LEB128 after the prefix. */
const simd = (number: number, takes: readonly ValueType[], gives: readonly ValueType[]) =>
  of(number < 0x80 ? [0xfd, number] : [0xfd, (number & 0x7f) | 0x80, number >> 7], takes, gives);
const vectorsOfThree = (number: number) => simd(number, ['v128', 'v128', 'v128'], ['v128']);

const i32 = (code: number) => of(code, ['i32', 'i32'], ['i32']);
const f32 = (code: number) => of(code, ['f32', 'f32'], ['f32']);
const f64 = (code: number) => of(code, ['f64', 'f64'], ['f64']);
const vector = (number: number) => simd(number, ['v128'], ['v128']);
const vectors = (number: number) => simd(number, ['v128', 'v128'], ['v128']);

/** Instructions without immediates, by their names in the specification, §5.4. */
export const instructions = {
  drop: of(0x1a, ['i32'], []),
  'i32.eqz': of(0x45, ['i32'], ['i32']),
  'i32.eq': i32(0x46),
  'i32.ne': i32(0x47),
  'i32.lt_s': i32(0x48),
  'i32.lt_u': i32(0x49),
  'i32.gt_u': i32(0x4b),
  'i32.ge_s': i32(0x4e),
  'i32.ge_u': i32(0x4f),
  'i32.add': i32(0x6a),
  'i32.sub': i32(0x6b),
  'i32.mul': i32(0x6c),
  'i32.and': i32(0x71),
  'i32.or': i32(0x72),
  'i32.shl': i32(0x74),
  'f32.abs': of(0x8b, ['f32'], ['f32']),
  'f32.lt': of(0x5d, ['f32', 'f32'], ['i32']),
  'f32.add': f32(0x92),
  'f32.mul': f32(0x94),
  'f32.max': f32(0x97),
  'f64.abs': of(0x99, ['f64'], ['f64']),
  'f64.lt': of(0x63, ['f64', 'f64'], ['i32']),
  'f64.gt': of(0x64, ['f64', 'f64'], ['i32']),
  'f64.le': of(0x65, ['f64', 'f64'], ['i32']),
  'f64.neg': of(0x9a, ['f64'], ['f64']),
  'f64.sqrt': of(0x9f, ['f64'], ['f64']),
  'f64.add': f64(0xa0),
  'f64.sub': f64(0xa1),
  'f64.mul': f64(0xa2),
  'f64.div': f64(0xa3),
  'f64.min': f64(0xa4),
  'f32.demote_f64': of(0xb6, ['f64'], ['f32']),
  'f64.promote_f32': of(0xbb, ['f32'], ['f64']),
  'i32x4.splat': simd(0x11, ['i32'], ['v128']),
  'f32x4.splat': simd(0x13, ['f32'], ['v128']),
  'f64x2.splat': simd(0x14, ['f64'], ['v128']),
  'f32x4.eq': vectors(0x41),
  'f32x4.ne': vectors(0x42),
  'f32x4.lt': vectors(0x43),
  'f32x4.gt': vectors(0x44),
  'f32x4.le': vectors(0x45),
  'f32x4.ge': vectors(0x46),
  'v128.and': vectors(0x4e),
  'v128.or': vectors(0x50),
  'v128.bitselect': simd(0x52, ['v128', 'v128', 'v128'], ['v128']),
  'f32x4.demote_f64x2_zero': vector(0x5e),
  'f64x2.promote_low_f32x4': vector(0x5f),
  'f32x4.nearest': vector(0x6a),
  'i32x4.shl': simd(0xab, ['v128', 'i32'], ['v128']),
  'i32x4.shr_s': simd(0xac, ['v128', 'i32'], ['v128']),
  'i32x4.shr_u': simd(0xad, ['v128', 'i32'], ['v128']),
  'i32x4.add': vectors(0xae),
  'i32x4.sub': vectors(0xb1),
  'f32x4.abs': vector(0xe0),
  'f32x4.neg': vector(0xe1),
  'f32x4.sqrt': vector(0xe3),
  'f32x4.add': vectors(0xe4),
  'f32x4.sub': vectors(0xe5),
  'f32x4.mul': vectors(0xe6),
  'f32x4.div': vectors(0xe7),
  'f32x4.min': vectors(0xe8),
  'f32x4.max': vectors(0xe9),
  'f32x4.pmin': vectors(0xea),
  'f32x4.pmax': vectors(0xeb),
  'f64x2.add': vectors(0xf0),
  'f64x2.sub': vectors(0xf1),
  'f64x2.mul': vectors(0xf2),
  'f64x2.div': vectors(0xf3),
  'f64x2.min': vectors(0xf4),
  'f64x2.max': vectors(0xf5),
  'f64x2.pmin': vectors(0xf6),
  'f64x2.pmax': vectors(0xf7),
  'i32x4.trunc_sat_f32x4_s': vector(0xf8),
  'f32x4.convert_i32x4_s': vector(0xfa),
  // Of relaxed SIMD, which not every engine has: x · y + z.
  'f32x4.relaxed_madd': vectorsOfThree(0x105),
  'f64x2.relaxed_madd': vectorsOfThree(0x107),
} as const satisfies Record<string, Instruction>;

export type InstructionName = keyof typeof instructions;

/** Instructions that are followed by the number of a lane. */
export const laneInstructions = {
  'f32x4.extract_lane': simd(0x1f, ['v128'], ['f32']),
  'f64x2.extract_lane': simd(0x21, ['v128'], ['f64']),
} as const satisfies Record<string, Instruction>;

export type LaneInstructionName = keyof typeof laneInstructions;

/** An instruction that reads or writes memory: what the alignment is at most, as a power of two. */
interface MemoryInstruction extends Instruction {
  alignment: number;
  /** Whether a number of a lane follows. */
  lane?: boolean;
}

const memory = (instruction: Instruction, alignment: number, lane = false): MemoryInstruction => ({
  ...instruction,
  alignment,
  ...(lane && { lane }),
});

export const memoryInstructions = {
  'i32.load': memory(of(0x28, ['i32'], ['i32']), 2),
  'f32.load': memory(of(0x2a, ['i32'], ['f32']), 2),
  'f64.load': memory(of(0x2b, ['i32'], ['f64']), 3),
  'i32.store': memory(of(0x36, ['i32', 'i32'], []), 2),
  'f32.store': memory(of(0x38, ['i32', 'f32'], []), 2),
  'f64.store': memory(of(0x39, ['i32', 'f64'], []), 3),
  'v128.load': memory(simd(0x00, ['i32'], ['v128']), 2),
  'v128.load32_splat': memory(simd(0x09, ['i32'], ['v128']), 2),
  'v128.load64_splat': memory(simd(0x0a, ['i32'], ['v128']), 3),
  'v128.load32_zero': memory(simd(0x5c, ['i32'], ['v128']), 2),
  'v128.load64_zero': memory(simd(0x5d, ['i32'], ['v128']), 2),
  'v128.store': memory(simd(0x0b, ['i32', 'v128'], []), 2),
  'v128.store32_lane': memory(simd(0x5a, ['i32', 'v128'], []), 2, true),
  'v128.store64_lane': memory(simd(0x5b, ['i32', 'v128'], []), 2, true),
} as const satisfies Record<string, MemoryInstruction>;

export type MemoryInstructionName = keyof typeof memoryInstructions;
