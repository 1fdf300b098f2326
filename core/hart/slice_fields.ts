/** What the run loop looks at in a hart for each slice. */
import type { Engine } from "./engine.ts";

/** Indices into `Engine.i32` of the low halves of a hart's fields, found once: slices may be short. */
export class SliceFields {
  readonly granted: number;
  readonly left: number;
  readonly notRetired: number;
  readonly interrupted: number;
  readonly waiting: number;
  readonly reservation: number;
  readonly mipLines: number;
  readonly mipSoftware: number;
  readonly mie: number;
  readonly menvcfg: number;

  constructor(engine: Engine, hart: number) {
    this.granted = engine.index32(hart, "granted");
    this.left = engine.index32(hart, "left");
    this.notRetired = engine.index32(hart, "notRetired");
    this.interrupted = engine.index32(hart, "interrupted");
    this.waiting = engine.index32(hart, "waiting");
    this.reservation = engine.index32(hart, "reservation");
    this.mipLines = engine.index32(hart, "mipLines");
    this.mipSoftware = engine.index32(hart, "mipSoftware");
    this.mie = engine.index32(hart, "mie");
    this.menvcfg = engine.index32(hart, "menvcfg");
  }
}
