declare const brand: unique symbol;
export type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Unit of partition, of order and of subscription. `family/name[/...]`. */
export type Topic = Brand<string, "Topic">;
/** `${kind}/${id}`, unique within its topic. */
export type RecordId = Brand<string, "RecordId">;

/**
 * Who reads and writes what, beside the servers, who do both everywhere. `controllers`: a local controller may subscribe. `own-chassis`: a controller
 * may read and write there, for its own chassis only. `to-chassis`: operators write, and a controller may read what is for its own chassis. `operators`:
 * they write. An operator reads everything.
 */
export const TOPIC_FAMILIES = {
  network: "controllers",
  identity: "controllers",
  router: "controllers",
  "security-group": "controllers",
  "address-group": "controllers",
  endpoint: "controllers",
  chassis: "controllers",
  global: "controllers",
  status: "own-chassis",
  questions: "to-chassis",
  answers: "own-chassis",
  askers: "operators",
  lease: "servers",
  api: "servers",
  refs: "servers",
} as const satisfies Readonly<Record<string, "controllers" | "own-chassis" | "to-chassis" | "operators" | "servers">>;
export type TopicFamily = keyof typeof TOPIC_FAMILIES;

function isTopic(value: string): value is Topic {
  return value.length > 0;
}
function isRecordId(value: string): value is RecordId {
  return value.includes("/");
}

export function topic(family: TopicFamily, ...names: readonly string[]): Topic {
  const name = [family, ...names].join("/");
  if (!isTopic(name)) throw new RangeError("empty topic");
  return name;
}
export function recordId(kind: string, id: string): RecordId {
  const name = `${kind}/${id}`;
  if (!isRecordId(name)) throw new RangeError(`bad record id ${name}`);
  return name;
}
/** A topic or a record id that came from outside as text. */
export function parseTopic(name: string): Topic {
  const family = name.split("/", 1)[0] ?? "";
  if (!Object.hasOwn(TOPIC_FAMILIES, family) || !isTopic(name))
    throw new RangeError(`unknown topic family: ${JSON.stringify(name.slice(0, 100))}`);
  return name;
}
export function splitRecordId(id: RecordId): { readonly kind: string; readonly id: string } {
  const slash = id.indexOf("/");
  return { kind: id.slice(0, slash), id: id.slice(slash + 1) };
}

export const networkTopic = (networkId: string): Topic => topic("network", networkId);
export const routerTopic = (routerId: string): Topic => topic("router", routerId);
export const chassisTopic = (chassis: string): Topic => topic("chassis", chassis);
export const endpointTopic = (chassis: string): Topic => topic("endpoint", chassis);
export const statusTopic = (chassis: string): Topic => topic("status", chassis);
export const securityGroupTopic = (groupId: string): Topic => topic("security-group", groupId);
export const addressGroupTopic = (groupId: string): Topic => topic("address-group", groupId);
export const identityTopic = (networkId: string): Topic => topic("identity", networkId);
export const questionsTopic = (chassis: string): Topic => topic("questions", chassis);
export const answersTopic = (chassis: string): Topic => topic("answers", chassis);
export const ASKERS_TOPIC: Topic = topic("askers");
