import { FunctionBody, type Local } from '../assembler';
import { writeExpression } from './expression';
import { BLOCK, LANES, type Loop, poolOf } from './loop';
import { isCheap, writeGroups } from './row-groups';

/**
 * The function of a loop: of the addresses of the result, the number of rows, the bytes of a row, and
 * the addresses of the inputs.
 */
export function loopBody(name: string, loop: Loop): FunctionBody {
  return new LoopWriter(name, loop).write();
}

class LoopWriter {
  readonly #f: FunctionBody;
  readonly #out: Local;
  readonly #rows: Local;
  readonly #columns: Local;
  readonly #inputs: readonly Local[];
  /** Where an input is read in the row: its own pointer, or one that starts again with each row. */
  readonly #inRow: readonly Local[];
  readonly #splats: readonly Local[];
  /** The pointers that move along a row. */
  readonly #moving: readonly Local[];
  readonly #row: Local;
  readonly #at: Local;
  readonly #whole: Local;
  readonly #stop: Local;
  readonly #total: Local;
  readonly #sum: Local;
  readonly #evaluation: ReturnType<typeof poolOf>;

  constructor(
    name: string,
    private readonly loop: Loop,
  ) {
    const { patterns } = loop;
    const addresses = patterns.map(() => 'i32' as const);
    const parameters = ['i32', 'i32', 'i32', ...addresses] as const;
    const f = new FunctionBody(name, { parameters, results: [] });
    const [out, rows, columns, ...inputs] = f.parameters;
    this.#f = f;
    [this.#out, this.#rows, this.#columns, this.#inputs] = [out, rows, columns, inputs];
    this.#inRow = patterns.map((pattern, i) =>
      pattern === 'column' ? f.local('i32') : inputs[i]!,
    );
    this.#splats = f.localsOf('v128', patterns.length);
    [this.#row, this.#at, this.#whole, this.#stop] = f.locals('i32', 'i32', 'i32', 'i32');
    [this.#total, this.#sum] = f.locals('f64', 'v128');
    this.#moving = this.#inRow.filter((_, i) => this.#moves(i));
    this.#evaluation = poolOf(f);
  }

  write(): FunctionBody {
    const { expression, patterns, into } = this.loop;
    patterns.forEach((pattern, i) => {
      if (pattern === 'all') this.#splat(i);
    });
    if (into === 'column sums') this.#clear();
    if (isCheap(expression)) this.#groups();
    this.#f.while(this.#row, this.#rows, () => {
      this.#prepareRow();
      this.#writeRow();
      this.#f.advance(this.#row, 1);
    });
    if (into === 'sum') this.#storeTotal();
    return this.#f;
  }

