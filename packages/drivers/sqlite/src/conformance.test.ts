import { conformance } from "@dragonflow/store/conformance";
import { relayHarness, sqliteHarness } from "./testing/harnesses.ts";

conformance("SQLite", sqliteHarness);
conformance("SQLite through the relay", relayHarness);
