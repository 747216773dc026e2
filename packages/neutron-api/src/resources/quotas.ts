import { type Input, isInput, Rejected } from "../core/attribute.ts";
import { missing } from "../core/body.ts";
import { LIMITED } from "../core/limited.ts";
import type { Reader, State } from "../core/state.ts";
import type { Transaction } from "../core/transaction.ts";
import { integerRange } from "../core/types.ts";
import { httpBadRequest, projectQuotaNotFound } from "../errors.ts";

const limitType = integerRange(-1, 2 ** 31 - 1);

export function defaultLimits(reader: Reader): Readonly<Record<string, number>> {
  return Object.fromEntries(LIMITED.map((resource) => [resource, reader.config.quotas[resource] ?? -1]));
}
export function limitsOf(reader: Reader, projectId: string): Readonly<Record<string, number>> {
  return { ...defaultLimits(reader), ...reader.quotas.get(projectId)?.limits };
}

/** Limits beside what is used of them. Nothing is reserved: a commit counts what it adds. */
export function usageOf(state: State, projectId: string): Input {
  const limits = limitsOf(state, projectId);
  return Object.fromEntries(
    LIMITED.map((resource) => [
      resource,
      { limit: limits[resource] ?? -1, used: state.countOf(resource, projectId), reserved: 0 },
    ]),
  );
}

/** The projects that have limits of their own. */
export function allLimits(reader: Reader): readonly Input[] {
  return Array.from(reader.quotas.values(), ({ id }) => ({ ...limitsOf(reader, id), project_id: id, tenant_id: id }));
}

/** `{"quota": {"network": 10, ...}}`. `force` is what Neutron calls its only way of setting a limit, and changes nothing. */
export function parseLimits(body: Input | undefined): Readonly<Record<string, number>> {
  const quota = body?.["quota"];
  if (quota === undefined || quota === null) throw missing("quota");
  if (!isInput(quota)) throw httpBadRequest("Object 'quota' contains invalid data");
  const { force: _, ...wanted } = quota;
  const unknown = Object.keys(wanted).filter((name) => !LIMITED.some((resource) => resource === name));
  if (unknown.length > 0) throw httpBadRequest(`Unrecognized attribute(s) '${unknown.join(", ")}'`);
  return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, parseLimit(name, value)]));
}

function parseLimit(name: string, value: unknown): number {
  try {
    return limitType.parse(value);
  } catch (reason) {
    if (reason instanceof Rejected) throw httpBadRequest(`Invalid input for ${name}. Reason: ${reason.message}.`);
    throw reason;
  }
}

export function setLimits(tx: Transaction, projectId: string, limits: Readonly<Record<string, number>>): Input {
  tx.quotas.put({ id: projectId, limits: { ...tx.quotas.get(projectId)?.limits, ...limits } });
  return limitsOf(tx, projectId);
}

export function resetLimits(tx: Transaction, projectId: string): void {
  if (tx.quotas.get(projectId) === undefined) throw projectQuotaNotFound(projectId);
  tx.quotas.delete(projectId);
}
