/** What a `--lab` file and a `--faults` plan may say. */
import { z } from "zod";
import { LATENCY_CYCLES_MIN } from "../devices/network/config.ts";
import { parseMac } from "../devices/virtio/mac.ts";
import { NIC_COUNT_MAX } from "../devices/board.ts";
import { ForwardSchema } from "./nic.ts";
import { MachineSchema, whole } from "./machine_config.ts";

/** As long as a year: nobody waits longer for a frame. */
const DELAY_NS_MAX = 365 * 86_400 * 1_000_000_000;
const RATE_MAX = 1_000_000_000_000;
const QUEUE_MAX = 100_000;
export const GUESTS_MAX = 64;

/** As names stand in the ids of events and frames. */
const Name = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, {
  error: "a name is needed: up to 32 small letters, digits and dashes, a letter first",
});

const Chance = z.number({ error: "a chance is needed, from 0 to 1" })
  .min(0, { error: "a chance is needed, from 0 to 1" })
  .max(1, { error: "a chance is needed, from 0 to 1" });

const Delay = whole(0, DELAY_NS_MAX);

const Delayed = z.union([Chance, z.strictObject({ chance: Chance, delay: Delay })], {
  error: 'a chance is needed, or {"chance": …, "delay": nanoseconds}',
});

export const DirectionSchema = z.strictObject({
  jitter: Delay,
  loss: Chance,
  duplicate: Delayed,
  reorder: Delayed,
  corrupt: Chance,
  "corrupt-valid": Chance,
  rate: whole(1, RATE_MAX),
  queue: whole(1, QUEUE_MAX),
}).partial();

const Interval = z.strictObject({
  from: whole(0, Number.MAX_SAFE_INTEGER),
  to: whole(0, Number.MAX_SAFE_INTEGER).optional(),
}).refine(({ from, to }) => to === undefined || from < to, {
  error: "`to` must be after `from`",
});

const Intervals = z.array(Interval).max(10_000).refine(
  (all) => all.every(({ from }, i) => i === 0 || from > (all[i - 1].to ?? Infinity)),
  { error: "intervals must be in order of time, each after the one before" },
);

/** What a link does to frames: both ways, or one way alone, where `up` leads away from the guest. */
export const ImpairSchema = DirectionSchema.extend({
  up: DirectionSchema,
  down: DirectionSchema,
  partition: Intervals,
  flap: Intervals,
}).partial();

export const LinkSchema = z.strictObject({
  latency: whole(LATENCY_CYCLES_MIN, DELAY_NS_MAX),
  impair: ImpairSchema,
}).partial();

const LabNicSchema = z.strictObject({
  end: z.string().regex(/^((switch|link):[a-z][a-z0-9-]{0,31}|none|user|unix:.+)$/, {
    error: "switch:NAME, link:NAME, user, unix:PATH or none is needed",
  }),
  hostfwd: z.array(ForwardSchema).optional(),
  mac: z.string().refine((text) => parseMac(text) !== undefined, {
    error: "the address of a card is needed, such as 52:54:00:12:34:56",
  }).optional(),
});

const LabGuestSchema = MachineSchema
  .omit({ nic: true, hostfwd: true, digests: true, faults: true, "until-cycle": true })
  .extend({ nics: z.array(LabNicSchema).max(NIC_COUNT_MAX) })
  .partial();

export const LabSchema = z.strictObject({
  guests: z.record(Name, LabGuestSchema).refine(
    (guests) => Object.keys(guests).length >= 1 && Object.keys(guests).length <= GUESTS_MAX,
    { error: `a lab has 1 to ${GUESTS_MAX} guests` },
  ),
  switches: z.record(Name, z.strictObject({})).optional(),
  links: z.record(z.string(), LinkSchema).optional(),
  seed: whole(0, 2 ** 32 - 1).optional(),
  /** The lab ends when these guests have ended; without it, when all have. */
  until: z.array(Name).min(1).optional(),
});

export const FaultsSchema = z.strictObject({
  links: z.record(z.string(), ImpairSchema).optional(),
  /** Ids of occurrences that shall not occur. */
  without: z.array(z.string()).max(100_000).optional(),
});

export type LabRequest = z.infer<typeof LabSchema>;
export type LabGuestRequest = z.infer<typeof LabGuestSchema>;
export type FaultsRequest = z.infer<typeof FaultsSchema>;
export type ImpairRequest = z.infer<typeof ImpairSchema>;
export type DirectionRequest = z.infer<typeof DirectionSchema>;
