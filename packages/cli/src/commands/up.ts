import { type Lab, openLab, removeLab, status } from "@dragonflow/lab";
import { CliError, EXIT } from "../errors.ts";
import { endingOf, listenForEnding } from "../ending.ts";
import { bringUp, type LabRequest } from "../lab/bring-up.ts";
import { labOption } from "../lab/names.ts";
import { printJson, warn } from "../output.ts";
import { Progress } from "../screen/progress.ts";
import { show, Watch, watchUntil } from "../watch/watch.ts";

export interface UpOptions extends LabRequest {
  readonly detach: boolean;
  /** Print the lab's status for a program, not the table for people. */
  readonly json: boolean;
}

/**
 * Makes a lab, and shows it until something asks for its end; then removes it. Detached, it stays.
 * @throws what making it met; nothing of it is left then
 */
export async function up(options: UpOptions): Promise<void> {
  if (options.json && !options.detach)
    throw new CliError("--json goes with --detach: without it the lab is shown until Ctrl-C", EXIT.usage);
  const signal = listenForEnding();
  const progress = new Progress();
  const { lab } = await bringUp(options, progress, signal).catch((error: unknown) => {
    const ending = endingOf(signal);
    if (ending === undefined) throw error;
    throw new CliError("stopped; what was made by then is removed", ending.exitCode);
  });
  let stays = false;
  let gone = false;
  try {
    stays = options.detach && (await settle(lab, options, progress, signal));
    if (!options.detach) gone = await present(lab, options, progress, signal);
  } finally {
    if (gone) progress.note(`lab "${lab.name}" has been removed by another command`);
    else if (!stays) await progress.step(`removing lab "${lab.name}"`, async () => removeLab(lab.name));
  }
  const ending = endingOf(signal);
  // Ctrl-C is how a show ends.
  if (ending !== undefined && (options.detach || ending.signal !== "SIGINT")) process.exitCode = ending.exitCode;
}

/** @returns whether the lab stays: not when a signal came first. */
async function settle(lab: Lab, options: UpOptions, progress: Progress, signal: AbortSignal): Promise<boolean> {
  const name = labOption(lab.name);
  const ending = `It goes on running.  Watch it: bin/dragonflow watch${name}   Remove it: bin/dragonflow down${name}`;
  const watch = new Watch(lab, ending, name);
  try {
    const answered = !hasVms(options) || (await firstPings(watch, progress, signal));
    if (signal.aborted) return false;
    if (options.json) printJson(await status(lab));
    else {
      progress.note("");
      show(await watch.look(), process.stdout);
    }
    if (!answered) {
      warn("not every VM reaches every other (see the table); the lab goes on running");
      process.exitCode = EXIT.failed;
    }
    return true;
  } finally {
    await watch.stop();
  }
}

const hasVms = ({ demo, hosts }: UpOptions): boolean => demo && hosts > 0;

async function firstPings(watch: Watch, progress: Progress, signal: AbortSignal): Promise<boolean> {
  return progress.step(
    "pings between all VMs",
    async (tell) => watch.allAnswered(tell, signal),
    (answered) =>
      answered ? "all VMs reach each other, by IPv4 and IPv6" : "pings between all VMs: not all are answered",
  );
}

/** @returns whether the lab is gone already. */
async function present(lab: Lab, options: UpOptions, progress: Progress, signal: AbortSignal): Promise<boolean> {
  const watch = new Watch(lab, "Ctrl-C removes all of it.", labOption(lab.name));
  try {
    if (hasVms(options)) await firstPings(watch, progress, signal);
    progress.note("");
    return await watchUntil(watch, signal, process.stdout);
  } finally {
    await watch.stop();
  }
}

/** Shows a lab that runs; it goes on when the show ends. */
export async function watchLab(name: string): Promise<void> {
  const signal = listenForEnding();
  const watch = new Watch(await openLab(name), "Ctrl-C ends the show; the lab goes on.", labOption(name));
  try {
    if (await watchUntil(watch, signal, process.stdout)) process.stderr.write(`lab "${name}" has been removed\n`);
  } finally {
    await watch.stop();
  }
  const ending = endingOf(signal);
  if (ending !== undefined && ending.signal !== "SIGINT") process.exitCode = ending.exitCode;
}
