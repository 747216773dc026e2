import { capabilityRows } from "@dragonflow/store";
import { print, printJson } from "../output.ts";
import { plainTable } from "../screen/columns.ts";
import { paletteOf } from "../screen/palette.ts";
import { openChosen, type StoreOptions } from "./opening.ts";

const COLUMNS = [{ title: "CAPABILITY" }, { title: "VALUE" }, { title: "WHAT IT MEANS" }];

/** What the connected store declares. */
export async function capabilities(options: StoreOptions & { readonly json: boolean }): Promise<void> {
  await using store = await openChosen(options);
  if (options.json) {
    printJson(store.driver.capabilities);
    return;
  }
  const palette = paletteOf(process.stdout);
  const rows = capabilityRows(store.driver.capabilities).map(({ name, value, meaning }) => [
    { text: name },
    { text: value, paint: palette.strong },
    { text: meaning, paint: palette.dim },
  ]);
  print(plainTable(COLUMNS, rows, palette).join("\n"));
}
