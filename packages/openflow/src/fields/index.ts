/** Fields: the table, and references to a part of one. */
export { isFieldName } from "./lookup.ts";
export type { Field, FieldOptions, Format, Prerequisite } from "./row.ts";
export { wholeField } from "./subfield.ts";
export type { SubField } from "./subfield.ts";
export { FIELDS } from "./table.ts";
export type { FieldName, FieldValue } from "./table.ts";
export type { Masked } from "./value.ts";
