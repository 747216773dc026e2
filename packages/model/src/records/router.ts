import { defineKind, type RecordOf } from "../kind.ts";
import { flag, list, text } from "../schema.ts";
import { networkTopic, routerTopic } from "../topics.ts";
import { addressList, key24, key31, route } from "./common.ts";

export const routerKind = defineKind({
  kind: "router",
  topic: (r) => routerTopic(r.id),
  fields: { key: key24, adminUp: flag, routes: list(route) },
});
export type RouterRecord = RecordOf<typeof routerKind>;

/** A router's interface, as its router sees it. `id` and `key` are those of the interface's port. */
export const routerInterfaceKind = defineKind({
  kind: "router-interface",
  topic: (i) => routerTopic(i.routerId),
  fields: { routerId: text, networkId: text, key: key31, mac: text, addresses: addressList, adminUp: flag },
});
export type RouterInterfaceRecord = RecordOf<typeof routerInterfaceKind>;

/** The same interface, as its network sees it: from here a host learns which routers a network has. */
export const routerPortKind = defineKind({
  kind: "router-port",
  topic: (i) => networkTopic(i.networkId),
  fields: { routerId: text, networkId: text, key: key31, mac: text, addresses: addressList, adminUp: flag },
});
export type RouterPortRecord = RecordOf<typeof routerPortKind>;
