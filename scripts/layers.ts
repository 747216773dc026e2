/**
 * The layers of the workspace, and who may import whom. A lower layer never imports a higher one, apps never import apps, and a package imports
 * only what stands here and in its own package.json. TypeScript does not enforce this: a link in node_modules is enough for it.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const FOUNDATION = ["wire", "packet", "openflow", "ovsdb", "model", "engine"] as const;
const APP_IMPORTS = ["engine", "pipeline", "model", "packet"] as const;

/** Folder under packages/ -> the packages that its code may import. Nothing else is a package. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  model: [],
  engine: [],
  ovsdb: [],
  packet: ["wire"],
  openflow: ["wire"],
  metrics: [],
  evaluator: ["model"],
  store: ["model"],
  "drivers/sqlite": ["store", "model"],
  "drivers/etcd": ["store", "model"],
  pipeline: ["openflow", "packet", "wire", "engine", "model"],
  "apps/*": APP_IMPORTS,
  explain: ["engine", "evaluator", "model", "openflow", "packet", "wire", "pipeline", "app-security-group"],
  controller: [...FOUNDATION, "metrics", "store", "pipeline", "app-*"],
  "neutron-api": ["model", "store", "packet"],
  server: ["neutron-api", "metrics", "store", "model", "driver-*"],
  lab: ["ovsdb"],
  audit: ["evaluator", "explain", "model", "packet", "pipeline"],
  cli: [
    "server",
    "neutron-api",
    "controller",
    "explain",
    "audit",
    "lab",
    "store",
    "driver-*",
    "pipeline",
    "packet",
    "model",
  ],
};
/** What only tests, benchmarks and scripts may import besides: private switches, conformance suites, other parts to play with. */
const TESTS_MAY = /\/(testing|conformance)$/;

const root = resolve(import.meta.dirname, "..");
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;

function ruleOf(folder: string): readonly string[] | undefined {
  return LAYERS[folder] ?? LAYERS[`${dirname(folder)}/*`];
}
function allows(rule: readonly string[], name: string): boolean {
  return rule.some((allowed) => allowed === name || (allowed.endsWith("*") && name.startsWith(allowed.slice(0, -1))));
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
function isManifest(value: unknown): value is Manifest {
  return typeof value === "object" && value !== null && "name" in value;
}
function manifestOf(folder: string): Manifest {
  const value: unknown = JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));
  if (!isManifest(value)) throw new Error(`packages/${folder}/package.json has no name`);
  return value;
}

/** Every import that the table does not allow, in words. */
export function verifyLayers(): readonly string[] {
  const problems: string[] = [];
  for (const manifestPath of globSync("packages/{*,drivers/*,apps/*}/package.json", { cwd: root })) {
    const folder = relative("packages", dirname(manifestPath));
    const rule = ruleOf(folder);
    if (rule === undefined) {
      problems.push(`packages/${folder} has no layer: add it to scripts/layers.ts`);
      continue;
    }
    const manifest = manifestOf(folder);
    for (const file of globSync(`packages/${folder}/**/*.ts`, { cwd: root, exclude: ["**/node_modules/**"] })) {
      const isTest = file.endsWith(".test.ts") || /\/(testing|conformance)\//.test(file);
      for (const [, from, dynamic] of readFileSync(join(root, file), "utf8").matchAll(IMPORT)) {
        const problem = judge(from ?? dynamic ?? "", folder, file, isTest, rule, manifest);
        if (problem !== undefined) problems.push(`${file}: ${problem}`);
      }
    }
  }
  return problems;
}

function judge(
  target: string,
  folder: string,
  file: string,
  isTest: boolean,
  rule: readonly string[],
  manifest: Manifest,
): string | undefined {
  if (target.startsWith("node:")) return undefined;
  if (target.startsWith(".")) {
    const inside = relative(join("packages", folder), join(dirname(file), target));
    return inside.startsWith("..") ? `imports ${target}, outside of its package` : undefined;
  }
  const [, own] = /^@dragonflow\/([^/]+)/.exec(target) ?? [];
  const dependency = target.startsWith("@")
    ? target.split("/").slice(0, 2).join("/")
    : (target.split("/")[0] ?? target);
  if (own !== undefined) {
    if (isTest) return undefined;
    if (TESTS_MAY.test(target)) return `imports ${target}, which is for tests`;
    if (!allows(rule, own)) return `imports ${target}: its layer allows ${rule.join(", ") || "nothing"}`;
  }
  const declared = manifest.dependencies?.[dependency] ?? manifest.optionalDependencies?.[dependency];
  if (!isTest && declared === undefined) return `imports ${dependency}, which is not in its package.json`;
  return undefined;
}
