/**
 * What the manuals oblige software to, beyond what a hart can refuse: rules that this machine lets
 * pass, since its translations and its code are always coherent, and other machines do not.
 *
 * It watches a machine from where it is made; nothing in the machine depends on it.
 */
import type { Engine } from "../hart/engine.ts";
import type { Observer } from "../hart/linting.ts";
import { Code } from "./code.ts";
import { Sbi } from "./sbi.ts";
import { Translations } from "./translations.ts";

/** (hart, cycles from the current one, section, what was done): a rule was broken. */
export type Report = (hart: number, ahead: number, rule: string, text: string) => void;

export class Contract implements Observer {
  readonly #translations: Translations;
  readonly #code: Code;
  readonly #sbi: Sbi;

  /** @param cycle of the instruction under way */
  constructor(engine: Engine, cycle: () => number, report: Report) {
    this.#translations = new Translations(engine, cycle, report);
    this.#code = new Code(engine, cycle, report);
    this.#sbi = new Sbi(engine, report);
    for (let hart = 0; hart < engine.layout.harts; hart++) engine.forgetWalks(hart);
  }

  /** A hart is about to act, after others may have. */
  turn(hart: number): void {
    this.#translations.turn(hart);
  }

  walked(hart: number, low: number, high: number, how: number): void {
    this.#translations.walked(hart, low, high, how);
  }

  pteStored(hart: number, place: number): void {
    this.#translations.pteStored(hart, place);
  }

  fenced(hart: number, how: number, low: number, high: number, asid: number): void {
    this.#translations.fenced(hart, how, low, high, asid);
  }

  fencedCode(hart: number): void {
    this.#code.fenced(hart);
  }

  fetchedPage(hart: number, page: number): void {
    this.#code.fetchedPage(hart, page);
  }

  fetchedHalf(hart: number, half: number): void {
    this.#code.fetchedHalf(hart, half);
  }

  codeStored(hart: number, page: number, offset: number, sizeBytes: number): void {
    this.#code.stored(hart, page, offset, sizeBytes);
  }

  isSuspicious(page: number, slot: number): boolean {
    return this.#code.isSuspicious(page, slot);
  }

  called(hart: number): void {
    this.#sbi.called(hart);
  }

  returned(hart: number): void {
    this.#sbi.returned(hart);
  }
}
