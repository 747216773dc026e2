import { DecodeError, EncodeError, type Reader, type Writer } from "@dragonflow/wire";
import { registerActionList } from "./nested.ts";
import type { ActionForm } from "./row.ts";
import { type Action, ACTIONS, type ActionType } from "./table.ts";

const EXPERIMENTER = 0xffff;
/** How deep actions may hold actions: vswitchd itself gives up at 32. */
const MAX_DEPTH = 32;

interface Known {
  readonly name: ActionType;
  readonly form: ActionForm;
}

const formsByName = new Map<string, readonly ActionForm[]>();
const standard = new Map<number, Known>();
const byExperimenter = new Map<number, Map<number, Known>>();

for (const [name, row] of Object.entries(ACTIONS)) addRow(name as ActionType, row.forms);

function addRow(name: ActionType, forms: readonly ActionForm[]): void {
  formsByName.set(name, forms);
  for (const form of forms) {
    if (form.experimenter === 0) {
      standard.set(form.type, { name, form });
      continue;
    }
    const known = byExperimenter.get(form.experimenter) ?? new Map<number, Known>();
    byExperimenter.set(form.experimenter, known.set(form.type, { name, form }));
  }
}

/**
 * Encodes actions one behind another (OpenFlow 1.5.1 section 7.2.6), in the forms that vswitchd returns for them.
 * @throws {EncodeError} `bad-value`, `out-of-range`, `unsupported` (a field without room in a structure), `too-long`
 * (an action over 65535 bytes).
 */
export function encodeActions(w: Writer, actions: readonly Action[]): void {
  for (const action of actions) encodeAction(w, action);
}

function encodeAction(w: Writer, action: Action): void {
  const start = w.length;
  const form = formOf(action);
  if (form.experimenter === 0) w.u16(form.type).u16(0);
  else w.u16(EXPERIMENTER).u16(0).u32(form.experimenter).u16(form.type);
  form.body.write(w, action, action.type);
  w.align(8, start);
  const length = w.length - start;
  if (length > 0xffff) throw new EncodeError("too-long", action.type, `${length} bytes`);
  w.setU16(start + 2, length);
}

function formOf(action: Action): ActionForm {
  const forms = formsByName.get(action.type);
  if (forms === undefined) throw new EncodeError("bad-value", "type", `${action.type} is not an action`);
  for (const form of forms) if (form.holds === undefined || form.holds(action)) return form;
  throw new EncodeError("unsupported", action.type, "no form holds it");
}

/**
 * Decodes actions up to the end of the reader.
 * @throws {DecodeError} `truncated`, `bad-length`, `bad-value`, `unsupported` (an action or a field that no row
 * describes).
 */
export function decodeActions(r: Reader): Action[] {
  const actions: Action[] = [];
  while (!r.done) actions.push(decodeAction(r));
  return actions;
}

let depth = 0;

function decodeAction(r: Reader): Action {
  if (depth >= MAX_DEPTH) r.fail(`actions ${depth} deep`);
  depth++;
  try {
    return readAction(r);
  } finally {
    depth--;
  }
}

function readAction(r: Reader): Action {
  const at = r.offset;
  const type = r.u16("action type");
  const length = r.u16("action length");
  if (length < 8 || length % 8 !== 0) throw new DecodeError("bad-length", at, `an action of ${length} bytes`);
  const body = r.sub(length - 4, "action");
  let known = standard.get(type);
  if (type === EXPERIMENTER) {
    const experimenter = body.u32("experimenter");
    const subtype = body.u16("subtype");
    known = byExperimenter.get(experimenter)?.get(subtype);
    if (known === undefined) {
      throw new DecodeError("unsupported", at, `action ${subtype} of experimenter 0x${experimenter.toString(16)}`);
    }
  }
  if (known === undefined) throw new DecodeError("unsupported", at, `action ${type}`);
  const action = { type: known.name, ...known.form.body.read(body) } as Action;
  if (body.remaining > MAX_PADDING) {
    throw new DecodeError("bad-length", at, `${known.name} with ${body.remaining} bytes too many`);
  }
  return action;
}

/** The most zeros that stand behind an action: a structure of 24 bytes that only a field's header of 4 follows. */
const MAX_PADDING = 10;

registerActionList({ write: encodeActions, read: decodeActions, readOne: decodeAction });
