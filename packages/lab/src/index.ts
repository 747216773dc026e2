/**
 * The lab: hosts and VMs as network namespaces with a real Open vSwitch each (userspace datapath), joined by a
 * fabric. Any number of labs side by side; whatever one made is removed, also after a kill -9 of whoever made it.
 */
export { LabError, type LabErrorCode } from "./errors.ts";
export { execIn, execInVm, type ExecOptions, type ExecResult } from "./exec.ts";
export { addHost, killHost, type LabHost, listHosts, removeHost, restartDaemon, startHost } from "./hosts.ts";
export { createLab, type LabSpec, type LabSummary, listLabs, openLab, removeLab, type Removal } from "./labs.ts";
export { type Lab, labsDirectory } from "./names.ts";
export { type PingOptions, type PingPair, type Pings, type PingStats, startPings } from "./pings.ts";
export {
  listProcesses,
  type ProcessSpec,
  type RecordedProcess,
  spawnRecorded,
  startRecorded,
  stopRecorded,
} from "./processes.ts";
export { requireRoot, requireSoftware } from "./requirements.ts";
export { getApi, type LabStatus, setApi, status } from "./status.ts";
export { addVm, type LabVm, listVms, moveVm, removeVm, type VmSpec, waitForLease } from "./vms.ts";
