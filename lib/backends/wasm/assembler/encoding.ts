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
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** A number in LEB128 with a sign, as constants are written. */
  signed(value: number): this {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    return this.byte(rest & 0x7f);
  }

  f32(value: number): this {
    float[0] = value;
    return this.bytes(floatBytes);
  }

  f64(value: number): this {
    double[0] = value;
    return this.bytes(doubleBytes);
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

const encoder = new TextEncoder();
const float = new Float32Array(1);
const floatBytes = new Uint8Array(float.buffer);
const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);