  #groups(): void {
    writeGroups(this.#f, this.loop, {
      out: this.#out,
      rows: this.#rows,
      columns: this.#columns,
      inputs: this.#inputs,
      splats: this.#splats,
      at: this.#at,
      whole: this.#whole,
      row: this.#row,
    });
  }

  #moves(input: number): boolean {
    const pattern = this.loop.patterns[input];
    return pattern === 'place' || pattern === 'column';
  }

  /** Leaves the value of the expression at one place, or at four, on the stack. */
  #value(lanes: 1 | 4): FunctionBody {
    const load = (i: number) => {
      if (this.#moves(i)) this.#f.get(this.#inRow[i]!).memory(LANES[lanes].load);
      else this.#f.get(this.#splats[i]!);
    };
    writeExpression(this.#f, this.loop.expression, load, this.#evaluation());
    return this.#f;
  }

  #along(until: Local, lanes: 1 | 4, body: () => void): void {
    this.#f.while(this.#at, until, () => {
      body();
      for (const local of [this.#at, ...this.#moving]) this.#f.advance(local, 4 * lanes);
    });
  }

  /** Four places at a time, then one. */
  #each(write: (lanes: 1 | 4) => void): void {
    this.#along(this.#whole, 4, () => write(4));
    this.#along(this.#columns, 1, () => write(1));
  }

  #prepareRow(): void {
    this.loop.patterns.forEach((pattern, i) => {
      if (pattern === 'column') this.#f.get(this.#inputs[i]!).set(this.#inRow[i]!);
      if (pattern === 'row') {
        this.#splat(i);
        this.#f.advance(this.#inputs[i]!, 4);
      }
    });
    this.#beginRow();
  }

  #beginRow(): void {
    this.#f.i32(0).set(this.#at).get(this.#columns).i32(-16).do('i32.and').set(this.#whole);
  }

  #splat(i: number): void {
    this.#f.get(this.#inputs[i]!).memory('v128.load32_splat').set(this.#splats[i]!);
  }

  #outAt(): FunctionBody {
    return this.#f.get(this.#out, this.#at).do('i32.add');
  }

  #clear(): void {
    this.#beginRow();
    const clear = (until: Local, lanes: 1 | 4) =>
      this.#f.while(this.#at, until, () => {
        this.#outAt()
          .f32x4(0)
          .memory(LANES[lanes].store)
          .advance(this.#at, 4 * lanes);
      });
    clear(this.#whole, 4);
    clear(this.#columns, 1);
  }

  #writeRow(): void {
    switch (this.loop.into) {
      case 'places':
        this.#each((lanes) => {
          this.#outAt();
          this.#value(lanes).memory(LANES[lanes].store);
        });
        this.#f.advance(this.#out, this.#columns);
        return;
      case 'sum':
        this.#sumRow();
        return;
      case 'row sums':
        this.#f.f64(0).set(this.#total);
        this.#sumRow();
        this.#storeTotal();
        this.#f.advance(this.#out, 4);
        return;
      case 'row maxima':
        this.#maximumOfRow();
        return;
      case 'column sums':
        this.#each((lanes) => {
          this.#outAt();
          this.#outAt().memory(LANES[lanes].load);
          this.#value(lanes).do('f32x4.add').memory(LANES[lanes].store);
        });
    }
  }

  /** Adds a row to the total: blocks in float32, their sums in float64. */
  #sumRow(): void {
    const [f, at, stop, sum, total] = [this.#f, this.#at, this.#stop, this.#sum, this.#total];
    f.while(at, this.#whole, () => {
      f.get(at).i32(BLOCK).do('i32.add').get(this.#whole);
      f.get(at).i32(BLOCK).do('i32.add').get(this.#whole).do('i32.lt_u').select('i32').set(stop);
      f.f32x4(0).set(sum);
      this.#along(stop, 4, () => this.#value(4).get(sum).do('f32x4.add').set(sum));
      f.get(total);
      for (const i of [0, 1, 2, 3]) {
        f.get(sum).lane('f32x4.extract_lane', i).do('f64.promote_f32', 'f64.add');
      }
      f.set(total);
    });
    this.#along(this.#columns, 1, () => {
      this.#value(1).lane('f32x4.extract_lane', 0).do('f64.promote_f32');
      f.get(total).do('f64.add').set(total);
    });
  }

  #storeTotal(): void {
    this.#f.get(this.#out, this.#total).do('f32.demote_f64').memory('f32.store');
  }

  #maximumOfRow(): void {
    const [f, out, sum] = [this.#f, this.#out, this.#sum];
    f.f32x4(Number.NEGATIVE_INFINITY).set(sum);
    this.#along(this.#whole, 4, () => this.#value(4).get(sum).do('f32x4.max').set(sum));
    this.#along(this.#columns, 1, () => {
      this.#value(1).lane('f32x4.extract_lane', 0).do('f32x4.splat');
      f.get(sum).do('f32x4.max').set(sum);
    });
    f.get(out, sum).lane('f32x4.extract_lane', 0);
    for (const i of [1, 2, 3]) f.get(sum).lane('f32x4.extract_lane', i).do('f32.max');
    f.memory('f32.store').advance(out, 4);
  }
}
