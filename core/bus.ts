/** The address space below DRAM: which device answers at which address. */
import type { Attachment, Width } from "./device.ts";
import type { Bus } from "./hart/engine.ts";

const PAGE_BYTES = 4096;

/** Dispatches accesses to devices. An address that none has, or a width that it refuses, is an access fault. */
export class DeviceBus implements Bus {
  high = 0;
  /** The device that took the last access. */
  last: string | undefined;
  readonly #pages = new Map<number, Attachment>();

  /** Throws a RangeError if two devices overlap, or one is not aligned to pages of 4 KiB. */
  constructor(attachments: readonly Attachment[]) {
    for (const attachment of attachments) this.#attach(attachment);
  }

  load(address: number, width: number): number | undefined {
    this.high = 0;
    const found = this.#find(address, width);
    if (!found) return undefined;
    const { device, base } = found;
    if (width < 8) return device.read(address - base, width as Width);
    const low = device.read(address - base, 4);
    this.high = device.read(address - base + 4, 4);
    return low;
  }

  store(address: number, width: number, low: number, high: number): boolean {
    const found = this.#find(address, width);
    if (!found) return false;
    const { device, base } = found;
    if (width < 8) {
      device.write(
        address - base,
        width as Width,
        width === 4 ? low : low & ((1 << width * 8) - 1),
      );
    } else {
      device.write(address - base, 4, low);
      device.write(address - base + 4, 4, high);
    }
    return true;
  }

  #find(address: number, width: number): Attachment | undefined {
    const found = this.#pages.get(Math.floor(address / PAGE_BYTES));
    if (!found || address - found.base + width > found.device.sizeBytes) return undefined;
    if (!found.device.widths.includes(width as Width)) return undefined;
    this.last = found.device.id;
    return found;
  }

  #attach(attachment: Attachment): void {
    const { base, device } = attachment;
    const hex = (value: number) => `0x${value.toString(16)}`;
    if (base % PAGE_BYTES !== 0) {
      throw new RangeError(`Cannot attach "${device.id}" at ${hex(base)}: not aligned to 4 KiB`);
    }
    for (let page = base; page < base + device.sizeBytes; page += PAGE_BYTES) {
      const other = this.#pages.get(page / PAGE_BYTES);
      if (other) {
        throw new RangeError(
          `Cannot attach "${device.id}" at ${hex(base)}: overlaps "${other.device.id}"`,
        );
      }
      this.#pages.set(page / PAGE_BYTES, attachment);
    }
  }
}
