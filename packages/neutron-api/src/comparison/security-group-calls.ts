import { bad, type Call, get, post, put, remove } from "./call.ts";

const LONG = "x".repeat(256);
const NONE = "a1b2c3d4-0000-4000-8000-000000000000";
const GROUPS = "/v2.0/security-groups";

const make = (name: string, body: Readonly<Record<string, unknown>>, save?: string): Call =>
  post(
    `group: ${name}`,
    GROUPS,
    { security_group: body },
    { ...(save !== undefined && { save: { [save]: "security_group.id" } }) },
  );
const change = (name: string, body: Readonly<Record<string, unknown>>, group = "sg"): Call =>
  put(`group: ${name}`, `${GROUPS}/$${group}`, { security_group: body });

const creations: readonly Call[] = [
  get("groups: the defaults that are there", `${GROUPS}?fields=name&fields=project_id&fields=description`),
  get("groups: of a project that had none", `${GROUPS}?project_id=sgnew`),
  get("groups: of another, by its old name", `${GROUPS}?tenant_id=sgold&fields=name`),
  make("defaults", {}, "anon"),
  make("named", { name: "web", description: "d" }, "sg"),
  make("stateless", { name: "fast", stateful: false }, "stateless"),
  make("of another project", { tenant_id: "sgp1", name: "theirs" }, "theirs"),
  get("group: their default", `${GROUPS}?project_id=sgp1&name=default`, { save: { defsg: "security_groups.0.id" } }),
  make("same name", { name: "web" }),
  make("default", { name: "default" }),
  make("default in capitals", { name: "DEFAULT" }),
  make("rules", { name: "x", security_group_rules: [] }),
  make("shared", { name: "x", shared: true }),
  make("stateful in words", { name: "x", stateful: "no" }),
  make("unknown attribute", { bogus: 1 }),
  make("id", { id: NONE }),
  ...bad(GROUPS, "security_group", {}, "name", [LONG, null, 5]),
  ...bad(GROUPS, "security_group", {}, "description", [LONG, null, 5]),
  ...bad(GROUPS, "security_group", {}, "stateful", ["maybe", null]),
  post("groups: bulk", GROUPS, { security_groups: [{ name: "b1" }, { name: "b2", stateful: false }] }),
  post("groups: bulk with a default", GROUPS, { security_groups: [{ name: "b3" }, { name: "default" }] }),
  get("groups: nothing of a bulk that failed", `${GROUPS}?name=b3`),
  post("groups: empty bulk", GROUPS, { security_groups: [] }),
  post("group: no body", GROUPS, {}),
];

const reads: readonly Call[] = [
  get("group: show", `${GROUPS}/$sg`),
  get("group: show with underscore", "/v2.0/security_groups/$sg?fields=name&fields=stateful"),
  get("group: fields", `${GROUPS}/$sg?fields=id&fields=security_group_rules`),
  get("group: none such", `${GROUPS}/${NONE}`),
  get("groups: by name", `${GROUPS}?name=web&fields=name&fields=stateful`),
  get("groups: by id", `${GROUPS}?id=$sg&id=$stateless&fields=id`),
  get("groups: by stateful", `${GROUPS}?stateful=false`),
  get("groups: by shared", `${GROUPS}?shared=true`),
  get("groups: not shared", `${GROUPS}?shared=false&name=web&fields=id`),
  get("groups: by description", `${GROUPS}?description=d&fields=id`),
  get("groups: unknown filter", `${GROUPS}?bogus=1`),
  get("groups: by rules", `${GROUPS}?security_group_rules=x`),
  get("groups: sorted", `${GROUPS}?sort_key=name&sort_dir=desc&fields=name`),
  get("groups: sorted by stateful", `${GROUPS}?sort_key=stateful&sort_dir=desc&fields=name`),
  get("groups: sorted by rules", `${GROUPS}?sort_key=security_group_rules&sort_dir=desc`),
  get("groups: a page", `${GROUPS}?project_id=sgp1&limit=1&sort_key=name&sort_dir=asc&fields=name`),
  get("groups: page after none", `${GROUPS}?limit=1&marker=${NONE}`),
];

const changes: readonly Call[] = [
  change("rename", { name: "www", description: "dd" }),
  change("nothing", {}),
  change("to default", { name: "default" }),
  change("read-only project", { tenant_id: "other" }),
  change("read-only rules", { security_group_rules: [] }),
  change("stateless without ports", { stateful: false }),
  change("stateful again", { stateful: true }),
  change("description of the default", { description: "mine" }, "defsg"),
  change("name of the default", { name: "mine" }, "defsg"),
  change("default stays default", { name: "default" }, "defsg"),
  put("group: update none", `${GROUPS}/${NONE}`, { security_group: { name: "x" } }),
  put("group: empty update", `${GROUPS}/$sg`, {}),
  put(
    "group: old revision",
    `${GROUPS}/$sg`,
    { security_group: { name: "y" } },
    {
      headers: { "if-match": "revision_number=99" },
    },
  ),
  put("groups: update collection", GROUPS, { security_group: {} }),
  put("group: tag", `${GROUPS}/$sg/tags/red`, {}),
  put("group: tags", `${GROUPS}/$sg/tags`, { tags: ["blue", "red"] }),
  get("group: its tags", `${GROUPS}/$sg/tags`),
  get("group: has the tag", `${GROUPS}/$sg/tags/blue`),
  get("groups: by tags", `${GROUPS}?tags=blue,red&fields=name`),
  get("groups: by none of the tags", `${GROUPS}?not-tags-any=blue&project_id=sgp1&fields=name`),
  remove("group: no tag", `${GROUPS}/$sg/tags`),
  put("group: tag of none", `${GROUPS}/${NONE}/tags/red`, {}),
];

/** After rules and ports had them. */
export const securityGroupRemovals: readonly Call[] = [
  remove("group: delete", `${GROUPS}/$anon`),
  remove("group: delete again", `${GROUPS}/$anon`),
  remove("group: delete the default", `${GROUPS}/$defsg`),
  get("groups: the default is made again", `${GROUPS}?project_id=sgp1&fields=name`),
  remove("group: delete with a remote that refers to it", `${GROUPS}/$theirs`),
  remove("groups: delete collection", GROUPS),
];

export const securityGroupCalls: readonly Call[] = [...creations, ...reads, ...changes];
