import { auditRecords, Engine, type RecordAudit, type RecordDifference } from "@dragonflow/neutron-api";
import { EXIT } from "../errors.ts";
import { print, printJson } from "../output.ts";
import { counted, paletteOf, printable } from "../screen/palette.ts";
import { openChosen } from "./opening.ts";
import type { VerifyOptions } from "./options.ts";

/** A cloud that is in use changes while it is looked at: what is there at each of these looks was not on its way. */
const LOOKS = 3;

const keyOf = ({ topic, id, problem, owner }: RecordDifference): string =>
  JSON.stringify([topic, id, problem, owner?.kind, owner?.id]);

/** Every record against the objects of the cloud. Ends with 1 when something is not as it shall be. */
export async function verify({ json, ...options }: VerifyOptions): Promise<void> {
  await using store = await openChosen(options);
  const engine = new Engine(store.driver);
  try {
    let audit = await auditRecords(store.driver, await engine.read());
    for (let look = 2; look <= LOOKS && audit.differences.length > 0; look++) {
      const before = new Set(audit.differences.map(keyOf));
      const next = await auditRecords(store.driver, await engine.read());
      audit = { ...next, differences: next.differences.filter((one) => before.has(keyOf(one))) };
    }
    if (audit.differences.length > 0) process.exitCode = EXIT.failed;
    const { topics, digest, differences, records } = audit;
    if (json) printJson({ clean: differences.length === 0, records: records.length, topics, digest, differences });
    else print(reportOf(audit).join("\n"));
  } finally {
    await engine.close();
  }
}

function reportOf({ records, topics, digest, differences }: RecordAudit): readonly string[] {
  const palette = paletteOf(process.stdout);
  const read = `${counted(records.length, "record")} of ${counted(topics, "topic")}, digest ${digest}`;
  if (differences.length === 0) return [read, palette.good("all is as it shall be")];
  return [
    read,
    palette.bad(counted(differences.length, "difference")),
    ...differences.flatMap(({ topic, id, problem, owner, detail }) => [
      `  ${palette.bad(problem)}  ${printable(`${topic} ${id}`)}${owner === null ? "" : palette.strong(`  ${owner.kind} ${owner.id}`)}`,
      `      ${palette.dim(printable(detail))}`,
    ]),
  ];
}
