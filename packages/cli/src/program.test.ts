import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import type { Command } from "commander";
import { bashCompletion } from "./commands/completion.ts";
import { buildProgram } from "./program.ts";
import { dragonflow } from "./testing/dragonflow.ts";

function* all(command: Command, path: readonly string[] = []): Generator<readonly [readonly string[], Command]> {
  yield [path, command];
  for (const sub of command.commands) yield* all(sub, [...path, sub.name()]);
}
const commands = [...all(buildProgram())];

async function fails(args: readonly string[], code: number, message: RegExp, env = {}): Promise<void> {
  const outcome = await dragonflow(args, env);
  assert.equal(outcome.stderr.trimEnd().split("\n").length, 1, outcome.stderr);
  assert.match(outcome.stderr, message);
  assert.deepEqual([outcome.code, outcome.stdout], [code, ""]);
}

describe("the program", () => {
  test("every command explains itself and every option, with an example that it accepts", () => {
    assert.ok(commands.length > 20);
    for (const [path, command] of commands) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      assert.match(command.description(), /^[A-Z].{10,}[^.]$|^Virtual/, path.join(" "));
      assert.match(help, /\nExamples:\n {2}\$ (source <\()?dragonflow /, path.join(" "));
      for (const option of command.options)
        assert.ok(option.description.length > 3, `${path.join(" ")} ${option.flags}`);
      for (const argument of command.registeredArguments)
        assert.ok(argument.description.length > 3, `${path.join(" ")} ${argument.name()}`);
      assert.doesNotMatch(help, /default: false|undefined|\[object/);
    }
  });

  test("help goes to standard output where it was asked for", async () => {
    const asked = await dragonflow(["lab", "vm", "add", "--help"]);
    assert.equal(asked.code, 0);
    assert.match(asked.stdout, /^Usage: dragonflow lab vm add \[options\] <HOST> <PORT_ID>\n/);
    assert.equal(asked.stderr, "");
    const bare = await dragonflow(["lab"]);
    assert.deepEqual([bare.code, bare.stdout], [2, ""]);
    assert.match(bare.stderr, /^Usage: dragonflow lab /);
  });

  test("what was not said right is one line and exit status 2", async () => {
    await Promise.all([
      fails(["nonsense"], 2, /^dragonflow: unknown command 'nonsense'/),
      fails(["lab", "vm", "rn"], 2, /unknown command 'rn' \(Did you mean rm\?\)/),
      fails(["up", "--hots", "3"], 2, /unknown option '--hots' \(Did you mean --hosts\?\)/),
      fails(["up", "--hosts", "many"], 2, /'--hosts <N>'.*'many'.*A whole number 0\.\.100/),
      fails(["up", "--network-type", "gre"], 2, /'gre' is invalid.*Allowed choices are geneve, vxlan/),
      fails(["up", "--json"], 2, /^dragonflow: --json goes with --detach/),
      fails(["lab", "vm", "add", "host1"], 2, /missing required argument 'PORT_ID'/),
      fails(["lab", "status", "surplus"], 2, /too many arguments/),
      fails(["completion", "csh"], 2, /'csh' is invalid.*Allowed choices are bash/),
      fails(["server", "--api-port", "70000"], 2, /^dragonflow: --api-port: api_port is "70000", expected an integer/),
      fails(["server"], 2, /DRAGONFLOW_APIPORT: no setting/, { DRAGONFLOW_APIPORT: "1" }),
      fails(["server", "--config", "/nonexistent.toml"], 2, /cannot read the configuration file \/nonexistent\.toml/),
      fails(["server", "--relay-port", "0"], 2, /with relay_port give tls_cert_file and tls_key_file/),
      fails(["controller"], 2, /^dragonflow: server is missing: give --server, DRAGONFLOW_SERVER/),
      fails(["token"], 2, /give a CHASSIS, --for-server or --for-operator/),
      fails(["token", "--for-operator", "--for-server"], 2, /a token is for one/),
      fails(["trace", "a", "b", "--wait", "1"], 2, /--wait goes with --live/),
      fails(["check", "--server", "wss://127.0.0.1:1"], 2, /token_file is missing: give --token-file/),
      fails(["token", "host1", "--for-server"], 2, /a token is for one/),
      fails(["token", "a b"], 2, /"a b" cannot be a chassis/),
    ]);
  });

  test("what could not be done is one line and exit status 1", async () => {
    const env = { DRAGONFLOW_LAB_DIR: "/nonexistent/labs" };
    await Promise.all([
      fails(["lab", "status"], 1, /^dragonflow: there is no lab "demo"; make it: dragonflow lab up --lab demo$/m, env),
      fails(["lab", "exec", "vm1", "--", "true"], 1, /there is no lab "demo"/, env),
      fails(["lab", "vm", "add", "host1", "port"], 1, /there is no lab "demo"/, env),
      fails(["watch"], 1, /there is no lab "demo"/, env),
      fails(
        ["flows", "--socket", "/nonexistent.sock"],
        1,
        /the controller does not answer at \/nonexistent\.sock: .*ENOENT/,
      ),
      fails(["flows", "--lab", "other"], 1, /there is no lab "other"/, env),
      fails(["sg", "stats", "--socket", "/nonexistent.sock"], 1, /the controller does not answer at \/nonexistent/),
      fails(["sg", "stats", "--socket", "x", "--group", "web"], 1, /--group and --port ask the API.*set OS_ENDPOINT$/m),
      fails(
        ["sg", "stats", "--socket", "x", "--port", "vm1"],
        1,
        /the API at http:\/\/127\.0\.0\.1:1 does not answer/,
        {
          OS_ENDPOINT: "http://127.0.0.1:1",
        },
      ),
      fails(
        ["server", "--store", "mysql:x", "--secret-file", "/nonexistent/secret"],
        1,
        /^dragonflow: "mysql:x" is no store/,
      ),
    ]);
  });

  test("its version, alone", async () => {
    assert.match((await dragonflow(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test("bash completes commands and options", () => {
    const script = bashCompletion(buildProgram());
    const complete = (...words: string[]): string[] => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const driver = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _dragonflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync("bash", ["-c", driver], { encoding: "utf8" }).trim().split("\n");
    };
    assert.deepEqual(complete("dragonflow", "la"), ["lab"]);
    assert.deepEqual(complete("dragonflow", "lab", "vm", ""), ["add", "rm", "move", "--help"]);
    assert.deepEqual(complete("dragonflow", "lab", "vm", "add", "host1", "--no"), ["--no-dhcp", "--no-wait"]);
    assert.deepEqual(complete("dragonflow", "sg", "stats", "--p"), ["--port"]);
    assert.deepEqual(complete("dragonflow", "server", "--api"), ["--api-host", "--api-port", "--api-connections"]);
    assert.deepEqual(complete("dragonflow", "lab", "exec", "vm1", "--", "l"), [""]);
  });
});
