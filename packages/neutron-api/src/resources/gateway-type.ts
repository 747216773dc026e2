import { fixedIps } from "../core/address-types.ts";
import { isInput, Rejected, type Type } from "../core/attribute.ts";
import { pythonRepr, pythonText } from "../core/python-text.ts";
import { checkUuid } from "../core/types.ts";

export interface GatewayInfo {
  readonly network_id: string;
}

/** A router's external gateway: `{network_id, external_fixed_ips?}`; nothing at all means none. */
export const gatewayInfo: Type<GatewayInfo | null> = {
  parse(value) {
    if (!isInput(value) ? !value : Object.keys(value).length === 0) return null;
    if (!isInput(value)) throw new Rejected(`'${pythonText(value)}' is not a dictionary`);
    if (!Object.hasOwn(value, "network_id"))
      throw new Rejected(
        `Validation of dictionary's keys failed. Expected keys: {'network_id'} Provided keys: {${Object.keys(value).map(pythonRepr).join(", ")}}`,
      );
    const unknown = Object.keys(value).filter((key) => key !== "network_id" && key !== "external_fixed_ips");
    if (unknown.length > 0) throw new Rejected(`Unexpected keys supplied: ${unknown.join(", ")}`);
    if (Object.hasOwn(value, "external_fixed_ips")) fixedIps.parse(value["external_fixed_ips"]);
    return { network_id: checkUuid(value["network_id"]) };
  },
};
