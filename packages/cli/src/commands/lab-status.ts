import { listLabs, openLab, status } from "@dragonflow/lab";
import { print, printJson } from "../output.ts";
import { plainTable } from "../screen/columns.ts";
import { paletteOf } from "../screen/palette.ts";

export async function labStatus(name: string, options: { readonly json: boolean }): Promise<void> {
  const seen = await status(await openLab(name));
  if (options.json) return printJson(seen);
  const palette = paletteOf(process.stdout);
  print(`API  ${seen.api ?? "none"}\n`);
  const hostRows = seen.hosts.map(({ name: host, state, namespace, ovsdb }) => [
    { text: host, paint: palette.strong },
    { text: state, paint: state === "up" ? palette.good : palette.bad },
    { text: namespace },
    { text: ovsdb },
  ]);
  const hostColumns = ["host", "state", "namespace", "ovsdb"].map((title) => ({ title }));
  print(plainTable(hostColumns, hostRows, palette).join("\n"));
  const vmRows = seen.vms.map(({ name: vm, host, port_id, mac, addresses }) => [
    { text: vm, paint: palette.strong },
    { text: host },
    { text: port_id },
    { text: mac },
    { text: addresses.join(" ") },
  ]);
  const vmColumns = ["VM", "host", "port", "MAC", "addresses"].map((title) => ({ title }));
  if (vmRows.length > 0) print(`\n${plainTable(vmColumns, vmRows, palette).join("\n")}`);
}

export async function labList(options: { readonly json: boolean }): Promise<void> {
  const labs = await listLabs();
  if (options.json) return printJson(labs);
  if (labs.length === 0) return print("no labs");
  const rows = labs.map(({ name, phase, directory }) => [{ text: name }, { text: phase }, { text: directory }]);
  print(
    plainTable(
      ["lab", "state", "directory"].map((title) => ({ title })),
      rows,
      paletteOf(process.stdout),
    ).join("\n"),
  );
}
