import { readFileSync } from "node:fs";
import { shapes } from "@dragonflow/model";

const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** The release, as the controllers report it. */
export const VERSION: string = shapes.object({ version: shapes.text }).parse(manifest, "package.json").version;
