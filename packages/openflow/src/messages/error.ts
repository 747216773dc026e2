import { type Codec, EncodeError } from "@dragonflow/wire";
import { EXPERIMENTER_ERROR, type ErrorName, type UnnamedError, errorName, errorNumbers } from "../error-table.ts";
import { standard } from "./row.ts";

/**
 * What went wrong, and the head (64 bytes or more) of the message that caused it; after `OFPET_HELLO_FAILED` a text
 * instead.
 */
export interface ErrorBody {
  readonly error: ErrorName | UnnamedError;
  readonly data: Uint8Array;
}

/** `type:16 | code:16 | [experimenter:32] | data`. OpenFlow 1.5.1 section 7.5.4. */
const errorBody: Codec<ErrorBody> = {
  read(r) {
    const type = r.u16("error type");
    const code = r.u16("error code");
    const experimenter = type === EXPERIMENTER_ERROR ? { experimenter: r.u32("experimenter") } : {};
    return { error: errorName({ type, code, ...experimenter }), data: r.rest() };
  },
  write(w, { error, data }) {
    const numbers = typeof error === "string" ? errorNumbers(error) : error;
    if (numbers === undefined) throw new EncodeError("bad-value", "error", "not a known error");
    w.u16(numbers.type, "error type").u16(numbers.code, "error code");
    if (numbers.type === EXPERIMENTER_ERROR) w.u32(numbers.experimenter ?? 0, "experimenter");
    w.bytes(data);
  },
};
export const error = standard("error", 1, errorBody);
