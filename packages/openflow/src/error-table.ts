/**
 * Every error that Open vSwitch sends on an OpenFlow 1.5 connection, under the name that its tools and logs print.
 * Standard errors have a type and a code (OpenFlow 1.5.1 section 7.5.4).
 */
export const STANDARD_ERRORS = {
  OFPET_HELLO_FAILED: {
    type: 0,
    codes: {
      OFPHFC_INCOMPATIBLE: 0,
      OFPHFC_EPERM: 1,
    },
  },
  OFPET_BAD_REQUEST: {
    type: 1,
    codes: {
      OFPBRC_BAD_VERSION: 0,
      OFPBRC_BAD_TYPE: 1,
      OFPBRC_BAD_STAT: 2,
      OFPBRC_BAD_VENDOR: 3,
      OFPBRC_BAD_SUBTYPE: 4,
      OFPBRC_EPERM: 5,
      OFPBRC_BAD_LEN: 6,
      OFPBRC_BUFFER_EMPTY: 7,
      OFPBRC_BUFFER_UNKNOWN: 8,
      OFPBRC_BAD_TABLE_ID: 9,
      OFPBRC_IS_SECONDARY: 10,
      OFPBRC_BAD_PORT: 11,
      OFPBRC_BAD_PACKET: 12,
      OFPBRC_MULTIPART_BUFFER_OVERFLOW: 13,
      OFPBRC_MULTIPART_REQUEST_TIMEOUT: 14,
      OFPBRC_MULTIPART_REPLY_TIMEOUT: 15,
      OFPBRC_MULTIPART_BAD_SCHED: 16,
      OFPBRC_PIPELINE_FIELDS_ONLY: 17,
      OFPBRC_UNKNOWN: 18,
    },
  },
  OFPET_BAD_ACTION: {
    type: 2,
    codes: {
      OFPBAC_BAD_TYPE: 0,
      OFPBAC_BAD_LEN: 1,
      OFPBAC_BAD_VENDOR: 2,
      OFPBAC_BAD_VENDOR_TYPE: 3,
      OFPBAC_BAD_OUT_PORT: 4,
      OFPBAC_BAD_ARGUMENT: 5,
      OFPBAC_EPERM: 6,
      OFPBAC_TOO_MANY: 7,
      OFPBAC_BAD_QUEUE: 8,
      OFPBAC_BAD_OUT_GROUP: 9,
      OFPBAC_MATCH_INCONSISTENT: 10,
      OFPBAC_UNSUPPORTED_ORDER: 11,
      OFPBAC_BAD_TAG: 12,
      OFPBAC_BAD_SET_TYPE: 13,
      OFPBAC_BAD_SET_LEN: 14,
      OFPBAC_BAD_SET_ARGUMENT: 15,
      OFPBAC_BAD_SET_MASK: 16,
      OFPBAC_BAD_METER: 17,
    },
  },
  OFPET_BAD_INSTRUCTION: {
    type: 3,
    codes: {
      OFPBIC_UNKNOWN_INST: 0,
      OFPBIC_UNSUP_INST: 1,
      OFPBIC_BAD_TABLE_ID: 2,
      OFPBIC_UNSUP_METADATA: 3,
      OFPBIC_UNSUP_METADATA_MASK: 4,
      OFPBIC_BAD_EXPERIMENTER: 5,
      OFPBIC_BAD_EXP_TYPE: 6,
      OFPBIC_BAD_LEN: 7,
      OFPBIC_EPERM: 8,
      OFPBIC_DUP_INST: 9,
    },
  },
  OFPET_BAD_MATCH: {
    type: 4,
    codes: {
      OFPBMC_BAD_TYPE: 0,
      OFPBMC_BAD_LEN: 1,
      OFPBMC_BAD_TAG: 2,
      OFPBMC_BAD_DL_ADDR_MASK: 3,
      OFPBMC_BAD_NW_ADDR_MASK: 4,
      OFPBMC_BAD_WILDCARDS: 5,
      OFPBMC_BAD_FIELD: 6,
      OFPBMC_BAD_VALUE: 7,
      OFPBMC_BAD_MASK: 8,
      OFPBMC_BAD_PREREQ: 9,
      OFPBMC_DUP_FIELD: 10,
      OFPBMC_EPERM: 11,
    },
  },
  OFPET_FLOW_MOD_FAILED: {
    type: 5,
    codes: {
      OFPFMFC_UNKNOWN: 0,
      OFPFMFC_TABLE_FULL: 1,
      OFPFMFC_BAD_TABLE_ID: 2,
      OFPFMFC_OVERLAP: 3,
      OFPFMFC_EPERM: 4,
      OFPFMFC_BAD_TIMEOUT: 5,
      OFPFMFC_BAD_COMMAND: 6,
      OFPFMFC_BAD_FLAGS: 7,
      OFPFMFC_CANT_SYNC: 8,
      OFPFMFC_BAD_PRIORITY: 9,
      OFPFMFC_IS_SYNC: 10,
    },
  },
  OFPET_GROUP_MOD_FAILED: {
    type: 6,
    codes: {
      OFPGMFC_GROUP_EXISTS: 0,
      OFPGMFC_INVALID_GROUP: 1,
      OFPGMFC_WEIGHT_UNSUPPORTED: 2,
      OFPGMFC_OUT_OF_GROUPS: 3,
      OFPGMFC_OUT_OF_BUCKETS: 4,
      OFPGMFC_CHAINING_UNSUPPORTED: 5,
      OFPGMFC_WATCH_UNSUPPORTED: 6,
      OFPGMFC_LOOP: 7,
      OFPGMFC_UNKNOWN_GROUP: 8,
      OFPGMFC_CHAINED_GROUP: 9,
      OFPGMFC_BAD_TYPE: 10,
      OFPGMFC_BAD_COMMAND: 11,
      OFPGMFC_BAD_BUCKET: 12,
      OFPGMFC_BAD_WATCH: 13,
      OFPGMFC_EPERM: 14,
      OFPGMFC_UNKNOWN_BUCKET: 15,
      OFPGMFC_BUCKET_EXISTS: 16,
    },
  },
  OFPET_PORT_MOD_FAILED: {
    type: 7,
    codes: {
      OFPPMFC_BAD_PORT: 0,
      OFPPMFC_BAD_HW_ADDR: 1,
      OFPPMFC_BAD_CONFIG: 2,
      OFPPMFC_BAD_ADVERTISE: 3,
      OFPPMFC_EPERM: 4,
    },
  },
  OFPET_TABLE_MOD_FAILED: {
    type: 8,
    codes: {
      OFPTMFC_BAD_TABLE: 0,
      OFPTMFC_BAD_CONFIG: 1,
      OFPTMFC_EPERM: 2,
    },
  },
  OFPET_QUEUE_OP_FAILED: {
    type: 9,
    codes: {
      OFPQOFC_BAD_PORT: 0,
      OFPQOFC_BAD_QUEUE: 1,
      OFPQOFC_EPERM: 2,
    },
  },
  OFPET_SWITCH_CONFIG_FAILED: {
    type: 10,
    codes: {
      OFPSCFC_BAD_FLAGS: 0,
      OFPSCFC_BAD_LEN: 1,
      OFPSCFC_EPERM: 2,
    },
  },
  OFPET_ROLE_REQUEST_FAILED: {
    type: 11,
    codes: {
      OFPRRFC_STALE: 0,
      OFPRRFC_UNSUP: 1,
      OFPRRFC_BAD_ROLE: 2,
      OFPRRFC_ID_UNSUP: 3,
      OFPRRFC_ID_IN_USE: 4,
    },
  },
  OFPET_METER_MOD_FAILED: {
    type: 12,
    codes: {
      OFPMMFC_UNKNOWN: 0,
      OFPMMFC_METER_EXISTS: 1,
      OFPMMFC_INVALID_METER: 2,
      OFPMMFC_UNKNOWN_METER: 3,
      OFPMMFC_BAD_COMMAND: 4,
      OFPMMFC_BAD_FLAGS: 5,
      OFPMMFC_BAD_RATE: 6,
      OFPMMFC_BAD_BURST: 7,
      OFPMMFC_BAD_BAND: 8,
      OFPMMFC_BAD_BAND_VALUE: 9,
      OFPMMFC_OUT_OF_METERS: 10,
      OFPMMFC_OUT_OF_BANDS: 11,
    },
  },
  OFPET_TABLE_FEATURES_FAILED: {
    type: 13,
    codes: {
      OFPTFFC_BAD_TABLE: 0,
      OFPTFFC_BAD_METADATA: 1,
      OFPTFFC_EPERM: 5,
      OFPTFFC_BAD_CAPA: 6,
      OFPTFFC_BAD_MAX_ENT: 7,
      OFPTFFC_BAD_FEATURES: 8,
      OFPTFFC_BAD_COMMAND: 9,
      OFPTFFC_TOO_MANY: 10,
    },
  },
  OFPET_BAD_PROPERTY: {
    type: 14,
    codes: {
      OFPBPC_BAD_TYPE: 0,
      OFPBPC_BAD_LEN: 1,
      OFPBPC_BAD_VALUE: 2,
      OFPBPC_TOO_MANY: 3,
      OFPBPC_DUP_TYPE: 4,
      OFPBPC_BAD_EXPERIMENTER: 5,
      OFPBPC_BAD_EXP_TYPE: 6,
      OFPBPC_BAD_EXP_VALUE: 7,
      OFPBPC_EPERM: 8,
    },
  },
  OFPET_ASYNC_CONFIG_FAILED: {
    type: 15,
    codes: {
      OFPACFC_INVALID: 0,
      OFPACFC_UNSUPPORTED: 1,
      OFPACFC_EPERM: 2,
    },
  },
  OFPET_FLOW_MONITOR_FAILED: {
    type: 16,
    codes: {
      OFPMOFC_UNKNOWN: 0,
      OFPMOFC_MONITOR_EXISTS: 1,
      OFPMOFC_INVALID_MONITOR: 2,
      OFPMOFC_UNKNOWN_MONITOR: 3,
      OFPMOFC_BAD_COMMAND: 4,
      OFPMOFC_BAD_FLAGS: 5,
      OFPMOFC_BAD_TABLE_ID: 6,
      OFPMOFC_BAD_OUT: 7,
    },
  },
  OFPET_BUNDLE_FAILED: {
    type: 17,
    codes: {
      OFPBFC_UNKNOWN: 0,
      OFPBFC_EPERM: 1,
      OFPBFC_BAD_ID: 2,
      OFPBFC_BUNDLE_EXIST: 3,
      OFPBFC_BUNDLE_CLOSED: 4,
      OFPBFC_OUT_OF_BUNDLES: 5,
      OFPBFC_BAD_TYPE: 6,
      OFPBFC_BAD_FLAGS: 7,
      OFPBFC_MSG_BAD_LEN: 8,
      OFPBFC_MSG_BAD_XID: 9,
      OFPBFC_MSG_UNSUP: 10,
      OFPBFC_MSG_CONFLICT: 11,
      OFPBFC_MSG_TOO_MANY: 12,
      OFPBFC_MSG_FAILED: 13,
      OFPBFC_TIMEOUT: 14,
      OFPBFC_BUNDLE_IN_PROGRESS: 15,
      OFPBFC_SCHED_NOT_SUPPORTED: 16,
      OFPBFC_SCHED_FUTURE: 17,
      OFPBFC_SCHED_PAST: 18,
    },
  },
} as const satisfies Readonly<Record<string, ErrorType>>;

