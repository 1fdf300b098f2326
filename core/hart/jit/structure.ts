/**
 * Structured control flow from a graph: loops become `loop`s, forward edges leave `block`s.
 *
 * The strongly connected components of a set of nodes are laid out in topological order, each
 * behind the end of a block that the ones before it may leave; a component is a loop, in which the
 * edges to its heads are taken out and the rest is laid out likewise. Where it is entered at several
 * nodes (irreducible code, or a loop that calls), it begins with a dispatch on the selector.
 */
import { type I32, int, Label, type Void } from "../../wasm/code.ts";
import { br, brTable, cascade, labelled, labelledLoop } from "../../wasm/control.ts";

/** Nodes, and where control may go from each of them. */
export type Graph = ReadonlyMap<number, readonly number[]>;

/** Statements that go to a node; the last one is a branch. */
export type Go = (node: number) => Void[];

/** An i32 local. */
export interface Selector {
  readonly value: I32;
  set(value: I32): Void;
}

/**
 * The code of a graph that is entered with the position of an entry in the selector.
 *
 * @param emit the statements of a node, which end by going on or by leaving
 */
export function structure(
  graph: Graph,
  entries: readonly number[],
  selector: Selector,
  emit: (node: number, go: Go) => Void[],
): Void[] {
  return new Layout(graph, selector, emit).layOut([...graph.keys()], entries, new Set());
}

interface Route {
  readonly label: Label;
  /** What the selector must hold. */
  readonly selected?: number;
}

class Layout {
  /** How to go to a node from the code that is being emitted. */
  readonly #routes = new Map<number, Route>();

  constructor(
    readonly graph: Graph,
    readonly selector: Selector,
    readonly emit: (node: number, go: Go) => Void[],
  ) {}

  /** @param closed nodes to which edges are routed already: the heads of the loop around */
  layOut(nodes: readonly number[], heads: readonly number[], closed: ReadonlySet<number>): Void[] {
    const components = componentsOf(nodes, (node) => this.#edges(node, closed));
    const componentOf = new Map(
      components.flatMap((members, i) => members.map((node) => [node, i] as const)),
    );
    const entered = components.map(() => new Set<number>());
    for (const head of heads) entered[componentOf.get(head)!].add(head);
    for (const node of nodes) {
      for (const to of this.#edges(node, closed)) {
        const component = componentOf.get(to);
        if (component !== undefined && component !== componentOf.get(node)) {
          entered[component].add(to);
        }
      }
    }
    const labels = components.map(() => new Label("component"));
    const routeTo = (node: number): Route => {
      const component = componentOf.get(node)!;
      const several = entered[component].size > 1;
      return {
        label: labels[component],
        selected: several ? [...entered[component]].indexOf(node) : undefined,
      };
    };
    const starts = heads.map(routeTo);
    for (const set of entered) {
      for (const node of set) if (!closed.has(node)) this.#routes.set(node, routeTo(node));
    }
    const behind = (i: number) => this.#component(components[i], [...entered[i]], closed);
    return [cascade(labels, this.#dispatch(starts), behind)];
  }

  #component(
    members: readonly number[],
    heads: readonly number[],
    closed: ReadonlySet<number>,
  ): Void[] {
    const [first] = members;
    if (members.length === 1 && !this.#edges(first, closed).includes(first)) {
      return this.emit(first, (node) => goTo(this.#routes.get(node)!, this.selector));
    }
    const label = new Label("loop");
    heads.forEach((head, selected) =>
      this.#routes.set(head, { label, selected: heads.length > 1 ? selected : undefined })
    );
    return [labelledLoop(label, this.layOut(members, heads, new Set(heads)))];
  }

  // Goes to the start that the selector names.
  #dispatch(starts: readonly Route[]): Void[] {
    if (starts.length === 1) return goTo(starts[0], this.selector);
    const steps = starts.map(({ label, selected }) =>
      selected === undefined ? label : new Label("step")
    );
    return starts.reduce<Void[]>(
      (code, start, i) =>
        steps[i] === start.label ? code : [labelled(steps[i], code), ...goTo(start, this.selector)],
      [brTable(this.selector.value, steps.slice(0, -1), steps.at(-1)!)],
    );
  }

  #edges(node: number, closed: ReadonlySet<number>): readonly number[] {
    return this.graph.get(node)!.filter((to) => !closed.has(to));
  }
}

function goTo({ label, selected }: Route, selector: Selector): Void[] {
  return selected === undefined ? [br(label)] : [selector.set(int(selected)), br(label)];
}

/** Strongly connected components in topological order (R. Tarjan, 1972); edges may leave the nodes. */
function componentsOf(
  nodes: readonly number[],
  edges: (node: number) => readonly number[],
): number[][] {
  const within = new Set(nodes);
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const stack: number[] = [];
  const onStack = new Set<number>();
  const components: number[][] = [];
  const visit = (node: number) => {
    order.set(node, order.size);
    low.set(node, order.get(node)!);
    stack.push(node);
    onStack.add(node);
    for (const to of edges(node)) {
      if (!within.has(to)) continue;
      if (!order.has(to)) visit(to);
      if (onStack.has(to)) low.set(node, Math.min(low.get(node)!, low.get(to)!));
    }
    if (low.get(node) !== order.get(node)) return;
    const members = stack.splice(stack.indexOf(node));
    for (const member of members) onStack.delete(member);
    components.push(members);
  };
  for (const node of nodes) if (!order.has(node)) visit(node);
  return components.reverse();
}
