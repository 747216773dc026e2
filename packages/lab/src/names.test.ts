import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { checkVmName, isNamespaceOf, labHandle, namespaceName, tapName, underlayOf } from "./names.ts";

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/);

test("a tap's name fits a device and tells VMs apart", () => {
  fc.assert(
    fc.property(name, name, (one, other) => {
      assert.ok(tapName(one).length <= 15);
      assert.equal(tapName(one) === tapName(other), one === other);
    }),
  );
});

test("no lab takes another's namespaces for its own, whatever they are called", () => {
  const lab = fc
    .tuple(fc.constantFrom("/a", "/b"), name)
    .map(([base, name]) => ({ name, directory: join(base, name) }));
  fc.assert(
    fc.property(lab, lab, name, (one, other, member) => {
      assert.equal(isNamespaceOf(one, namespaceName(other, member)), one.directory === other.directory);
    }),
  );
  const short = { name: "a", directory: "/labs/a" };
  const long = { name: "a-b", directory: "/labs/a-b" };
  assert.equal(isNamespaceOf(short, namespaceName(long, "host1")), false);
});

test("hosts share no underlay address", () => {
  const all = Array.from({ length: 1000 }, (_, i) => underlayOf(i + 1));
  for (const key of ["ipv4", "ipv6", "mac"] as const) assert.equal(new Set(all.map((one) => one[key])).size, 1000);
  assert.deepEqual(underlayOf(258), { ipv4: "172.31.1.2", ipv6: "fd00:df::102", mac: "02:df:00:00:01:02" });
});

test("one directory is one lab, by whatever path it is reached, before it exists and after", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "df-names-"));
  try {
    mkdirSync(join(scratch, "real"));
    symlinkSync(join(scratch, "real"), join(scratch, "link"));
    process.env["DRAGONFLOW_LAB_DIR"] = join(scratch, "link", "labs");
    const before = await labHandle("one");
    mkdirSync(join(scratch, "real", "labs"));
    assert.deepEqual(await labHandle("one"), before);
    process.env["DRAGONFLOW_LAB_DIR"] = join(scratch, "real", "labs");
    assert.deepEqual(await labHandle("one"), before);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test("names that would escape, or meet the lab's own, are refused", async () => {
  for (const bad of ["", "../x", "a b", "-a", "a".repeat(33)])
    await assert.rejects(labHandle(bad), { code: "bad-value" });
  for (const bad of ["fabric", "host1", "host12", "a/b"]) assert.throws(() => checkVmName(bad), { code: "bad-value" });
});
