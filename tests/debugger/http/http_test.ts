import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { COMMANDS } from "../../../debugger/commands/list.ts";
import { Debugger } from "../../../debugger/debugger.ts";
import { HttpListener, randomToken } from "../../../debugger/deno/http_listener.ts";
import { httpFace } from "../../../debugger/http/app.ts";
import { elfSymbols } from "../../../debugger/symbols/elf_symbols.ts";
import { imageUrl } from "../../../guests/images.ts";
import { SimpleCursor } from "../simple_cursor.ts";

const TOKEN = "secret";

function face() {
  const symbols = elfSymbols(Deno.readFileSync(imageUrl("pocket")));
  let opened = 0;
  const app = httpFace({
    commands: COMMANDS,
    token: TOKEN,
    open: async () => {
      opened++;
      return new Debugger({ cursor: await SimpleCursor.boot("pocket"), symbols });
    },
  });
  const ask = async (method: string, path: string, body?: unknown, token = TOKEN) => {
    const response = await app.fetch(
      new Request(`http://127.0.0.1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      }),
    );
    // deno-lint-ignore no-explicit-any
    return { status: response.status, response, json: await response.json() as any };
  };
  return { app, ask, opened: () => opened };
}

Deno.test("HTTP: reads are addressed by time and do not move the position", async () => {
  const { ask, opened } = face();
  assertEquals((await ask("POST", "/goto", { cycle: 2_000_000 })).json.cycle, 2_000_000);
  assertEquals(opened(), 1);
  const early = (await ask("GET", "/registers?at=1000000")).json;
  const late = (await ask("GET", "/registers?at=200000000")).json;
  assertEquals([early.cycle, late.cycle], [1_000_000, 200_000_000]);
  assertMatch(early.registers.pc, /^0x[0-9a-f]+$/);
  assert(early.registers.mcycle !== late.registers.mcycle);
  assertEquals((await ask("GET", "/where")).json.cycle, 2_000_000);
  assertEquals(opened(), 2);
  const memory = await ask("GET", "/memory?at=1000000&address=0x80000000&length=4");
  assertMatch(memory.json.bytes, /^[0-9a-f]{8}$/);
  assertEquals((await ask("GET", "/registers?at=1000000")).json, early);
});

Deno.test("HTTP: a watchpoint and reverse-continue find the writer", async () => {
  const { ask } = face();
  await ask("POST", "/goto", { cycle: "end" });
  const { bytes } = (await ask("GET", "/memory?address=ledger&length=8")).json;
  const address = `0x${bytes.match(/../g).reverse().join("")}`;
  assertEquals((await ask("POST", "/watch", { address, length: 8 })).json.number, 1);
  const { stopped, symbol, text } = (await ask("POST", "/reverse-continue")).json;
  assertEquals([stopped.reason, stopped.hits[0].kind], ["watchpoint", "write"]);
  assertMatch(symbol, /^note_alarm\+0x/);
  assertMatch(text, /^cycle \d+/);
  assertEquals((await ask("POST", "/step", { count: 3 })).status, 200);
});

Deno.test("HTTP: errors are problem details, and a token is needed", async () => {
  const { app, ask } = face();
  const cases: [method: string, path: string, body: unknown, token: string, status: number][] = [
    ["GET", "/where", undefined, "wrong", 401],
    ["GET", "/where", undefined, `${TOKEN}x`, 401],
    ["GET", "/openapi.json", undefined, "", 401],
    ["GET", "/nothing", undefined, TOKEN, 404],
    ["GET", "/goto", undefined, TOKEN, 404],
    ["POST", "/goto", {}, TOKEN, 400],
    ["POST", "/goto", { cycle: -1 }, TOKEN, 400],
    ["GET", "/memory?address=0&length=x", undefined, TOKEN, 400],
    ["GET", "/registers?at=99999999999", undefined, TOKEN, 422],
    ["GET", "/memory?address=nowhere", undefined, TOKEN, 422],
    ["POST", "/delete", { number: 3 }, TOKEN, 422],
    ["POST", "/goto", [], TOKEN, 400],
    ["POST", "/goto", "5", TOKEN, 400],
    ["POST", "/goto", { cycle: 2 ** 53 }, TOKEN, 400],
    ["GET", "/memory?address=0x80000000&length=1048577", undefined, TOKEN, 400],
    ["GET", "/memory?address=0x80000000&length=-1", undefined, TOKEN, 400],
    ["GET", "/memory?address=0x80000000&length=1e3", undefined, TOKEN, 400],
    ["GET", "/memory?address=0x803ffff8&length=9", undefined, TOKEN, 422],
    ["GET", "/memory?address=0xfffffffffffffff8&length=16", undefined, TOKEN, 422],
    ["GET", "/memory?address=0x10000000000000000&length=1", undefined, TOKEN, 422],
    ["GET", "/memory", undefined, TOKEN, 400],
    ["GET", "/where?at=1.5", undefined, TOKEN, 400],
    ["GET", "/where?hart=1", undefined, TOKEN, 422],
  ];
  for (const [method, path, body, token, status] of cases) {
    const { response, json } = await ask(method, path, body, token);
    assertEquals([response.status, json.status], [status, status], path);
    assertEquals(response.headers.get("content-type"), "application/problem+json", path);
    assert(typeof json.title === "string" && json.detail.length > 10, JSON.stringify(json));
  }
  const broken = await app.fetch(
    new Request("http://127.0.0.1/goto", {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: "{",
    }),
  );
  assertEquals(broken.status, 400);
  await broken.body?.cancel();
  const byQuery = await app.fetch(new Request(`http://127.0.0.1/where?token=${TOKEN}`));
  assertEquals((await byQuery.json()).cycle, 480129821);
});

Deno.test("HTTP: the OpenAPI document names every command and its parameters", async () => {
  const { json } = await face().ask("GET", "/openapi.json");
  assertEquals(json.openapi, "3.1.0");
  for (const { name, effect, summary } of COMMANDS) {
    const operation = json.paths[`/${name}`][effect === "reads" ? "get" : "post"];
    assertEquals([operation.summary, operation.operationId], [summary, name]);
    assert("200" in operation.responses && "422" in operation.responses);
  }
  const names = json.paths["/memory"].get.parameters.map((one: { name: string }) => one.name);
  assertEquals(names, ["address", "length", "hart", "at"]);
  assertEquals(Object.keys(json.paths).sort(), COMMANDS.map(({ name }) => `/${name}`).sort());
  checkSchemas(json);
  const { schema } = json.paths["/goto"].post.requestBody.content["application/json"];
  assertEquals(schema.required, ["cycle"]);
});

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];

/** Every schema says what it is, and every operation and parameter has what OpenAPI 3.1 obliges. */
// deno-lint-ignore no-explicit-any
function checkSchemas(json: any): void {
  let count = 0;
  // deno-lint-ignore no-explicit-any
  const check = (schema: any, where: string): void => {
    count++;
    const { type, properties, required = [], anyOf, items } = schema;
    const isKnown = [type].flat().every((one) => TYPES.includes(one));
    assert(anyOf !== undefined || schema.enum || isKnown, `${where}: ${JSON.stringify(schema)}`);
    assert(!("$ref" in schema), `${where}: a reference`);
    for (const name of required) assert(name in properties, `${where}: ${name} is required`);
    for (const [name, one] of Object.entries(properties ?? {})) check(one, `${where}.${name}`);
    for (const one of anyOf ?? []) check(one, where);
    if (items) check(items, `${where}[]`);
  };
  for (const [path, methods] of Object.entries(json.paths)) {
    // deno-lint-ignore no-explicit-any
    for (const [method, operation] of Object.entries<any>(methods as any)) {
      const where = `${method} ${path}`;
      assertEquals(method === "get", operation.requestBody === undefined, where);
      for (const { name, in: place, schema } of operation.parameters ?? []) {
        assertEquals(place, "query", `${where} ${name}`);
        check(schema, `${where} ${name}`);
      }
      const { requestBody = { content: {} }, responses } = operation;
      // deno-lint-ignore no-explicit-any
      for (const { description, content } of Object.values<any>({ ...responses, requestBody })) {
        assert(content === requestBody.content || typeof description === "string", where);
        for (const { schema } of Object.values<{ schema: unknown }>(content)) check(schema, where);
      }
    }
  }
  assert(count > 5 * COMMANDS.length, `${count} schemas`);
}

Deno.test("HttpListener serves on loopback alone", async () => {
  const { app } = face();
  assertThrows(() => new HttpListener("0.0.0.0", 0, app), RangeError, "loopback");
  const listener = new HttpListener("127.0.0.1", 0, app);
  const response = await fetch(`http://${listener.address}/where?token=${TOKEN}`);
  assertEquals(response.status, 200);
  await response.body?.cancel();
  await listener.close();
  assertMatch(randomToken(), /^[0-9a-f]{32}$/);
});
