/** A console whose other end stalls: what is typed meanwhile comes when it goes on. */
export interface ConsoleFault {
  readonly device: string;
  readonly from: number;
  /** In cycles. */
  readonly for: number;
}

/** The cycle until which input of a device that comes now is held back; `undefined` if it is not. */
export function heldUntil(
  faults: readonly ConsoleFault[],
  cycle: number,
  device: string,
): number | undefined {
  const fault = faults.find((it) =>
    it.device === device && it.from <= cycle && cycle < it.from + it.for
  );
  return fault && fault.from + fault.for;
}
