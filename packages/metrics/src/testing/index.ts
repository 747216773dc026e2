/** What a scrape gave: each sample's value by its name, with its labels in the order of the alphabet: `name{a="x",b="y"}`. */
export class Samples {
  readonly #values = new Map<string, number>();

  /** @throws {Error} for a line that is none of Prometheus' text format. */
  constructor(text: string) {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (found === null) throw new Error(`not a sample: ${line}`);
      const [, name = "", labels = "", value = ""] = found;
      const sorted = [...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
      this.#values.set(sorted.length === 0 ? name : `${name}{${sorted.join(",")}}`, Number(value));
    }
  }

  static async from(url: string): Promise<Samples> {
    return new Samples(await (await fetch(url)).text());
  }

  get keys(): readonly string[] {
    return [...this.#values.keys()];
  }
  get names(): ReadonlySet<string> {
    return new Set(this.keys.map((key) => key.split("{")[0] ?? key));
  }
  /** The sum over all labels that are not given; 0 where there is none. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const [key, value] of this.#values) {
      const [bare, rest = ""] = key.split("{");
      if (bare === name && Object.entries(labels).every(([label, text]) => rest.includes(`${label}="${text}"`)))
        sum += value;
    }
    return sum;
  }
}
