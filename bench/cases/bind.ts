import type { Case } from "../measure.ts";
export const bind: Case = { name: "bind", about: "", run: async () => [] };
