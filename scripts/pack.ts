/**
 * Packs the libraries that are usable alone (wire, packet, openflow, ovsdb) as they would be published: JavaScript and declarations, because a
 * runtime strips types only outside of node_modules. `node scripts/pack.ts DIRECTORY` leaves the tarballs there.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const LIBRARIES = ["wire", "packet", "openflow", "ovsdb"] as const;
const root = resolve(import.meta.dirname, "..");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
function isManifest(value: unknown): value is Manifest {
  return typeof value === "object" && value !== null && "name" in value && "version" in value;
}

/** @returns the paths of the tarballs. */
export function pack(directory: string): readonly string[] {
  mkdirSync(directory, { recursive: true });
  const staging = mkdtempSync(join(tmpdir(), "dragonflow-pack-"));
  try {
    return LIBRARIES.map((library) => packOne(library, join(staging, library), resolve(directory)));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function packOne(library: string, staging: string, directory: string): string {
  const source = join(root, "packages", library);
  mkdirSync(staging, { recursive: true });
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      outDir: join(staging, "dist"),
      rootDir: join(source, "src"),
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: [join(source, "src/**/*.ts")],
    exclude: [join(source, "src/**/*.test.ts"), join(source, "src/testing/**")],
  };
  const configFile = join(staging, "tsconfig.json");
  writeFileSync(configFile, JSON.stringify(config));
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", configFile], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  rmSync(configFile);
  const manifest: unknown = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  if (!isManifest(manifest)) throw new Error(`packages/${library}/package.json has no name or version`);
  const { name, version, dependencies = {} } = manifest;
  const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  const published = {
    name,
    version,
    type: "module",
    license: "Apache-2.0",
    engines: { node: ">=24" },
    exports,
    files: ["dist"],
    dependencies,
  };
  writeFileSync(join(staging, "package.json"), JSON.stringify(published, null, 2));
  cpSync(join(root, "LICENSE"), join(staging, "LICENSE"));
  const readme = join(source, "README.md");
  if (existsSync(readme)) cpSync(readme, join(staging, "README.md"));
  const out = execFileSync("npm", ["pack", "--silent", "--pack-destination", directory], {
    cwd: staging,
    encoding: "utf8",
  });
  return join(directory, out.trim().split("\n").at(-1) ?? "");
}

if (process.argv[1] === import.meta.filename) {
  const [directory] = process.argv.slice(2);
  if (directory === undefined) {
    console.error("usage: node scripts/pack.ts DIRECTORY");
    process.exit(2);
  }
  for (const tarball of pack(directory)) console.log(tarball);
}
