/** Bytes one after the other, as a module has them, in memory that grows. */
export class Bytes {
  #memory = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written so far: valid until more is written. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#memory.subarray(0, this.#length);
  }

  byte(value: number): this {
    if (this.#length === this.#memory.length) this.#grow(1);
    this.#memory[this.#length++] = value;
    return this;
  }

  bytes(values: ArrayLike<number>): this {
    for (let i = 0; i < values.length; i++) this.byte(values[i]!);
    return this;
  }

  /** Other bytes as they are, which may be many. */
  copy(values: Uint8Array): this {
    if (this.#length + values.length > this.#memory.length) this.#grow(values.length);
    this.#memory.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** A number in LEB128, as lengths and indices are written. */
  unsigned(value: number): this {
    const bytes: number[] = [];
    addUnsigned(bytes, value);
    return this.bytes(bytes);
  }

  /** A name, its length before it. */
  text(name: string): this {
    const bytes = encoder.encode(name);
    return this.unsigned(bytes.length).copy(bytes);
  }

  /** What is written in `content`, its length before it. */
  sized(content: (bytes: Bytes) => void): this {
    const bytes = new Bytes();
    content(bytes);
    return this.unsigned(bytes.length).copy(bytes.written);
  }

  #grow(count: number): void {
    const larger = new Uint8Array(2 * (this.#length + count));
    larger.set(this.#memory);
    this.#memory = larger;
  }
}

/** Appends a number in LEB128 to a list of bytes, as lengths and indices are written. */
export function addUnsigned(to: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    to.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  to.push(rest);
}

/** The same with a sign, as constants are written. */
export function addSigned(to: number[], value: number): void {
  let rest = value | 0;
  while (rest < -0x40 || rest >= 0x40) {
    to.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  to.push(rest & 0x7f);
}

export function addF32(to: number[], value: number): void {
  float[0] = value;
  to.push(...floatBytes);
}

export function addF64(to: number[], value: number): void {
  double[0] = value;
  to.push(...doubleBytes);
}

const encoder = new TextEncoder();
const float = new Float32Array(1);
const floatBytes = new Uint8Array(float.buffer);
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
