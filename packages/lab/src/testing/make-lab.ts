/** A program for the crash test: makes the lab that it is told to, with a VM, and ends. */
import { createLab } from "../labs.ts";
import { addVm } from "../vms.ts";

const lab = await createLab({ name: process.argv[2] ?? "", hosts: 2 });
await addVm(lab, { host: "host1", portId: "port-1", mac: "02:00:00:00:00:01" });
