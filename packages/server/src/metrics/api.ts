import type { createApi } from "@dragonflow/neutron-api";
import type { Metrics } from "@dragonflow/metrics";
import type { SERVER_METRICS } from "./declared.ts";

/** Every answer of the API, by the route that gave it: what no route knows is one resource, whatever its path. */
export function measureApi(app: ReturnType<typeof createApi>, metrics: Metrics<typeof SERVER_METRICS>): void {
  app.addHook("onResponse", async (request, reply) => {
    const labels = {
      resource: resourceOf(request.routeOptions.url),
      method: request.method,
      status: String(reply.statusCode),
    };
    metrics.observe("dragonflow_api_request_duration_seconds", reply.elapsedTime / 1000, labels);
  });
}

/** @param route the path with `:name` for its parameters; undefined where there is none. */
function resourceOf(route: string | undefined): string {
  if (route === undefined) return "unknown";
  const [, root = "", collection = ""] = route.split("/");
  return root === "v2.0" && collection !== "" ? collection : root === "healthz" ? root : "versions";
}
