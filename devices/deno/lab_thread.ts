/** The thread that runs some of a lab's guests. */
/// <reference lib="deno.worker" />
import type { TurnEnd } from "../network/lab_guest.ts";
import { LocalCrew } from "../network/local_crew.ts";
import { Channel, type RoundAnswer, type RoundRequest } from "./lab_channel.ts";
import type { ThreadTask } from "./lab_crew.ts";
import { concludeAll, type OpenRunners, takeNotes } from "./lab_runner.ts";

self.addEventListener("message", async (event: MessageEvent<ThreadTask>) => {
  const { numbers, requests, answers, module, data } = event.data;
  const inbox = new Channel(requests);
  const outbox = new Channel(answers);
  // This thread ends with the other one, so it waits for it as long as it takes.
  const give = (answer: RoundAnswer) => outbox.send(answer, () => false);
  try {
    const { openRunners }: { openRunners: OpenRunners } = await import(module);
    const runners = await openRunners(numbers, data);
    const crew = new LocalCrew(runners);
    const answer = (ends: readonly TurnEnd[]) =>
      give({ kind: "ends", ends, notes: takeNotes(runners) });
    answer([]);
    for (;;) {
      const request = inbox.receive(() => false) as RoundRequest;
      if ("conclude" in request) {
        concludeAll(runners, request.conclude);
        answer([]);
      } else answer(await crew.run(request.edge, request.turns));
    }
  } catch (error) {
    const { stack, message } = error as Error;
    give({ kind: "failed", message: stack ?? message });
  }
});
