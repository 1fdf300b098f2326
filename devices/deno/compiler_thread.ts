/** The thread of a {@link ThreadCompiler}. */
import { emitEngine } from "../../core/hart/engine.ts";
import { compilePages, type CompilerParts } from "../../core/hart/jit/compiler.ts";
import { layoutOf } from "../../core/hart/layout.ts";
import { Answer, type CompilerTask } from "./compiler.ts";
import { touchPages } from "./touched_memory.ts";

let parts: CompilerParts;
let answer: Answer;

addEventListener("message", (event: Event) => {
  const task = (event as MessageEvent<CompilerTask>).data;
  if (task.kind === "touch") return touchPages(task.memory);
  if (task.kind === "compile") return answer.give(compilePages(task.pages, parts));
  const { memoryBytes, harts, tlbEntries, threshold } = task.shape;
  parts = emitEngine(layoutOf(memoryBytes, harts, tlbEntries), threshold).parts;
  answer = new Answer(task.shared);
});
