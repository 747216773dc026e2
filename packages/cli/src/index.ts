/** The command line. Tools and tests that need a whole lab make it with the same code that `dragonflow lab up` runs. */
export { ApiClient, ApiError } from "./api/client.ts";
export * from "./api/resources.ts";
export { bringUp, type LabRequest, type RunningLab } from "./lab/bring-up.ts";
export { type PluggedVm, plugPort, unplugPort, type VmRequest, vmsReady } from "./lab/nova.ts";
export { Progress } from "./screen/progress.ts";
export { buildProgram, run } from "./program.ts";
