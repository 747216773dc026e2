import { type Codec, DecodeError, EncodeError } from "@dragonflow/wire";
import { structure } from "../layout.ts";
import { PortNumber } from "../numbers.ts";
import { type ActionText, bare, call, readArguments, required } from "../text/action-text.ts";
import { parsePort, printPort } from "../text/names.ts";
import { parseNumber } from "../text/number.ts";
import { action, nicira, refusedAction } from "./row.ts";
import { port16 } from "./steering.ts";

/** Sends packets to the collectors of a set, as IPFIX. */
export interface Sample {
  /** So many of 65535 packets, at least 1. */
  readonly probability: number;
  readonly collectorSet: number;
  readonly domain: number;
  readonly point: number;
  readonly port?: number;
  readonly direction?: "ingress" | "egress";
}

const DIRECTIONS = ["ingress", "egress"] as const;

const sample = (form: "short" | "port" | "direction"): Codec<Sample> => ({
  read(r) {
    const at = r.offset;
    const probability = r.u16("probability");
    const found = {
      probability,
      collectorSet: r.u32("collector_set_id"),
      domain: r.u32("domain"),
      point: r.u32("point"),
    };
    if (form === "short") return found;
    const port = port16.read(r);
    const direction = r.u8("direction");
    if (direction > DIRECTIONS.length) throw new DecodeError("bad-value", at, `direction ${direction}`);
    const name = DIRECTIONS[direction - 1];
    r.skip(5);
    return { ...found, ...(port !== PortNumber.any && { port }), ...(name && { direction: name }) };
  },
  write(w, { probability, collectorSet, domain, point, port, direction }) {
    if (probability === 0) throw new EncodeError("out-of-range", "probability", "0 is never");
    w.u16(probability, "probability").u32(collectorSet, "collectorSet").u32(domain, "domain").u32(point, "point");
    if (form === "short") return;
    port16.write(w, port ?? PortNumber.any, "port");
    w.u8(direction === undefined ? 0 : DIRECTIONS.indexOf(direction) + 1).zeros(5);
  },
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const sampleText: ActionText<Sample> = {
  print: ({ probability, collectorSet, domain, point, port, direction }, names) =>
    call("sample", [
      `probability=${probability}`,
      `collector_set_id=${collectorSet}`,
      `obs_domain_id=${domain}`,
      `obs_point_id=${point}`,
      port !== undefined && `sampling_port=${printPort(port, names)}`,
      direction,
    ]),
  keywords: {
    sample({ value: list }, { numbers }) {
      const found: Mutable<Sample> = { probability: 0, collectorSet: 0, domain: 0, point: 0 };
      readArguments(list, "sample", {
        probability: ({ key, value }) => (found.probability = parseNumber(required(key, value), 16, "probability")),
        collector_set_id: ({ key, value }) =>
          (found.collectorSet = parseNumber(required(key, value), 32, "collector_set_id")),
        obs_domain_id: ({ key, value }) => (found.domain = parseNumber(required(key, value), 32, "obs_domain_id")),
        obs_point_id: ({ key, value }) => (found.point = parseNumber(required(key, value), 32, "obs_point_id")),
        sampling_port: ({ value }) => (found.port = parsePort(value, numbers)),
        ingress: () => (found.direction = "ingress"),
        egress: () => (found.direction = "egress"),
      });
      if (found.probability === 0) list.fail("missing", "sample wants a probability above 0");
      return found;
    },
  },
};

const nothing = structure({});

/**
 * Actions that watch, and two for debugging Open vSwitch itself, which takes them only when started with
 * --enable-dummy.
 */
export const MONITORING_ACTIONS = {
  sample: action(
    sampleText,
    nicira(29, sample("short"), (a) => a.port === undefined && a.direction === undefined),
    nicira(38, sample("port"), (a) => a.direction === undefined),
    nicira(41, sample("direction")),
  ),
  debug_recirc: refusedAction("OFPBAC_BAD_VENDOR_TYPE", action(bare("debug_recirc"), nicira(255, nothing))),
  debug_slow: refusedAction("OFPBAC_BAD_VENDOR_TYPE", action(bare("debug_slow"), nicira(254, nothing))),
} as const;
