/** What a recording of several machines begins with. Source: FORMAT.md, "LAB". */
import { decodeCbor, encodeCbor, Fields } from "./cbor.ts";
import { FormatError } from "./codec.ts";

const VERSION = 1;
export const GUESTS_MAX = 64;
/** As it stands in the ids of entries and frames. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

export interface LabHeader {
  /** Program and version that wrote the file. */
  readonly program: string;
  /** What connects the guests; whoever builds it checks it. */
  readonly lab: unknown;
  /** Their names, all different; a guest's number is its place here. */
  readonly guests: readonly string[];
}

export function encodeLabHeader({ program, lab, guests }: LabHeader): Uint8Array {
  return encodeCbor([VERSION, program, lab, guests]);
}

export function decodeLabHeader(payload: Uint8Array): LabHeader {
  const fields = new Fields(decodeCbor(payload, "the lab"), "the lab");
  const version = fields.whole(65535);
  if (version !== VERSION) {
    throw new FormatError(`lab version ${version}: this build reads ${VERSION}`);
  }
  const program = fields.text(/^[\x20-\x7e]{1,80}$/);
  const lab = fields.any();
  const names = new Fields(fields.any(), "the lab's guests");
  fields.end();
  const guests: string[] = [];
  while (!names.isAtEnd) {
    if (guests.length === GUESTS_MAX) throw new FormatError(`a lab of more than ${GUESTS_MAX}`);
    guests.push(names.text(NAME));
  }
  if (guests.length === 0 || new Set(guests).size < guests.length) {
    throw new FormatError("the lab's guests have no names, or one twice");
  }
  return { program, lab, guests };
}
