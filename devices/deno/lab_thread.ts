/** The thread that runs some of a lab's guests. */
/// <reference lib="deno.worker" />
import type { TurnEnd } from "../network/lab_guest.ts";
import { LocalCrew } from "../network/local_crew.ts";
import { Channel, type RoundAnswer, type RoundRequest } from "./lab_channel.ts";
import type { ThreadTask } from "./lab_crew.ts";
import { type HooksOf, LabMachine, tellEnded } from "./lab_machine.ts";

self.addEventListener("message", async (event: MessageEvent<ThreadTask>) => {
  const { specs, requests, answers, remote } = event.data;
  const inbox = new Channel(requests);
  const outbox = new Channel(answers);
  // This thread ends with the other one, so it waits for it as long as it takes.
  const give = (answer: RoundAnswer) => outbox.send(answer, () => false);
  try {
    const hooksOf: HooksOf = remote ? (await import(remote.module)).hooksOf : () => ({});
    const machines = new Map<number, LabMachine>();
    for (const { number, spec } of specs) {
      const hooks = await hooksOf({ number, name: spec.name }, remote?.data);
      machines.set(number, await LabMachine.open(spec, hooks));
    }
    const crew = new LocalCrew(new Map([...machines].map(([number, it]) => [number, it.guest])));
    const answer = (ends: readonly TurnEnd[]) => {
      const notes = [...machines.values()].flatMap(({ hooks }) => hooks.takeNotes?.() ?? []);
      give({ kind: "ends", ends, notes });
    };
    answer([]);
    for (;;) {
      const request = inbox.receive(() => false) as RoundRequest;
      if ("conclude" in request) {
        for (const { hooks } of machines.values()) hooks.conclude?.(request.conclude);
        answer([]);
        continue;
      }
      const ends = await crew.run(request.edge, request.turns);
      tellEnded(machines, ends);
      answer(ends);
    }
  } catch (error) {
    const { stack, message } = error as Error;
    give({ kind: "failed", message: stack ?? message });
  }
});
