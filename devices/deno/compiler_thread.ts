/** The thread of a {@link ThreadCompiler}. */
import { compilerParts, type EngineShape } from "../../core/hart/engine.ts";
import { compilePages, type CompilerParts } from "../../core/hart/jit/compiler.ts";
import { type CompilerMessage, Exchange } from "./compiler.ts";
import { touchPages } from "./touched_memory.ts";

let received = 0;

addEventListener("message", (event: Event) => {
  const message = (event as MessageEvent<CompilerMessage>).data;
  if (message.kind === "begin") return void serve(new Exchange(message.shared));
  received++;
  if (message.kind === "touch") touchPages(message.memory);
  else partsOf(message.shape); // in time
});

async function serve(exchange: Exchange): Promise<never> {
  for (;;) {
    exchange.wait(received);
    if (exchange.isAsked) {
      const { shape, pages } = exchange.question();
      exchange.answer(compilePages(pages, partsOf(shape)));
    } else await new Promise((resolve) => setTimeout(resolve)); // for the message to be delivered
  }
}

const known = new Map<string, CompilerParts>();

function partsOf(shape: EngineShape): CompilerParts {
  const key = JSON.stringify(shape);
  let parts = known.get(key);
  if (parts === undefined) known.set(key, parts = compilerParts(shape));
  return parts;
}
