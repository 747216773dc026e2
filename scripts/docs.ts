/** `npm run docs`: the pages under docs/ that are made of the code. docs.test.ts says when one of them is not what the code says any more. */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { apiReference } from "@dragonflow/neutron-api";
import { dashboard } from "./dashboard.ts";
import { metricsReference } from "./metrics-reference.ts";
import { pipelineReference } from "./pipeline-reference.ts";
import { storesReference } from "./stores-reference.ts";

export const root = resolve(import.meta.dirname, "..");

/** ONE ROW PER PAGE: its file, and what makes it. */
export const PAGES: Readonly<Record<string, () => string>> = {
  "docs/api.md": apiReference,
  "docs/grafana-dashboard.json": dashboard,
  "docs/metrics.md": metricsReference,
  "docs/pipeline.md": pipelineReference,
  "docs/stores.md": storesReference,
};

if (process.argv[1] === import.meta.filename) {
  for (const [file, page] of Object.entries(PAGES)) {
    writeFileSync(resolve(root, file), page());
    console.log(file);
  }
}
