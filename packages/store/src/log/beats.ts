import { type Version, version } from "../contract.ts";
import { asFlag, asObject, asText } from "../relay/json.ts";
import type { Cells, Revision } from "./cells.ts";
import { decodeFrame, encodeFrame } from "./frame.ts";
import { beatKey } from "./keys.ts";

/** The heart of a lease: a cell of its own beside the log, written again and again by who holds it. */
export interface Beat {
  readonly revision: Revision | "absent";
  /** Of the lease for which it beats. */
  readonly fence: Version | undefined;
  readonly owner: string;
  /** The lease of this fence is over: nobody may let it beat again. */
  readonly ended: boolean;
}

export async function readBeat(cells: Cells, lease: string): Promise<Beat> {
  const key = beatKey(lease);
  const cell = await cells.read(key);
  if (cell === undefined) return { revision: "absent", fence: undefined, owner: "", ended: false };
  return decodeFrame(key, cell.value, (header) => {
    const fields = asObject(header, "a beat");
    return {
      revision: cell.revision,
      fence: version(asText(fields["fence"], "fence")),
      owner: asText(fields["owner"], "owner"),
      ended: asFlag(fields["ended"], "ended"),
    };
  });
}

/** Beats once more, or for the last time. "moved": someone else did meanwhile. */
export function writeBeat(
  cells: Cells,
  lease: string,
  beat: Omit<Beat, "revision">,
  expected: Revision | "absent",
): Promise<Revision | "moved"> {
  return cells.write(beatKey(lease), encodeFrame(beat), expected);
}
