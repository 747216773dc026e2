/** Every app, one line each. Within a stage packets pass the tables in this order. */
import arp from "@dragonflow/app-arp";
import classification from "@dragonflow/app-classification";
import dhcp from "@dragonflow/app-dhcp";
import l2 from "@dragonflow/app-l2";
import l3 from "@dragonflow/app-l3";
import nd from "@dragonflow/app-nd";
import portSecurity from "@dragonflow/app-port-security";
import ra from "@dragonflow/app-ra";
import securityGroup from "@dragonflow/app-security-group";
import tunnel from "@dragonflow/app-tunnel";
import { type NetworkApp, Pipeline } from "@dragonflow/pipeline";

export const APPS: readonly NetworkApp[] = [
  classification,
  portSecurity,
  securityGroup,
  arp,
  nd,
  ra,
  dhcp,
  l3,
  l2,
  tunnel,
];

export const pipeline = new Pipeline(APPS.flatMap((app) => app.tables));
export const RESPONDERS = APPS.flatMap((app) => app.responders);
