import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { ownerOf } from "../testing/toy.ts";
import { within } from "../testing/until.ts";
import { BadQuestion } from "./asked.ts";
import type { FlowView } from "./flow-view.ts";
import type { ControllerView } from "./questions.ts";
import { Window } from "./window.ts";

let dir: string;
let path: string;
const windows: Window[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), `window-${process.pid}-`));
  path = join(dir, "controller.sock");
});
afterEach(async () => {
  for (const window of windows.splice(0)) await window.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(view?: ControllerView): Promise<Window> {
  const window = await Window.open(path, assert.fail);
  windows.push(window);
  if (view !== undefined) window.show(view);
  return window;
}
async function ask(
  target: string,
  method = "GET",
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const answer = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const asked = request({ socketPath: path, path: target, method }, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
    });
    asked.once("error", reject);
    asked.end();
  });
  return within("an answer", answer);
}
const flow = (n: number): FlowView => ({
  table: "l2",
  priority: n,
  match: "",
  actions: "drop",
  owner: ownerOf(1),
  refused: null,
});
const view: ControllerView = {
  flows: () => [flow(1), flow(2)],
  status: () => ({ inSync: true }),
  statistics: async () => ({ rules: [] }),
  drift: async () => ({ differences: [] }),
  facts: () => ({ interfaces: [] }),
  counts: async () => ({ flows: [] }),
  inject: async () => ({ sent: true }),
  connections: async (query) => ({ of: query.get("port") }),
  trace: async () => {
    throw new BadQuestion("frame=HEX");
  },
};

test("GET what there is to see, and nothing else", async () => {
  await open(view);
  assert.deepEqual(JSON.parse((await ask("/flows")).body), { flows: [flow(1), flow(2)] });
  assert.deepEqual(await ask("/status"), { status: 200, body: '{"inSync":true}' });
  assert.deepEqual(await ask("/statistics"), { status: 200, body: '{"rules":[]}' });
  assert.deepEqual(await ask("/drift"), { status: 200, body: '{"differences":[]}' });
  assert.deepEqual(await ask("/facts"), { status: 200, body: '{"interfaces":[]}' });
  assert.deepEqual(await ask("/connections?port=p1"), { status: 200, body: '{"of":"p1"}' });
  assert.deepEqual(await ask("/counts?cookie=1"), { status: 200, body: '{"flows":[]}' });
  assert.deepEqual(await ask("/inject", "POST"), { status: 200, body: '{"sent":true}' });
  assert.deepEqual(await ask("/trace?in_port=1"), { status: 400, body: '{"error":"frame=HEX"}' });
  for (const [target, method] of [
    ["/", "GET"],
    ["/flows/", "GET"],
    ["/status", "POST"],
    ["/flows", "DELETE"],
    ["/metrics", "GET"],
    ["/inject", "GET"],
  ])
    assert.equal((await ask(target ?? "", method)).status, 404, `${method} ${target}`);
});

test("only its user may open it", async () => {
  const umask = process.umask(0);
  try {
    await open(view);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(process.umask(), 0);
  } finally {
    process.umask(umask);
  }
});

test("a second controller on one host is refused, and the first goes on", async () => {
  await open(view);
  await assert.rejects(
    Window.open(path, assert.fail),
    /another controller runs on this host: it answers at .*controller.sock/,
  );
  assert.equal((await ask("/status")).status, 200);
});

test("what a killed controller left behind is in nobody's way", async () => {
  writeFileSync(path, "");
  await open(view);
  assert.equal((await ask("/status")).status, 200);
  await windows.pop()?.close();
  assert.ok(!existsSync(path));
});

test("somebody else's socket is not taken", async () => {
  const other = createServer().listen(path);
  await assert.rejects(Window.open(path, assert.fail), /another controller/);
  await new Promise((resolve) => other.close(resolve));
});

test("before there is something to see it says so", async () => {
  const window = await open();
  window.waitsFor("the server at wss://127.0.0.1:1");
  for (const path of ["/status", "/flows"])
    assert.deepEqual(await ask(path), {
      status: 503,
      body: '{"error":"it waits for the server at wss://127.0.0.1:1"}',
    });
  window.show(view);
  assert.equal((await ask("/status")).status, 200);
});

test("what a view throws is an answer, and no end of the controller", async () => {
  await open({
    ...view,
    status: () => {
      throw new Error("a bug");
    },
  });
  assert.deepEqual(await ask("/status"), { status: 500, body: '{"error":"a bug"}' });
  assert.equal((await ask("/flows")).status, 200);
});

test("while the switch is away there are no statistics", async () => {
  await open({ ...view, statistics: () => Promise.reject(new Error("the bridge is away")) });
  assert.deepEqual(await ask("/statistics"), { status: 500, body: '{"error":"the bridge is away"}' });
});

test("many flows come in parts, and a reader that goes away stops them", async () => {
  let made = 0;
  const flows = function* (): Generator<FlowView> {
    for (let n = 0; n < 20_000; n++) {
      made++;
      yield flow(n);
    }
  };
  await open({ ...view, flows });
  const { flows: all } = JSON.parse((await ask("/flows")).body) as { flows: readonly FlowView[] };
  assert.equal(all.length, 20_000);
  assert.deepEqual(all.at(-1), flow(19_999));
  await windows[0]?.close();
  windows.length = 0;

  made = 0;
  const closed = Promise.withResolvers<void>();
  await open({
    ...view,
    flows: function* () {
      try {
        yield* flows();
      } finally {
        closed.resolve();
      }
    },
  });
  const reader = connect(path).resume();
  reader.write("GET /flows HTTP/1.1\r\nhost: x\r\n\r\n");
  reader.once("data", () => reader.destroy());
  await within("it stops", closed.promise);
  assert.ok(made < 20_000, `${made}`);
});

test("none: an empty list is one", async () => {
  await open({ ...view, flows: () => [] });
  assert.equal((await ask("/flows")).body, '{"flows":[]}');
});
