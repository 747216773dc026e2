/**
 * An operator somewhere: a directory with a token and a certificate, and nothing else of the cloud. No lab is found from there, no socket, no API.
 */
import { spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after } from "node:test";
import { type Cloud, run } from "./cloud.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "dragonflow");

// When this file is loaded: what a hook registers ends with the hook.
const directory = mkdtempSync(join(tmpdir(), `operator-${process.pid}-`));
after(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);

export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly complaint: string;
}

export class Operator {
  readonly #env: NodeJS.ProcessEnv;

  static async of(cloud: Cloud): Promise<Operator> {
    const file = join(cloud.lab.directory, "dragonflow.toml");
    const configured = (key: string): string =>
      new RegExp(`^${key} = "(.*)"$`, "m").exec(readFileSync(file, "utf8"))?.[1] ?? "";
    writeFileSync(at("token"), await run([BIN, "token", "--for-operator", "--config", file]), { mode: 0o600 });
    copyFileSync(configured("ca_file"), at("ca.pem"));
    const settings = { server: configured("server"), token_file: at("token"), ca_file: at("ca.pem") };
    const lines = Object.entries(settings).map(([key, value]) => `${key} = "${value}"`);
    writeFileSync(at("operator.toml"), ["[operator]", ...lines, ""].join("\n"));
    const env = {
      DRAGONFLOW_SERVER: settings.server,
      DRAGONFLOW_TOKEN_FILE: settings.token_file,
      DRAGONFLOW_CA_FILE: settings.ca_file,
      DRAGONFLOW_LAB_DIR: at("labs"),
    };
    return new Operator(env);
  }
  private constructor(env: NodeJS.ProcessEnv) {
    const kept = Object.entries(process.env).filter(([name]) => !/^(OS_|DRAGONFLOW_)/.test(name));
    this.#env = { ...Object.fromEntries(kept), ...env };
  }

  /** As a file says, and nothing in the environment. */
  async byFile(...args: readonly string[]): Promise<Outcome> {
    const kept = Object.entries(this.#env).filter(([name]) => !name.startsWith("DRAGONFLOW_"));
    return runDragonflow(Object.fromEntries(kept), ...args, "--config", at("operator.toml"));
  }
  async dragonflow(...args: readonly string[]): Promise<Outcome> {
    return runDragonflow(this.#env, ...args);
  }
}

/** `bin/dragonflow ARGS` from a directory with nothing of a cloud in it. */
export async function runDragonflow(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Outcome> {
  const child = spawn(BIN, args, { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
  const [status, out, complaint] = await Promise.all([
    new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { status, out, complaint };
}
