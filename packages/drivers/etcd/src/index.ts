/** A store in etcd, one member or a cluster. Its client library is loaded when the store is opened. */
export { type EtcdAddress, parseEtcdUrl } from "./address.ts";
export { etcdCapabilities, type EtcdStoreOptions, openEtcdStore } from "./store.ts";
export { type EtcdMember, etcdCommand } from "./member.ts";
