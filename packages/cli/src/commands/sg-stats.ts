import { ApiClient, ApiError } from "../api/client.ts";
import { addressGroups, type Port, ports, type SecurityGroup, securityGroups } from "../api/resources.ts";
import { CliError } from "../errors.ts";
import { ask, findControllers, type Selection, statisticsShape } from "../introspection/socket.ts";
import { print, printJson, warn } from "../output.ts";
import { paletteOf } from "../screen/palette.ts";
import { type Catalogue, type ReportFilter, reportOf } from "../security-groups/report.ts";
import { reportLines } from "../security-groups/report-lines.ts";

export interface SgStatsOptions extends Selection {
  /** Id or name. */
  readonly group?: string;
  readonly port?: string;
  readonly json: boolean;
}

export async function sgStats(options: SgStatsOptions): Promise<void> {
  const { controllers, api } = await findControllers(options);
  const catalogue = await catalogueOf(api, options);
  const filter = filterOf(catalogue, options);
  const answers = await Promise.all(
    controllers.map(async (source) => ({
      host: source.host,
      statistics: await ask(source, "/statistics", statisticsShape),
    })),
  );
  const report = reportOf(answers, catalogue, filter);
  if (options.json) return printJson(report);
  print(reportLines(report, paletteOf(process.stdout)).join("\n"));
}

/** Without an API there are numbers and ids, which is better than nothing; but nobody to ask what a group has. */
async function catalogueOf(apiUrl: string | undefined, { group, port }: SgStatsOptions): Promise<Catalogue> {
  const isNeeded = group !== undefined || port !== undefined;
  if (apiUrl === undefined) {
    if (isNeeded) throw new CliError("--group and --port ask the API, and there is none: set OS_ENDPOINT");
    return { groups: [], ports: [], names: new Map() };
  }
  try {
    return await askApi(new ApiClient(apiUrl));
  } catch (error) {
    if (isNeeded || !(error instanceof ApiError)) throw error;
    warn(`${error.message}; ids in place of names`);
    return { groups: [], ports: [], names: new Map() };
  }
}

async function askApi(api: ApiClient): Promise<Catalogue> {
  const [groups, allPorts, addresses] = await Promise.all([
    api.list(securityGroups),
    api.list(ports),
    api.list(addressGroups),
  ]);
  const portName = ({ name, fixed_ips }: Port): string =>
    name === "" ? fixed_ips.map(({ ip_address }) => ip_address).join(" ") : name;
  const named = [...groups, ...addresses].filter(({ name }) => name !== "");
  const names = new Map([
    ...named.map(({ id, name }): [string, string] => [id, name]),
    ...allPorts.map((port): [string, string] => [port.id, portName(port)]),
  ]);
  return { groups, ports: allPorts, names };
}

/** Of several of one name all are meant: each project has a group "default". @throws {CliError} when there is none */
function filterOf(catalogue: Catalogue, { group, port }: SgStatsOptions): ReportFilter {
  const found = (what: string, wanted: string, all: readonly (Port | SecurityGroup)[]): ReadonlySet<string> => {
    const ids = all.filter(({ id, name }) => id === wanted || name === wanted).map(({ id }) => id);
    if (ids.length === 0) throw new CliError(`there is no ${what} "${wanted}"`);
    return new Set(ids);
  };
  return {
    ...(group === undefined ? {} : { groups: found("security group", group, catalogue.groups) }),
    ...(port === undefined ? {} : { ports: found("port", port, catalogue.ports) }),
  };
}
