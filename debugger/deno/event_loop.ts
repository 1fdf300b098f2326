/** Lets the event loop turn during long work, so that Ctrl-C and clients that vanish are noticed. */
import { setImmediate } from "node:timers";

/** Work between two turns. */
const EVERY_MS = 20;
/**
 * Deno's runtime looks at its sockets every 61 rounds of its loop while there is something else to
 * do, and a read takes two such looks. A round costs 1 to 2 µs; a timer of 0 ms would cost 2.1 ms.
 */
const ROUNDS = 128;

/** A `turn` for a timeline: may be called at any rate, and costs below 1 % of the time. */
export function eventLoopTurns(now: () => number = () => performance.now()): () => Promise<void> {
  const atOnce = Promise.resolve();
  let last = now();
  return () => {
    if (now() - last < EVERY_MS) return atOnce;
    return turn().then(() => {
      last = now();
    });
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    let rounds = 0;
    const round = () => {
      if (++rounds === ROUNDS) resolve();
      else setImmediate(round);
    };
    setImmediate(round);
  });
}
