/** Wire version of OpenFlow 1.5. */
export const OPENFLOW_15 = 0x06;

/** Experimenter ids (OpenFlow calls a vendor an experimenter since 1.1). */
export const Experimenter = { nicira: 0x2320, netronome: 0x154d, intel: 0xaa01 } as const;

/** Port numbers with a meaning (OFPP_*). OpenFlow 1.5.1 section 7.2.1. */
export const PortNumber = {
  /** The highest number of a real port. */
  max: 0xffffff00,
  unset: 0xfffffff7,
  inPort: 0xfffffff8,
  table: 0xfffffff9,
  normal: 0xfffffffa,
  flood: 0xfffffffb,
  all: 0xfffffffc,
  controller: 0xfffffffd,
  local: 0xfffffffe,
  any: 0xffffffff,
} as const;

/** Group numbers with a meaning (OFPG_*). */
export const GroupNumber = { max: 0xffffff00, all: 0xfffffffc, any: 0xffffffff } as const;

/** Bucket numbers with a meaning (OFPG_BUCKET_*). */
export const BucketNumber = { max: 0xffffff00, first: 0xfffffffd, last: 0xfffffffe, all: 0xffffffff } as const;

/** Meter numbers with a meaning (OFPM_*). */
export const MeterNumber = { max: 0xffff0000, slowpath: 0xfffffffd, controller: 0xfffffffe, all: 0xffffffff } as const;

/** All tables (OFPTT_ALL). */
export const ALL_TABLES = 0xff;
/** All queues (OFPQ_ALL). */
export const ALL_QUEUES = 0xffffffff;
/** No packet is buffered (OFP_NO_BUFFER). */
export const NO_BUFFER = 0xffffffff;
