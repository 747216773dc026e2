/** Which controller may change the switch. OpenFlow 1.5.1 sections 7.3.8 and 7.4.4. */
import { padding, u32, u64, u8 } from "@dragonflow/wire";
import { named, optional, structure } from "../layout.ts";
import { standard } from "./row.ts";

const role = named(u32, { nochange: 0, equal: 1, primary: 2, secondary: 3 });
const NO_GENERATION = 0xffffffffffffffffn;

/**
 * `generationId` numbers the elections of a primary; a switch refuses an older one (`OFPRRFC_STALE`). It is absent
 * where none was ever given.
 */
const roleBody = structure({ role, reserved: padding(4), generationId: optional(u64, NO_GENERATION) });
export const roleRequest = standard("role_request", 24, roleBody, "role_reply");
export const roleReply = standard("role_reply", 25, roleBody);

export const roleStatus = standard(
  "role_status",
  30,
  structure({
    role,
    reason: named(u8, { primary_request: 0, config: 1, experimenter: 2 }),
    reserved: padding(3),
    generationId: optional(u64, NO_GENERATION),
  }),
);