/** Errors of Nicira's extensions: sent as experimenter errors, `type` 0xffff, with one number in place of the code. */
export const NICIRA_ERRORS = {
  NXBRC_NXM_INVALID: 2,
  NXBRC_NXM_BAD_TYPE: 3,
  NXBRC_MUST_BE_ZERO: 4,
  NXBRC_BAD_REASON: 5,
  NXBRC_FM_BAD_EVENT: 9,
  NXBRC_UNENCODABLE_ERROR: 10,
  NXBAC_MUST_BE_ZERO: 11,
  NXFMFC_HARDWARE: 12,
  NXFMFC_BAD_TABLE_ID: 13,
  NXBAC_BAD_CONJUNCTION: 15,
  NXTTMFC_BAD_COMMAND: 16,
  NXTTMFC_BAD_OPT_LEN: 17,
  NXTTMFC_BAD_FIELD_IDX: 18,
  NXTTMFC_TABLE_FULL: 19,
  NXTTMFC_ALREADY_MAPPED: 20,
  NXTTMFC_DUP_ENTRY: 21,
  OFPBFC_BAD_VERSION: 22,
  NXQOFC_QUEUE_ERROR: 23,
  NXR_NOT_SUPPORTED: 34,
  NXR_STALE: 35,
  NXST_NOT_CONFIGURED: 36,
  NXFMFC_INVALID_TLV_FIELD: 37,
  NXTTMFC_INVALID_TLV_DEL: 38,
  NXBAC_BAD_HEADER_TYPE: 39,
  NXBAC_UNKNOWN_ED_PROP: 40,
  NXBAC_BAD_ED_PROP: 41,
  NXBAC_CT_DATAPATH_SUPPORT: 42,
  NXBMC_CT_DATAPATH_SUPPORT: 43,
  NXTFFC_DUP_TABLE: 44,
} as const satisfies Readonly<Record<string, number>>;

