/** Signals that ask a run to end. It ends in good order, so that its recording says how. */

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

export type EndingSignal = keyof typeof NUMBERS;

/** What a shell says of a process that such a signal has ended. */
export function signalStatus(signal: EndingSignal): number {
  return 128 + NUMBERS[signal];
}

/**
 * Calls back at the first signal; a second one ends the process at once, whatever it is doing.
 * @returns a function that stops listening
 */
export function onEndingSignal(listener: (signal: EndingSignal) => void): () => void {
  let isFirst = true;
  const listeners = (Object.keys(NUMBERS) as EndingSignal[]).map((signal) => {
    const received = () => {
      if (!isFirst) Deno.exit(signalStatus(signal));
      isFirst = false;
      listener(signal);
    };
    Deno.addSignalListener(signal, received);
    return () => Deno.removeSignalListener(signal, received);
  });
  return () => listeners.forEach((remove) => remove());
}
