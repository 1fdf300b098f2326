/** A replay that does not do what was recorded: a fault of the emulator, of its host, or a damaged file. */

/** The first difference between a recording and its replay. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";

  /**
   * @param cycle where the difference was seen
   * @param device which device it concerns; `machine` for the state as a whole
   */
  constructor(
    readonly cycle: number,
    readonly device: string,
    readonly expected: string,
    readonly actual: string,
  ) {
    super(`divergence at cycle ${cycle}, ${device}: expected ${expected}, actual ${actual}`);
  }
}
