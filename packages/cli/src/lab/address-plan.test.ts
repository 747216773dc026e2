import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Subnet } from "../api/resources.ts";
import { planAddresses } from "./address-plan.ts";

const subnet = (id: string, changes: Partial<Subnet> = {}): Subnet => ({
  id,
  name: "",
  network_id: "n",
  cidr: "10.0.0.0/24",
  ip_version: 4,
  gateway_ip: "10.0.0.1",
  enable_dhcp: true,
  ipv6_address_mode: null,
  ipv6_ra_mode: null,
  ...changes,
});
const ipv6 = { ip_version: 6, cidr: "fd00::/64", gateway_ip: "fd00::1" } as const;
const slaac = subnet("slaac", { ...ipv6, ipv6_address_mode: "slaac", ipv6_ra_mode: "slaac" });
const fixed = (subnet_id: string, ip_address: string) => ({ subnet_id, ip_address });

describe("how a VM gets its addresses", () => {
  test("DHCP and SLAAC where the subnet offers them: nothing is given", () => {
    assert.deepEqual(
      planAddresses([fixed("dhcp", "10.0.0.5"), fixed("slaac", "fd00::5")], [subnet("dhcp"), slaac], false),
      { dhcp: true, addresses: [], gateways: [] },
    );
  });

  test("by hand: all addresses, and a gateway per family", () => {
    assert.deepEqual(
      planAddresses([fixed("dhcp", "10.0.0.5"), fixed("slaac", "fd00::5")], [subnet("dhcp"), slaac], true),
      { dhcp: false, addresses: ["10.0.0.5/24", "fd00::5/64"], gateways: ["10.0.0.1", "fd00::1"] },
    );
  });

  test("what no protocol announces is given, besides DHCP", () => {
    const silent = subnet("silent", { ...ipv6, gateway_ip: null });
    const plain = subnet("plain", { cidr: "10.1.0.0/16", enable_dhcp: false, gateway_ip: "10.1.0.1" });
    assert.deepEqual(
      planAddresses(
        [fixed("dhcp", "10.0.0.5"), fixed("silent", "fd00::5"), fixed("plain", "10.1.0.9"), fixed("gone", "10.9.0.1")],
        [subnet("dhcp"), silent, plain],
        false,
      ),
      { dhcp: true, addresses: ["fd00::5/64", "10.1.0.9/16"], gateways: ["10.1.0.1"] },
    );
    assert.deepEqual(planAddresses([fixed("plain", "10.1.0.9")], [plain], false).dhcp, false);
  });

  test("an external router's announcements do not come from us", () => {
    const external = subnet("external", { ...ipv6, ipv6_address_mode: "slaac" });
    assert.deepEqual(planAddresses([fixed("external", "fd00::5")], [external], false).addresses, ["fd00::5/64"]);
  });
});
