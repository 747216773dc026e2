import type { MetricsListenSettings } from "@dragonflow/metrics";
import type { Encapsulation } from "@dragonflow/model";

/** What a controller has to know of its host. */
export interface ControllerSettings {
  /** Name of this host in the cloud: binding:host_id of its ports. */
  readonly chassis: string;
  readonly hostname: string;
  /** The local Open vSwitch: `unix:/run/openvswitch/db.sock`. */
  readonly ovsdb: string;
  /** The integration bridge. */
  readonly bridge: string;
  /** Its OpenFlow management socket: `unix:/run/openvswitch/br-int.mgmt`. */
  readonly openflow: string;
  /** Where other hosts send tunnel packets to. */
  readonly tunnelIp: string;
  readonly encapsulations: readonly Encapsulation[];
  /** Path of the controller's own socket (`dragonflow flows`). */
  readonly socket: string;
  readonly release: string;
  /** Where Prometheus scrapes, without authentication; absent: nowhere. */
  readonly metrics?: MetricsListenSettings;
}

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
