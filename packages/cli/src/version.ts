import manifest from "../package.json" with { type: "json" };

/** The release, as the controllers report it. */
export const VERSION: string = manifest.version;
