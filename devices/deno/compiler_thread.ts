/** The thread of a {@link ThreadCompiler}. */
import { emitEngine } from "../../core/hart/engine.ts";
import { compilePages, type CompilerParts } from "../../core/hart/jit/compiler.ts";
import { layoutOf } from "../../core/hart/layout.ts";
import { type CompilerMessage, Exchange } from "./compiler.ts";
import { touchPages } from "./touched_memory.ts";

let touched = 0;

addEventListener("message", (event: Event) => {
  const message = (event as MessageEvent<CompilerMessage>).data;
  if (message.kind === "touch") {
    touchPages(message.memory);
    touched++;
    return;
  }
  const { memoryBytes, harts, tlbEntries, threshold } = message.shape;
  const { parts } = emitEngine(layoutOf(memoryBytes, harts, tlbEntries), threshold);
  serve(new Exchange(message.shared), parts);
});

async function serve(exchange: Exchange, parts: CompilerParts): Promise<never> {
  for (;;) {
    exchange.wait(touched);
    if (exchange.isAsked) exchange.answer(compilePages(exchange.question(), parts));
    else await new Promise((resolve) => setTimeout(resolve)); // for the message to be delivered
  }
}
