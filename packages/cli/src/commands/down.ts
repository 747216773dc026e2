import { removeLab } from "@dragonflow/lab";
import { counted } from "../screen/palette.ts";
import { Progress } from "../screen/progress.ts";

export async function down(name: string): Promise<void> {
  const progress = new Progress();
  await progress.step(
    `removing lab "${name}"`,
    async () => removeLab(name),
    ({ existed, namespaces, processes }) =>
      existed
        ? `lab "${name}" removed: ${counted(namespaces.length, "namespace")}, ${counted(processes.length, "process", "processes")}`
        : `there is no lab "${name}", and nothing left of one`,
  );
}
