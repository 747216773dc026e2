/**
 * Writes the codecs and row types of an OVSDB schema.
 *
 *     node scripts/ovsdb-types.ts /usr/share/openvswitch/vswitch.ovsschema openVSwitch src/generated/open-vswitch.ts
 */
import { readFileSync, writeFileSync } from "node:fs";
import { generateTypes } from "../src/generate.ts";
import { parseSchema } from "../src/schema.ts";

const [schemaFile, variable, target] = process.argv.slice(2);
if (schemaFile === undefined || variable === undefined || target === undefined) {
  process.stderr.write("usage: ovsdb-types.ts SCHEMA_FILE VARIABLE TARGET_FILE\n");
  process.exitCode = 2;
} else {
  const database = parseSchema(JSON.parse(readFileSync(schemaFile, "utf8")));
  writeFileSync(target, generateTypes(database, variable, ".."));
}
