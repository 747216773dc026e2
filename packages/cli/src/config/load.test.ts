import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { checkEnvironment, loadSettings, type Sources } from "./load.ts";
import { KNOWN_VARIABLES, SECTIONS } from "./sections.ts";
import { choice, choices, ConfigError, flagOf, integer, optional, path, text, variableOf } from "./settings.ts";

const directory = mkdtempSync(join(tmpdir(), "df-config-"));
after(() => rmSync(directory, { recursive: true }));

const settings = {
  port: integer("api_port", "", 0, 65_535, 9696),
  name: text("name", "", { pattern: /^\w+$/, expected: "letters" }),
  level: choice("level", "", ["low", "high"], "low"),
  kinds: choices("kinds", "", ["geneve", "vxlan"], ["geneve"]),
  file: optional(path("file", "")),
};
let written = 0;
function load(source: { toml?: string; environment?: Sources["environment"]; flags?: Sources["flags"] }) {
  const file = source.toml === undefined ? undefined : join(directory, `${written++}.toml`);
  if (file !== undefined && source.toml !== undefined) writeFileSync(file, source.toml);
  const { environment = {}, flags = {} } = source;
  return loadSettings("main", settings, { file, environment, flags }, ["main", "other"]);
}
const complaint = (message: RegExp) => (error: unknown) => error instanceof ConfigError && message.test(error.message);

describe("settings", () => {
  test("a flag wins over the environment, that over the file, that over the default", () => {
    const toml = '[main]\nname = "file"\napi_port = 1\nkinds = ["vxlan", "geneve"]\n[other]\nwhatever = 1\n';
    assert.deepEqual(load({ toml }), {
      port: 1,
      name: "file",
      level: "low",
      kinds: ["vxlan", "geneve"],
      file: undefined,
    });
    const environment = {
      DRAGONFLOW_NAME: "env",
      DRAGONFLOW_API_PORT: "2",
      DRAGONFLOW_FILE: "/f",
      DRAGONFLOW_LEVEL: "",
    };
    assert.deepEqual(load({ toml, environment }), {
      port: 2,
      name: "env",
      level: "low",
      kinds: ["vxlan", "geneve"],
      file: "/f",
    });
    const flags = { name: "flag", level: "high", kinds: "geneve,vxlan" };
    assert.deepEqual(load({ toml, environment, flags }), {
      port: 2,
      name: "flag",
      level: "high",
      kinds: ["geneve", "vxlan"],
      file: "/f",
    });
  });

  test("for every combination of sources, the weightiest counts", () => {
    const number = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(number, number, number, (inFile, inEnvironment, onLine) => {
        const loaded = load({
          toml: `[main]\nname = "n"\n${inFile === undefined ? "" : `api_port = ${inFile}`}\n`,
          environment: inEnvironment === undefined ? {} : { DRAGONFLOW_API_PORT: String(inEnvironment) },
          flags: onLine === undefined ? {} : { api_port: String(onLine) },
        });
        assert.equal(loaded.port, onLine ?? inEnvironment ?? inFile ?? 9696);
      }),
      { numRuns: 50 },
    );
  });

  test("what is wrong is named: source, key, value, and what was expected", () => {
    const named = { name: "n" };
    assert.throws(() => load({}), complaint(/^name is missing: give --name, DRAGONFLOW_NAME, or name in \[main\]/));
    assert.throws(
      () => load({ flags: { ...named, api_port: "65536" } }),
      complaint(/^--api-port: api_port is "65536", expected an integer 0\.\.65535$/),
    );
    assert.throws(
      () => load({ flags: named, environment: { DRAGONFLOW_LEVEL: "middle" } }),
      complaint(/^DRAGONFLOW_LEVEL: level is "middle", expected one of low, high$/),
    );
    assert.throws(
      () => load({ toml: '[main]\nname = "n"\nkinds = "gre"\n' }),
      complaint(/\.toml \[main\]: kinds is "gre", expected a list of geneve, vxlan$/),
    );
    assert.throws(
      () => load({ toml: "[main]\nname = 7\n" }),
      complaint(/\.toml \[main\]: name is 7, expected letters$/),
    );
    assert.throws(
      () => load({ toml: '[main]\nnmae = "n"\n' }),
      complaint(/\.toml: \[main\] has an unknown key "nmae"; known: api_port, name, level, kinds, file$/),
    );
    assert.throws(
      () => load({ toml: "[mian]\n" }),
      complaint(/unknown section or key "mian"; known: \[main\], \[other\]$/),
    );
    assert.throws(() => load({ toml: "main = 7\n" }), complaint(/\[main\] is not a section$/));
    assert.throws(() => load({ toml: "[main]\nname = \n" }), complaint(/\.toml:2:\d+: /));
    const absent = { file: join(directory, "absent.toml"), environment: {}, flags: {} };
    assert.throws(
      () => loadSettings("main", settings, absent, ["main"]),
      complaint(/^cannot read the configuration file .*absent\.toml: ENOENT/),
    );
  });

  test("an environment variable that no setting has is an error", () => {
    checkEnvironment({ DRAGONFLOW_NAME: "x", PATH: "/bin" }, ["DRAGONFLOW_NAME"]);
    assert.throws(
      () => checkEnvironment({ DRAGONFLOW_NMAE: "x" }, ["DRAGONFLOW_NAME"]),
      complaint(/DRAGONFLOW_NMAE: no setting has this name$/),
    );
  });

  test("the settings of all commands have keys that make flags and variables, and defaults that pass their own checks", () => {
    for (const [section, ofSection] of Object.entries(SECTIONS)) {
      const keys = Object.values(ofSection).map(({ key }) => key);
      assert.equal(new Set(keys).size, keys.length, section);
      for (const setting of Object.values(ofSection)) {
        assert.match(setting.key, /^[a-z]+(_[a-z]+)*$/);
        assert.ok(KNOWN_VARIABLES.includes(variableOf(setting)));
        assert.equal(flagOf(setting), `--${setting.key.replaceAll("_", "-")}`);
        if (setting.fallback !== undefined) assert.deepEqual(setting.parse(setting.fallback), setting.fallback);
      }
    }
  });
});
