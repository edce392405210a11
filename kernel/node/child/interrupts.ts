import type { Interrupts } from '../../child/cells';
import { Slot } from '../../child/interruption';

/** Interrupts by memory that the watchdog shares, which writes into it that one is asked for. */
export class SharedInterrupts implements Interrupts {
  constructor(private readonly signals: Int32Array) {}

  begin(cell: number): void {
    Atomics.store(this.signals, Slot.running, cell);
    Atomics.store(this.signals, Slot.tensors, 0);
  }

  end(): void {
    Atomics.store(this.signals, Slot.running, 0);
    this.forget();
  }

  canThrow(): boolean {
    return Atomics.load(this.signals, Slot.tensors) === 1;
  }

  /** The watchdog has done so. */
  tell(): void {}

  forget(): void {
    Atomics.store(this.signals, Slot.asked, 0);
  }

  /** Notes an operation on tensors of the running cell. Returns whether it is to throw. */
  take(): boolean {
    Atomics.store(this.signals, Slot.tensors, 1);
    return Atomics.exchange(this.signals, Slot.asked, 0) === 1;
  }
}
