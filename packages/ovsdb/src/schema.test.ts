import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ValueError } from "./errors.ts";
import { generateTypes } from "./generate.ts";
import { openVSwitch } from "./generated/open-vswitch.ts";
import type { Json } from "./json.ts";
import { parseSchema, schemaOf } from "./schema.ts";
import { schemaFile } from "./testing/private-server.ts";

const vswitch: Json = JSON.parse(readFileSync(schemaFile, "utf8"));

test("the generated file is what the schema of Open vSwitch makes", () => {
  const generated = readFileSync(new URL("generated/open-vswitch.ts", import.meta.url), "utf8");
  assert.equal(generateTypes(parseSchema(vswitch), "openVSwitch", ".."), generated);
});

test("codecs made while running are those that were generated", () => {
  const live = schemaOf(parseSchema(vswitch));
  const signatures = (schema: { tables: typeof live.tables }) =>
    Object.entries(schema.tables).map(([table, columns]) => [
      table,
      Object.entries(columns).map(([name, column]) => `${name}: ${column.signature} = ${String(column.initial)}`),
    ]);
  assert.deepEqual(signatures(live), signatures(openVSwitch));
});

test("what a schema says", () => {
  const { name, version, tables } = parseSchema(vswitch);
  assert.deepEqual([name, version, tables.size], ["Open_vSwitch", "8.3.1", 19]);
  assert.deepEqual([tables.get("Open_vSwitch")?.maxRows, tables.get("Open_vSwitch")?.isRoot], [1, true]);
  assert.deepEqual(tables.get("Bridge")?.indexes, [["name"]]);
  const mirrors = tables.get("Mirror")?.columns.get("select_src_port");
  assert.deepEqual(
    [mirrors?.key.refTable, mirrors?.key.refType, mirrors?.max],
    ["Port", "weak", Number.POSITIVE_INFINITY],
  );
  const flood = tables.get("Bridge")?.columns.get("flood_vlans");
  assert.deepEqual([flood?.key.min, flood?.key.max, flood?.min, flood?.max], [0, 4095, 0, 4096]);
  assert.equal(tables.get("Bridge")?.columns.get("name")?.mutable, false);
  assert.equal(tables.get("Interface")?.columns.get("link_state")?.ephemeral, true);
});

const column = (type: Json): Json => ({ name: "D", version: "1.0.0", tables: { T: { columns: { c: { type } } } } });

test("types that the schema of Open vSwitch does not use are generated too", () => {
  const types: [Json, string][] = [
    ["real", "scalar(real)"],
    [{ key: "uuid" }, "scalar(plainUuid)"],
    [{ key: { type: "real", minReal: 0, maxReal: 1.5 }, min: 0 }, "optional(real)"],
    [{ key: { type: "integer", enum: ["set", [1, 2]] } }, "scalar(integer)"],
    [{ key: { type: "string", enum: "only" } }, 'scalar(oneOf("only"))'],
    [{ key: { type: "string", minLength: 1, maxLength: 9 }, max: 3 }, "set(string, { min: 1 })"],
    [{ key: { type: "uuid", refTable: "T", refType: "weak" }, min: 0, max: 2 }, 'set(ref("T", "weak"))'],
  ];
  const remarks = ["", "", " // 0..1.5", " // one of 1 2", "", " // length 1..9, at most 3", " // at most 2"];
  for (const [index, [type, code]] of types.entries()) {
    const text = generateTypes(parseSchema(column(type)), "d", "..");
    assert.ok(text.includes(`    c: ${code},${remarks[index]}\n`), text);
  }
});

describe("what is no schema", () => {
  const bad: [Json, RegExp][] = [
    [null, /schema is not an object/],
    [{ name: 1, version: "1", tables: {} }, /name is 1/],
    [{ name: "D", version: 1, tables: {} }, /version is 1/],
    [{ name: "D", version: "1" }, /tables is not an object/],
    [{ name: "D", tables: { _T: { columns: {} } } }, /"_T" is no name in tables/],
    [{ name: "D", tables: { T: {} } }, /T: columns is not an object/],
    [{ name: "D", tables: { T: { columns: { __proto__x: { type: "string" } } } } }, /no name in columns/],
    [{ name: "D", tables: { T: { columns: {}, indexes: [["x"]] } } }, /index on "x"/],
    [column("text"), /T\.c: "text" is not an atomic type/],
    [column({ key: "string", min: 2 }), /T\.c: min is 2/],
    [column({ key: "string", max: 0 }), /T\.c: max is 0/],
    [column({ key: { type: "string", enum: ["set", [{}]] } }), /enum has \{\}/],
    [column({ key: { type: "uuid", refTable: 5 } }), /refTable is 5/],
    [column({ key: { type: "uuid", refType: "loose" } }), /refType is "loose"/],
    [column({ key: { type: "integer", minInteger: "1" } }), /minInteger is not a number/],
  ];
  for (const [json, message] of bad) {
    test(JSON.stringify(json), () => assert.throws(() => parseSchema(json), { code: "bad-schema", message }));
  }
  test("any JSON: a schema or a typed error", () => {
    const part = fc.letrec((tie) => ({
      json: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom<Json>("string", "set", "unlimited", 0, 1, true, null),
        fc.dictionary(
          fc.constantFrom("name", "tables", "columns", "type", "key", "value", "min", "max", "enum", "T"),
          tie("json"),
        ),
        fc.array(tie("json")),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("T", "U"), part.json), (tables) => {
        try {
          schemaOf(parseSchema({ name: "D", version: "1", tables: { T: { columns: tables as Json } } }));
        } catch (error) {
          assert.ok(error instanceof ValueError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