interface ErrorType {
  readonly type: number;
  readonly codes: Readonly<Record<string, number>>;
}

type Standard = typeof STANDARD_ERRORS;
type CodesOf<T> = T extends { readonly codes: infer C } ? keyof C & string : never;

/** The name of an error, such as `OFPBMC_BAD_PREREQ` or `NXBRC_MUST_BE_ZERO`. */
export type ErrorName = CodesOf<Standard[keyof Standard]> | keyof typeof NICIRA_ERRORS;

/** An error that the table does not have. */
export interface UnnamedError {
  readonly type: number;
  readonly code: number;
  /** Set when `type` is 0xffff. */
  readonly experimenter?: number;
}

export const EXPERIMENTER_ERROR = 0xffff;
export const NICIRA = 0x2320;

const BY_NAME = new Map<string, UnnamedError>();
const BY_NUMBERS = new Map<string, ErrorName>();
const TYPE_NAMES = new Map<number, string>();

for (const [typeName, { type, codes }] of Object.entries(STANDARD_ERRORS)) {
  TYPE_NAMES.set(type, typeName);
  add(type, codes);
}
for (const [name, code] of entries(NICIRA_ERRORS)) {
  BY_NAME.set(name, { type: EXPERIMENTER_ERROR, code, experimenter: NICIRA });
  BY_NUMBERS.set(key(EXPERIMENTER_ERROR, code, NICIRA), name);
}

