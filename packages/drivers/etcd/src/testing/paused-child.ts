/**
 * A client that is going to be stopped and continued: holds a lease, and follows a topic. Prints a line for what happens: "ready", "lost", and what the
 * record port/1 says. argv: URL TOPIC.
 */
import { writeSync } from "node:fs";
import { parseTopic } from "@dragonflow/model";
import { Observer, port } from "@dragonflow/store/conformance";
import { openEtcdStore } from "../index.ts";

const [, , url = "", name = ""] = process.argv;
const topic = parseTopic(name);
const say = (words: string): unknown => writeSync(1, `${words}\n`);
const driver = await openEtcdStore({ url });
const lease = await driver.lease("paused", { ttlSeconds: 2 });
lease.lost.addEventListener("abort", () => say("lost"));
const observer = new Observer(driver.watch());
observer.watch.add([{ topic }]);
await observer.untilCurrent(topic);
say("ready");
let last: string | undefined;
await observer.until("the end", () => {
  const now = observer.texts(topic).get(port(1));
  if (now !== last) say(now ?? "");
  last = now;
  return now === "end";
});
await driver.close();
