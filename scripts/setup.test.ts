/** scripts/setup.sh with dpkg, apt, npm and id played by scripts of a few lines: what it does, and what it says where it cannot. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";

const root = resolve(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "df-setup-"));
after(() => rmSync(directory, { recursive: true }));

interface Machine {
  /** All of its Debian packages are there; else git alone is. */
  readonly installed: boolean;
  /** What the tools do; unless told, what they should. */
  readonly apt?: string;
  readonly npm?: string;
  readonly user?: number;
}
interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
  /** What the fakes were asked to do. */
  readonly calls: readonly string[];
  /** Logs that were left for the reader. */
  readonly logs: readonly string[];
}
let made = 0;

/** A tree with nothing but the script and its inputs, and a PATH whose first entry holds the fakes. */
function machine({ installed, apt = "touch $BIN/installed", npm = INSTALL, user = 0 }: Machine) {
  const tree = join(directory, String(made++));
  const [bin, log, temporary] = [join(tree, "bin"), join(tree, "calls"), join(tree, "tmp")];
  for (const path of [bin, temporary, join(tree, "scripts")]) mkdirSync(path, { recursive: true });
  for (const file of ["package.json", "package-lock.json", "scripts/setup.sh", "scripts/built.sh"])
    cpSync(join(root, file), join(tree, file));
  mkdirSync(join(tree, "packages"));
  writeFileSync(join(tree, "scripts/build.ts"), BUILD);
  if (installed) writeFileSync(join(bin, "installed"), "");
  symlinkSync(process.execPath, join(bin, "real-node"));
  const fake = (name: string, body: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nBIN=${bin} LOG=${log}\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  fake("dpkg-query", 'shift 2; for p; do if [ -e $BIN/installed ] || [ $p = git ]; then echo "ii  $p "; fi; done');
  fake("apt-get", `echo "apt-get $*" >>$LOG\nls /usr/sbin/policy-rc.d >>$LOG\n${apt}`);
  fake("npm", `echo "npm $*" >>$LOG\n${npm}`);
  fake("id", `case "$*" in -u) echo ${user} ;; *) echo somebody ;; esac`);
  return async (): Promise<Outcome> => {
    // /usr/sbin is another one for the script: what it writes there, and forgets to take away, is seen and is not this machine's.
    const isolated = 'mount -t tmpfs tmpfs /usr/sbin && sh "$0"; status=$?; ls /usr/sbin >&2; exit $status';
    const child = spawn("unshare", ["--mount", "sh", "-c", isolated, join(tree, "scripts/setup.sh")], {
      env: { PATH: `${bin}:/usr/bin:/bin`, TMPDIR: temporary },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = new Promise<number | null>((done, fail) => child.once("error", fail).once("close", done));
    const [stderr, code] = await Promise.all([text(child.stderr), ended]);
    const calls = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
    return { code, stderr, calls, logs: readdirSync(temporary) };
  };
}
const BUILD =
  'import { cpSync, mkdirSync } from "node:fs"; mkdirSync("dist"); cpSync("package.json", "dist/dragonflow.js");';
const INSTALL = "rm -rf node_modules; mkdir -p node_modules/.bin; ln -s $BIN/real-node node_modules/.bin/node";

describe("setup", () => {
  test("installs what is missing, and then has nothing to do and says nothing", async () => {
    const setup = machine({ installed: false });
    const first = await setup();
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stderr,
      /^setup: installing Debian packages: openvswitch-switch .*netcat-openbsd\nsetup: installing Node 26 and npm packages\nsetup: building the program\nsetup: ready\n$/,
    );
    const [install, policy, npm] = first.calls;
    assert.match(install ?? "", /^apt-get .* install -y --no-install-recommends openvswitch-switch /);
    assert.doesNotMatch(install ?? "", / git( |$)/);
    assert.equal(policy, "/usr/sbin/policy-rc.d");
    assert.match(npm ?? "", /^npm ci --ignore-scripts /);
    assert.deepEqual(first.logs, []);

    const second = await setup();
    assert.deepEqual([second.code, second.stderr], [0, ""]);
    assert.equal(second.calls.length, first.calls.length);
  });

  test("two at once install once", async () => {
    const setup = machine({ installed: true });
    const outcomes = await Promise.all([setup(), setup(), setup()]);
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      [0, 0, 0],
    );
    assert.equal((await setup()).calls.filter((call) => call.startsWith("npm")).length, 1);
  });

  const line = async (setup: () => Promise<Outcome>, last: RegExp) => {
    const { code, stderr, logs } = await setup();
    const lines = stderr.trimEnd().split("\n");
    assert.equal(code, 1);
    assert.match(lines.at(-1) ?? "", last);
    for (const other of lines.slice(0, -1)) assert.match(other, /^setup: (?:installing|building) /);
    return logs;
  };

  test("not root: one line with the command that root has to run", async () => {
    const setup = machine({ installed: false, user: 1000 });
    const logs = await line(
      setup,
      /^setup: Debian packages are missing, .*: apt-get install -y openvswitch-switch .*netcat-openbsd$/,
    );
    assert.deepEqual(logs, []);
  });

  test("not root, but all packages there: goes on", async () => {
    assert.equal((await machine({ installed: true, user: 1000 })()).code, 0);
  });

  test("no network: one line with the reason, and where to read more", async () => {
    const unreachable = "Err:1 http://deb bookworm\nE: Failed to fetch: Temporary failure resolving 'deb'";
    const apt = `case "$*" in *update) echo "${unreachable}"; exit 100 ;; *) echo "E: Unable to locate package x"; exit 100 ;; esac`;
    const logs = await line(
      machine({ installed: false, apt }),
      /^setup: could not install openvswitch-switch .*: Failed to fetch: Temporary failure resolving 'deb' \(is the package mirror reachable\? log: .*\)$/,
    );
    assert.equal(logs.length, 1);
    await line(
      machine({ installed: true, npm: "echo npm error code ENOTFOUND; echo npm error network; exit 1" }),
      /^setup: could not install the npm packages: ENOTFOUND \(is the npm registry reachable\? log: .*\)$/,
    );
  });

  test("old package lists are fetched anew", async () => {
    const apt = 'case "$*" in *update) touch $BIN/fresh ;; *) [ -e $BIN/fresh ] && touch $BIN/installed ;; esac';
    const { code, calls } = await machine({ installed: false, apt })();
    assert.equal(code, 0);
    assert.deepEqual(
      calls.filter((call) => call.startsWith("apt-get")).map((call) => / (update|install) ?/.exec(call)?.[1]),
      ["install", "update", "install"],
    );
  });

  test("a Node that does not run is not taken for ready", async () => {
    const npm = "mkdir -p node_modules/.bin; printf 'exit 1' >node_modules/.bin/node; chmod +x node_modules/.bin/node";
    await line(machine({ installed: true, npm }), /^setup: the Node 26 that npm installed does not run here$/);
  });
});
