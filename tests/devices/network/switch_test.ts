import { assertEquals } from "@std/assert";
import { LearningSwitch } from "../../../devices/network/switch.ts";
import { BROADCAST, frame, mac } from "./networks.ts";

const AGEING = 300_000_000_000;

Deno.test("LearningSwitch floods until it knows, then sends to one link, then forgets", () => {
  const lan = new LearningSwitch("lan", [0, 1, 2]);
  assertEquals(lan.forward(0, frame(mac(1), mac(0)), 0), [1, 2]);
  assertEquals(lan.forward(1, frame(mac(0), mac(1)), 1), [0]);
  assertEquals(lan.forward(2, frame(mac(1), mac(0)), 0), [1]);
  assertEquals(lan.forward(2 + AGEING - 1, frame(mac(0), mac(2)), 2), [0]);
  assertEquals(lan.forward(2 + AGEING, frame(mac(0), mac(2)), 2), [0, 1]);
});

Deno.test("LearningSwitch follows an address that moves, and sends nothing back", () => {
  const lan = new LearningSwitch("lan", [0, 1]);
  lan.forward(0, frame(BROADCAST, mac(0)), 0);
  assertEquals(lan.forward(1, frame(mac(0), mac(3)), 0), []);
  lan.forward(2, frame(BROADCAST, mac(0)), 1);
  assertEquals(lan.forward(3, frame(mac(0), mac(3)), 0), [1]);
});

Deno.test("LearningSwitch refuses runts, and learns no group address", () => {
  const lan = new LearningSwitch("lan", [0, 1, 2]);
  assertEquals(lan.forward(0, new Uint8Array(13), 0), undefined);
  const group = [3, 0, 0, 0, 0, 1];
  lan.forward(0, frame(mac(1), group), 0);
  assertEquals(lan.forward(1, frame(group, mac(1)), 1), [0, 2]);
  assertEquals((lan.save().learned as unknown[]).length, 1);
});

Deno.test("LearningSwitch forgets who was silent longest when it is full", () => {
  const lan = new LearningSwitch("lan", [0, 1, 2]);
  const address = (n: number) => [2, 0, 0, 0, n >> 8, n & 255];
  lan.forward(0, frame(BROADCAST, address(0)), 0);
  lan.forward(1, frame(BROADCAST, address(1)), 0);
  lan.forward(2, frame(BROADCAST, address(0)), 0);
  for (let n = 2; n <= 1024; n++) lan.forward(3, frame(BROADCAST, address(n)), 0);
  const restored = new LearningSwitch("lan", [0, 1, 2]);
  restored.restore(lan.save());
  for (const it of [lan, restored]) {
    assertEquals(it.forward(4, frame(address(0), mac(9)), 1), [0]);
    assertEquals((it.save().learned as unknown[]).length, 1024);
    assertEquals(it.forward(5, frame(address(1), mac(9)), 1), [0, 2]);
  }
});
