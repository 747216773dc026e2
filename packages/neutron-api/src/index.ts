/** A server that speaks the Neutron v2.0 API, on any store. */
export { type ApiConfig, defaultConfig } from "./core/config.ts";
export { Engine } from "./core/engine.ts";
export type { State } from "./core/state.ts";
export { agentId, recordChassis, setChassisAlive } from "./core/chassis.ts";
export type { AgentObject, QuotaObject } from "./core/kinds.ts";
export {
  auditRecords,
  type FoundRecord,
  type RecordAudit,
  type RecordDifference,
  type RecordOwner,
  topicsOfCloud,
} from "./core/store-audit.ts";
export type { Authenticate, Caller, Headers } from "./core/request.ts";
export { NeutronError } from "./errors.ts";
export { type ApiOptions, createApi } from "./http/api.ts";
export { EXTENSIONS, type Extension } from "./resources/extensions.ts";
export { apiReference } from "./reference.ts";
