import type { Action, Flow, OpenFlowSocket, TlvMap } from "@dragonflow/openflow";
import { IDENTITY_OPTION, identityOption } from "@dragonflow/pipeline";
import type { Refusal } from "./plan.ts";

/**
 * Makes the bridge know the option that carries identities, before any flow names it. The map is lost when vswitchd restarts, and belongs to the whole
 * bridge: what others have put in its place stays, and then flows that name the option would do something else than they say.
 *
 * @returns why flows that name the option cannot be sent; undefined where they can.
 * @throws {ConnectionError}
 */
export async function installIdentityOption(socket: OpenFlowSocket): Promise<Refusal | undefined> {
  const { maps } = await socket.request({ type: "tlv_table_request" });
  if (maps.some(isOurs)) return undefined;
  const taken = maps.find((map) => map.index === IDENTITY_OPTION.index || isSameOption(map));
  if (taken !== undefined)
    return {
      code: "option-taken",
      message: `somebody else's option stands where ours shall be: ${describe(taken)} instead of ${describe(IDENTITY_OPTION)}`,
    };
  const [refused] = await socket.apply([{ type: "tlv_table_mod", command: "add", maps: [IDENTITY_OPTION] }]);
  return refused;
}

/** Whether the flow reads or writes the option. */
export function namesIdentityOption({ match, instructions }: Pick<Flow, "match" | "instructions">): boolean {
  const { field } = identityOption;
  const named = (action: Action): boolean => {
    if (action.type === "copy_field") return action.src.field === field || action.dst.field === field;
    if (action.type === "set_field") return action.field === field;
    return action.type === "ct" && (action.exec ?? []).some(named);
  };
  return field in match || (instructions.apply ?? []).some(named);
}

const isSameOption = ({ optionClass, optionType }: TlvMap): boolean =>
  optionClass === IDENTITY_OPTION.optionClass && optionType === IDENTITY_OPTION.optionType;

const isOurs = (map: TlvMap): boolean =>
  isSameOption(map) &&
  map.index === IDENTITY_OPTION.index &&
  map.optionLengthBytes === IDENTITY_OPTION.optionLengthBytes;

/** As ovs-ofctl(8) writes it. */
function describe({ optionClass, optionType, optionLengthBytes, index }: TlvMap): string {
  const hex = (number: number): string => `0x${number.toString(16)}`;
  return `{class=${hex(optionClass)},type=${hex(optionType)},len=${optionLengthBytes}}->tun_metadata${index}`;
}
