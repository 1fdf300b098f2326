/** `--nic` and `--hostfwd`: which network cards a machine has, and where their cables lead. */
import { z } from "zod";
import { type Forward, Passt } from "../devices/deno/passt.ts";
import { connectUnix, UnixListener } from "../devices/deno/unix_end.ts";
import { noEnd, type OpenEnd } from "../devices/host/network_end.ts";
import { parseMac } from "../devices/virtio/mac.ts";
import { UsageError } from "./errors.ts";

/** A network card as it is asked for. */
export interface NicRequest {
  readonly end: "none" | "user" | "unix" | "switch";
  /** Of `unix`: its socket. Of `switch`: its name. */
  readonly name?: string;
  /** Of `unix`: others connect to it. */
  readonly listens?: boolean;
  /** Such as `52:54:00:12:34:56`. */
  readonly mac?: string;
}

const ENDS = "none, user, unix:PATH or switch:NAME is needed";

/** `END[,listen][,mac=ADDRESS]` */
export const NicSchema = z.string({ error: ENDS }).transform((text, context): NicRequest => {
  const fail = (message: string) => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  const [, rest, mac] = /^(.*?)(?:,mac=([^,]*))?$/s.exec(text)!;
  const [, end, name, listens] = /^(none|user|unix|switch)(?::(.+?))?(,listen)?$/s.exec(rest) ?? [];
  if (end === undefined) return fail(ENDS);
  if ((name !== undefined) !== (end === "unix" || end === "switch")) return fail(ENDS);
  if (listens !== undefined && end !== "unix") return fail("only a unix:PATH can listen");
  if (mac !== undefined && parseMac(mac) === undefined) {
    return fail("the address of a card is needed, such as mac=52:54:00:12:34:56");
  }
  return {
    end: end as NicRequest["end"],
    ...(name === undefined ? {} : { name }),
    ...(listens === undefined ? {} : { listens: true }),
    ...(mac === undefined ? {} : { mac }),
  };
});

/** `tcp:HOSTPORT:GUESTPORT` */
export const ForwardSchema = z.string().transform((text, context): Forward => {
  const [, protocol, ...ports] = /^(tcp|udp):(\d{1,5}):(\d{1,5})$/.exec(text) ?? [];
  const [hostPort, guestPort] = ports.map(Number);
  const isPort = (port: number) => port >= 1 && port <= 65535;
  if (isPort(hostPort) && isPort(guestPort)) {
    return { protocol: protocol as Forward["protocol"], hostPort, guestPort };
  }
  context.addIssue({ code: "custom", message: "tcp:HOSTPORT:GUESTPORT or udp:… is needed" });
  return z.NEVER;
});

/** A network card and what its cable leads to. */
export interface Nic {
  readonly mac?: string;
  readonly open: OpenEnd;
}

/**
 * The cards of a machine that stands alone.
 * @throws UsageError for a switch, and for forwards that no one card of them takes
 */
export function nicsOf(nics: readonly NicRequest[], forwards: readonly Forward[]): Nic[] {
  const users = nics.filter(({ end }) => end === "user").length;
  if (forwards.length > 0 && users !== 1) {
    throw new UsageError(`--hostfwd needs one --nic user, and there are ${users}`);
  }
  return nics.map((nic) => ({ mac: nic.mac, open: endOf(nic, forwards) }));
}

function endOf({ end, name = "", listens }: NicRequest, forwards: readonly Forward[]): OpenEnd {
  switch (end) {
    case "none":
      return noEnd;
    case "user":
      return (mailbox) => Passt.open(forwards, mailbox);
    case "unix":
      return (mailbox) => listens ? UnixListener.open(name, mailbox) : connectUnix(name, mailbox);
    case "switch":
      throw new UsageError(`--nic switch:${name}: only a guest of a lab has a switch (--lab FILE)`);
  }
}