function add<N extends ErrorName>(type: number, codes: Readonly<Partial<Record<N, number>>>): void {
  for (const [name, code] of entries(codes)) {
    BY_NAME.set(name, { type, code });
    BY_NUMBERS.set(key(type, code, 0), name);
  }
}
function entries<N extends string>(codes: Readonly<Partial<Record<N, number>>>): [N, number][] {
  return Object.entries(codes) as [N, number][];
}
function key(type: number, code: number, experimenter: number): string {
  return `${type}/${code}/${experimenter}`;
}

/** Every name in the table. */
export const ERROR_NAMES: readonly ErrorName[] = [...BY_NUMBERS.values()];

/** The numbers of a named error; `undefined` for a name that is not in the table. */
export function errorNumbers(name: string): UnnamedError | undefined {
  return BY_NAME.get(name);
}
/** The name of an error, or the numbers that were given when the table has none. */
export function errorName(numbers: UnnamedError): ErrorName | UnnamedError {
  return BY_NUMBERS.get(key(numbers.type, numbers.code, numbers.experimenter ?? 0)) ?? numbers;
}
/** The name of an error's type: `OFPET_BAD_MATCH`, `NXET` for Nicira's, or the number when it has none. */
export function errorTypeName(error: ErrorName | UnnamedError): string {
  const numbers = typeof error === "string" ? BY_NAME.get(error) : error;
  if (numbers === undefined) return "unknown";
  if (numbers.experimenter === NICIRA) return "NXET";
  return TYPE_NAMES.get(numbers.type) ?? String(numbers.type);
}
