import type { Log } from "../settings.ts";

/** Keeps what was logged, for tests to look at. */
export class KeptLog implements Log {
  readonly lines: { readonly level: "info" | "warn" | "error"; readonly fields: object; readonly message: string }[] =
    [];

  info(fields: object, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }
  /** Lines whose message matches. */
  with(message: RegExp): readonly object[] {
    return this.lines.filter((line) => message.test(line.message)).map(({ fields }) => fields);
  }
}
