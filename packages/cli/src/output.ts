/** What a command answers goes to standard output; what it says about its work, to standard error. */
export const print = (text: string): void => void process.stdout.write(`${text}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
export const warn = (text: string): void => void process.stderr.write(`dragonflow: ${text}\n`);
