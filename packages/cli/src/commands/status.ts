import { CliError, EXIT } from "../errors.ts";
import { ask, findControllers, type Selection, statusShape } from "../introspection/socket.ts";
import { print, printJson, warn } from "../output.ts";
import { plainTable } from "../screen/columns.ts";
import { paletteOf } from "../screen/palette.ts";

export interface StatusOptions extends Selection {
  readonly json: boolean;
}

/** Ends with 1 when a controller does not answer, or its switch is not in step. */
export async function status(options: StatusOptions): Promise<void> {
  const { controllers } = await findControllers(options);
  const answers = await Promise.all(
    controllers.map(async (source) => {
      try {
        return { host: source.host, status: await ask(source, "/status", statusShape), error: null };
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        return { host: source.host, status: null, error: error.message };
      }
    }),
  );
  if (answers.some((answer) => answer.status?.inSync !== true)) process.exitCode = EXIT.failed;
  if (options.json) return printJson(answers);
  const palette = paletteOf(process.stdout);
  const count = (list: readonly unknown[], paint: (text: string) => string) =>
    list.length === 0 ? { text: "0" } : { text: String(list.length), paint };
  const rows = answers.flatMap(({ host, status: seen }) => {
    if (seen === null) return [];
    const sync = seen.inSync ? { text: "yes", paint: palette.good } : { text: "no", paint: palette.bad };
    return [
      [
        { text: host === "" ? "this host" : host },
        { text: seen.chassis },
        sync,
        count(seen.pending, palette.warning),
        count(seen.conflicts, palette.bad),
        count(seen.faults, palette.bad),
        { text: seen.startedAt },
      ],
    ];
  });
  const columns = ["host", "chassis", "in step", "pending", "conflicts", "faults", "since"].map((title) => ({ title }));
  if (rows.length > 0) print(plainTable(columns, rows, palette).join("\n"));
  for (const { error } of answers) if (error !== null) warn(error);
}
