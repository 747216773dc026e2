import { pipeline } from "@dragonflow/controller";
import { type FlowFilter, filterFlows, flowLines } from "../introspection/flow-list.ts";
import { objectNames } from "../introspection/object-names.ts";
import { ask, findControllers, flowsShape, type Selection } from "../introspection/socket.ts";
import { print, printJson } from "../output.ts";
import { paletteOf } from "../screen/palette.ts";

export interface FlowsOptions extends Selection, FlowFilter {
  readonly json: boolean;
}

export async function flows(options: FlowsOptions): Promise<void> {
  const { controllers, api } = await findControllers(options);
  const [names, ...answers] = await Promise.all([
    objectNames(api),
    ...controllers.map(async (source) => ({ source, answer: await ask(source, "/flows", flowsShape) })),
  ]);
  const found = answers.map(({ source, answer }) => ({
    host: source.host,
    flows: filterFlows(answer.flows, options, names),
  }));
  if (options.json) {
    const all = found.flatMap(({ host, flows: ofHost }) =>
      ofHost.map((flow) => ({ host, ...flow, owner: { ...flow.owner, name: names.get(flow.owner.id) ?? null } })),
    );
    return printJson(all);
  }
  const tables = pipeline.tables.map(({ name }) => name);
  const palette = paletteOf(process.stdout);
  print(
    found.map(({ host, flows: ofHost }) => flowLines(host, ofHost, names, tables, palette).join("\n")).join("\n\n"),
  );
}
