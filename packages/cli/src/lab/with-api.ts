import { getApi, type Lab, openLab } from "@dragonflow/lab";
import { ApiClient } from "../api/client.ts";
import { CliError } from "../errors.ts";

export interface LabWithApi {
  readonly lab: Lab;
  readonly api: ApiClient;
}

export async function openWithApi(name: string): Promise<LabWithApi> {
  const lab = await openLab(name);
  const url = await getApi(lab);
  if (url === null) throw new CliError(`lab "${name}" has no API; make it anew: dragonflow lab down --lab ${name}`);
  return { lab, api: new ApiClient(url) };
}
