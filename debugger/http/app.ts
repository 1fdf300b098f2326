/** The HTTP face: a route for each command, made from its parameters, and their OpenAPI document. */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { type Command, parameter } from "../command.ts";
import { CommandError } from "../debugger.ts";
import { Clients, type OpenDebugger } from "./clients.ts";
import { problem } from "./problem.ts";

/** What the face serves, and to whom. */
export interface HttpOptions {
  readonly commands: readonly Command[];
  /** Of a lab: for each guest, by its name; the first is meant where none is named. */
  readonly open: OpenDebugger | ReadonlyMap<string, OpenDebugger>;
  /** Every request must carry it: `Authorization: Bearer …` or `?token=…`. */
  readonly token: string;
}

/** Answers requests; give the cursors back by `close` at the end. */
export interface HttpFace {
  /** @param signal ends a movement that the request has begun */
  fetch(request: Request, signal?: AbortSignal): Response | Promise<Response>;
  close(): Promise<void>;
}

type Environment = { Bindings: { readonly signal: AbortSignal } };

const BODY_BYTES_MAX = 1 << 20;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/;
const at = parameter.cycle.optional().describe("read at this cycle; the position stays");

/** A face over debuggers of its own. */
export function httpFace({ commands, open, token }: HttpOptions): HttpFace {
  const guests = new Map(
    typeof open === "function"
      ? [["", new Clients(open)]]
      : [...open].map(([name, one]) => [name, new Clients(one)]),
  );
  const app = new OpenAPIHono<Environment>();
  app.use(async (context, next) => {
    // A page on the web may point a name of its own at this machine; its name gives it away.
    const { hostname } = new URL(context.req.url);
    if (!isLoopback(hostname)) return problem(403, `Ask for 127.0.0.1, not for ${hostname}`);
    const [, bearer] = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "") ?? [];
    const given = bearer ?? context.req.query("token") ?? "";
    if (!isSame(given, token)) {
      return problem(401, "The token that was printed at the start is needed");
    }
    await next();
  });
  app.use(bodyLimit({
    maxSize: BODY_BYTES_MAX,
    onError: () => problem(413, `A body has at most ${BODY_BYTES_MAX} bytes`),
  }));
  app.notFound((context) => problem(404, `There is no ${context.req.method} ${context.req.path}`));
  app.onError((error) => {
    if (error instanceof CommandError || error instanceof RangeError) {
      return problem(422, error.message);
    }
    return problem(error instanceof SyntaxError ? 400 : 500, error.message);
  });
  for (const command of commands) addRoute(app, command, guests);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
  });
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "hindsight debugger",
      version: "1",
      description: "64-bit values are 0x… strings, cycles are numbers.",
    },
    security: [{ token: [] }],
  });
  return {
    fetch: (request, signal = new AbortController().signal) => app.fetch(request, { signal }),
    close: async () => {
      for (const clients of guests.values()) await clients.close();
    },
  };
}

const answer = z.looseObject({ text: z.string().describe("the same, for people") });
const problemDetails = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
});
const failure = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemDetails } },
});
const RESPONSES = {
  200: {
    description: "What the command answers",
    content: { "application/json": { schema: answer } },
  },
  400: failure("The parameters do not fit"),
  401: failure("The token is missing or wrong"),
  403: failure("The Host header names another machine"),
  413: failure("The body is too long"),
  422: failure("The command cannot be done here"),
};

function addRoute(
  app: OpenAPIHono<Environment>,
  command: Command,
  guests: ReadonlyMap<string, Clients>,
): void {
  const { name, summary, parameters, effect } = command;
  const isRead = effect === "reads";
  const guest = guestOf(guests);
  const schema = isRead ? z.object({ ...parameters.shape, at }) : parameters;
  const request = isRead
    ? { query: schema.extend(guest) }
    : { query: z.object(guest), body: { content: { "application/json": { schema } } } };
  const method = isRead ? "get" : "post";
  app.openAPIRegistry.registerPath(createRoute({
    ...{ path: `/${name}`, method, operationId: name, summary, request, responses: RESPONSES },
  }));
  app.on(method, `/${name}`, async (context) => {
    const { guest: named = [...guests.keys()][0], ...query } = context.req.query();
    const clients = guests.get(named);
    if (clients === undefined) {
      const names = [...guests.keys()].join(", ") || "one machine without a name";
      return problem(400, `guest: there is no ${named}, but ${names}`);
    }
    const body = isRead ? "" : await context.req.text();
    const given = isRead ? query : JSON.parse(body || "{}");
    const checked = schema.safeParse(given);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      return problem(400, `${issue.path.join(".") || "body"}: ${issue.message}`);
    }
    const cycle = isRead ? checked.data.at as number | undefined : undefined;
    const { text, data } = await clients.run(command, given, cycle, context.env.signal);
    return Response.json({ ...data, text });
  });
}

/** What a request says beside a command's parameters. */
function guestOf(guests: ReadonlyMap<string, Clients>): { guest?: z.ZodType<string | undefined> } {
  const names = [...guests.keys()];
  if (names[0] === "") return {};
  return { guest: z.enum(names).default(names[0]).describe("whose; the first one's if absent") };
}

/** Whether a host name is this machine's alone. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

// Takes the same time wherever the first difference is.
function isSame(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let i = 0; i < expected.length; i++) {
    difference |= (given.charCodeAt(i) || 0) ^ expected.charCodeAt(i);
  }
  return difference === 0;
}
