import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { LIBRARIES, pack } from "./pack.ts";

const directory = mkdtempSync(join(tmpdir(), "dragonflow-use-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("the libraries work where nothing else of Dragonflow is", () => {
  const tarballs = pack(join(directory, "tarballs"));
  assert.equal(tarballs.length, LIBRARIES.length);
  const use = join(directory, "use");
  execFileSync("mkdir", [use]);
  writeFileSync(join(use, "package.json"), JSON.stringify({ name: "use", version: "1.0.0", type: "module" }));
  execFileSync(
    "npm",
    ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", ...tarballs],
    { cwd: use, stdio: "pipe" },
  );
  writeFileSync(
    join(use, "use.js"),
    `import { Reader, Writer } from "@dragonflow/wire";
     import { describePacket, encodePacket } from "@dragonflow/packet";
     import { encodeMatch, parseFlow, printFlow } from "@dragonflow/openflow";
     import { openVSwitch, operations } from "@dragonflow/ovsdb";
     const w = new Writer();
     encodeMatch(w, parseFlow("ip,nw_dst=10.0.0.0/8,actions=drop").match);
     const frame = encodePacket({ ethernet: { src: 1, dst: 2 }, arp: { operation: 1, senderMac: 1, senderIp: 1, targetMac: 0, targetIp: 2 } });
     console.log(JSON.stringify([
       new Reader(w.slice()).u16(),
       printFlow(parseFlow("table=1,priority=5,tcp,tp_dst=80,actions=output:2")),
       describePacket(frame),
       operations(openVSwitch).delete("Bridge", []).json.op,
     ]));`,
  );
  const printed: unknown = JSON.parse(execFileSync(process.execPath, ["use.js"], { cwd: use, encoding: "utf8" }));
  assert.ok(Array.isArray(printed));
  assert.equal(printed[0], 1);
  assert.match(String(printed[1]), /table=1.*tcp.*tp_dst=80.*actions=output:2/);
  assert.match(String(printed[2]), /who-has 0\.0\.0\.2/);
  assert.equal(printed[3], "delete");
});
