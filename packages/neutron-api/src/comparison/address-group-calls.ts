import { bad, type Call, get, post, put, remove } from "./call.ts";

const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
const GROUPS = "/v2.0/address-groups";

const make = (name: string, body: Readonly<Record<string, unknown>>, save?: string): Call =>
  post(
    `address group: ${name}`,
    GROUPS,
    { address_group: body },
    { ...(save !== undefined && { save: { [save]: "address_group.id" } }) },
  );
const add = (name: string, body: unknown): Call =>
  put(`address group: add ${name}`, `${GROUPS}/$ag/add_addresses`, body);
const take = (name: string, body: unknown): Call =>
  put(`address group: remove ${name}`, `${GROUPS}/$ag/remove_addresses`, body);

export const addressGroupCalls: readonly Call[] = [
  make("defaults", {}, "emptyag"),
  make("everything", {
    name: "ag1",
    description: "d",
    tenant_id: "sgp1",
    addresses: ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"],
  }),
  make("named", { name: "ag2", addresses: ["192.0.2.0/24"] }, "ag"),
  make("host bits", { addresses: ["192.0.2.9/24", "192.0.2.8/24", "2001:db8::5/64"] }),
  make("addresses null", { addresses: null }),
  make("unknown attribute", { bogus: 1 }),
  ...bad(GROUPS, "address_group", {}, "addresses", [
    "192.0.2.0/24",
    ["192.0.2.9"],
    ["nonsense"],
    ["192.0.2.0/33"],
    ["192.0.2.0/24", "192.0.2.0/24"],
    [5],
    [" 192.0.2.0/24"],
  ]),
  ...bad(GROUPS, "address_group", {}, "name", ["x".repeat(256), null]),
  get("address group: show", `${GROUPS}/$ag`),
  get("address group: none such", `${GROUPS}/${NONE}`),
  get("address groups: by name", `${GROUPS}?name=ag1`),
  get("address groups: by project", `${GROUPS}?project_id=sgp1`),
  get("address groups: by old project", `${GROUPS}?tenant_id=sgp1`),
  get("address groups: by addresses", `${GROUPS}?addresses=192.0.2.0/24`),
  get("address groups: by shared", `${GROUPS}?shared=false`),
  get("address groups: unknown filter", `${GROUPS}?bogus=1`),
  get("address groups: sorted", `${GROUPS}?sort_key=name&sort_dir=desc&fields=name`),
  get("address groups: a page", `${GROUPS}?sort_key=name&sort_dir=desc&limit=1`),
  put("address group: rename", `${GROUPS}/$ag`, { address_group: { name: "ag3", description: "dd" } }),
  put("address group: addresses", `${GROUPS}/$ag`, { address_group: { addresses: [] } }),
  put("address group: update none", `${GROUPS}/${NONE}`, { address_group: { name: "x" } }),
  put("address group: tag", `${GROUPS}/$ag/tags/red`, {}),
  add("two", { addresses: ["198.51.100.0/25", "2001:db8:1::/48"] }),
  add("one with host bits", { addresses: ["198.51.100.200/25"] }),
  add("one that is there", { addresses: ["198.51.100.0/25", "203.0.113.0/24"] }),
  add("one that is there, with host bits", { addresses: ["198.51.100.9/25"] }),
  add("none", { addresses: [] }),
  add("nothing", {}),
  add("nonsense", { addresses: ["nonsense"] }),
  add("an address without length", { addresses: ["203.0.113.9"] }),
  add("by its resource", { address_group: { addresses: ["203.0.113.0/24"] } }),
  take("one", { addresses: ["198.51.100.128/25"] }),
  take("one that is not there", { addresses: ["203.0.113.0/24"] }),
  take("one of two", { addresses: ["198.51.100.0/25", "203.0.113.0/24"] }),
  take("nothing", {}),
  put("address group: add to none", `${GROUPS}/${NONE}/add_addresses`, { addresses: ["203.0.113.0/24"] }),
  put("address group: unknown action", `${GROUPS}/$ag/nope`, {}),
  get("address group: after all that", `${GROUPS}/$ag`),
  remove("address group: delete", `${GROUPS}/$emptyag`),
  remove("address group: delete again", `${GROUPS}/$emptyag`),
  post("address groups: bulk", GROUPS, { address_groups: [{ name: "b1" }, { name: "b2" }] }),
];

/** While and after a rule refers to it. */
export const addressGroupRemovals: readonly Call[] = [
  remove("address group: delete in use", `${GROUPS}/$ag`),
  remove("rule: the one that uses it", "/v2.0/security-group-rules/$byag"),
  remove("address group: delete at last", `${GROUPS}/$ag`),
];
