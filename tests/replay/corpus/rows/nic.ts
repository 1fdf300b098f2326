/** The network card: letters that are late, wrong or do not come. */
import type { Specimen } from "../specimen.ts";

const LETTERS = [20, 30, 40, 50].map((at, i) => ({ at: at * 1_000_000, box: i * 5 }));
const WRONG = LETTERS.map((letter, i) => i === 2 ? { ...letter, box: 0x1234_5678 } : letter);
const MS = 1_000_000;

/** Between two letters. */
const FLAP = { downAt: 33 * MS, upAt: 36 * MS };

/** The card is behind the disk. */
const SOURCE = { device: "net0", source: 2 };

export const NIC: readonly Specimen[] = [
  {
    name: "nic/lost-interrupt",
    job: "nic_sort",
    letters: LETTERS,
    plan: () => ({ interrupt: [{ ...SOURCE, fault: "lost", at: 45 * MS }] }),
  },
  {
    name: "nic/late-interrupt",
    job: "nic_sort",
    letters: LETTERS,
    plan: () => ({ interrupt: [{ ...SOURCE, fault: "late", at: 25 * MS, for: 400 * MS }] }),
  },
  {
    name: "nic/hart-withheld",
    job: "nic_sort",
    letters: LETTERS,
    plan: () => ({ hart: [{ at: 35 * MS, hart: 0, for: 300 * MS }] }),
  },
  {
    name: "nic/buffer-address-flips",
    job: "nic_sort",
    letters: LETTERS,
    plan: (at) => ({ memory: [{ at: 35 * MS, address: at("inbox") + 4, bit: 3 }] }),
  },
  {
    name: "nic/link-down",
    job: "nic_sort",
    letters: LETTERS.slice(0, 2),
    link: { downAt: 35 * MS },
  },
  {
    name: "nic/link-down-is-told",
    job: "nic_needs_link",
    letters: LETTERS,
    link: { downAt: 35 * MS },
  },
  { name: "nic/link-flaps", job: "nic_sort", letters: LETTERS, link: FLAP },
  {
    name: "nic/link-flaps-and-own-null",
    job: "nic_checked_then_null",
    letters: LETTERS,
    link: FLAP,
  },
  {
    name: "nic/spurious-interrupt-and-own-strictness",
    job: "nic_strict",
    letters: LETTERS,
    plan: () => ({ interrupt: [{ ...SOURCE, fault: "spurious", at: 25 * MS }] }),
  },
  { name: "nic/wrong-letter-is-believed", job: "nic_sort", letters: WRONG },
  { name: "nic/wrong-letter-is-passed-over", job: "nic_sort_checked", letters: WRONG },
  { name: "nic/wrong-letter-and-own-null", job: "nic_checked_then_null", letters: WRONG },
  {
    name: "nic/spurious-interrupt-and-own-null",
    job: "nic_checked_then_null",
    letters: LETTERS,
    plan: () => ({ interrupt: [{ ...SOURCE, fault: "spurious", at: 25 * MS }] }),
  },
  { name: "nic/own-null", job: "nic_checked_then_null", letters: LETTERS },
  { name: "nic/no-buffer-given-back", job: "nic_starves", letters: LETTERS },
  { name: "nic/no-room", job: "nic_no_room", letters: LETTERS },
];
