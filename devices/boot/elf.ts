/** ELF executables. Source: System V ABI (gABI) chapters 4 and 5; RISC-V psABI, e_machine. */
import { ImageError, type ImageFile, type LoadedImage, type Segment } from "./image.ts";

const ELFCLASS64 = 2;
const ELFDATA2LSB = 1; // little-endian
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_RISCV = 243;
const PT_LOAD = 1;
const EHDR_BYTES = 64;
const PHDR_BYTES = 56;

/** Whether a file begins as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c &&
    bytes[3] === 0x46;
}

/**
 * The loadable segments of a 64-bit little-endian RISC-V executable, at their physical addresses.
 * @throws ImageError naming the file offset and the reason
 */
export function loadElf(file: ImageFile): LoadedImage {
  const { bytes } = file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (offset: number, reason: string): never => {
    throw new ImageError(`${file.name}: ${reason} (file offset 0x${offset.toString(16)})`);
  };
  const u64 = (offset: number, field: string): number => {
    const value = Number(view.getBigUint64(offset, true));
    return Number.isSafeInteger(value)
      ? value
      : fail(offset, `${field} 0x${value.toString(16)} is out of range`);
  };

  if (!isElf(bytes)) fail(0, "not an ELF file");
  if (bytes.length < EHDR_BYTES) {
    fail(bytes.length, `truncated ELF: the header has ${EHDR_BYTES} bytes`);
  }
  if (bytes[4] !== ELFCLASS64) fail(4, "not a 64-bit ELF file");
  if (bytes[5] !== ELFDATA2LSB) fail(5, "not a little-endian ELF file");
  const type = view.getUint16(16, true);
  if (type !== ET_EXEC && type !== ET_DYN) fail(16, `ELF type ${type} is not an executable`);
  const machine = view.getUint16(18, true);
  if (machine !== EM_RISCV) fail(18, `ELF machine ${machine} is not RISC-V (${EM_RISCV})`);

  const entry = u64(24, "e_entry");
  const tableOffset = u64(32, "e_phoff");
  const entryBytes = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  if (count === 0) fail(56, "no program headers: nothing to load");
  if (entryBytes < PHDR_BYTES) fail(54, `e_phentsize ${entryBytes} is below ${PHDR_BYTES}`);
  if (tableOffset + count * entryBytes > bytes.length) {
    fail(bytes.length, "truncated ELF: the program headers end after the file");
  }

  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const header = tableOffset + index * entryBytes;
    if (view.getUint32(header, true) !== PT_LOAD) continue;
    const offset = u64(header + 8, "p_offset");
    const address = u64(header + 24, "p_paddr");
    const fileBytes = u64(header + 32, "p_filesz");
    const sizeBytes = u64(header + 40, "p_memsz");
    if (sizeBytes === 0) continue;
    if (fileBytes > sizeBytes) fail(header + 32, `segment ${index}: p_filesz is above p_memsz`);
    if (offset + fileBytes > bytes.length) {
      fail(bytes.length, `truncated ELF: segment ${index} ends after the file`);
    }
    segments.push({ address, bytes: bytes.subarray(offset, offset + fileBytes), sizeBytes });
  }
  if (segments.length === 0) fail(tableOffset, "no loadable segment");
  return { name: file.name, entry, segments };
}
