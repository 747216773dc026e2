import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PingCount } from "./pings.ts";

const answer = (sequence: number, rtt = "0.500") =>
  `[1700000000.000001] 64 bytes from 10.0.0.2: icmp_seq=${sequence % 65536} ttl=64 time=${rtt} ms`;
const silence = (sequence: number) => `[1700000000.000001] no answer yet for icmp_seq=${sequence % 65536}`;

function counted(lines: readonly string[]): PingCount {
  const count = new PingCount();
  for (const line of lines) count.line(line);
  return count;
}

test("what ping prints is counted", () => {
  const count = counted([
    "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.",
    answer(1, "1.00"),
    silence(2),
    "From 10.0.0.1 icmp_seq=3 Destination Host Unreachable",
    silence(3),
    answer(4, "0.50"),
    `${answer(4)} (DUP!)`,
    answer(2, "21.0"),
    answer(6, "0.50"),
    "64 bytes from fd00::2: icmp_seq=7 ttl=64 time=12.0 ms",
  ]);
  assert.deepEqual([count.highest, count.lost(), count.lost(4), count.last], [7, 2, 1, 12]);
  assert.equal(count.average, (1 + 0.5 + 21 + 0.5 + 12) / 5);
});

test("no request: nothing sent, nothing lost", () => {
  const count = counted(["PING fd00::2(fd00::2) 56 data bytes"]);
  assert.deepEqual([count.highest, count.lost(), count.last, count.average], [0, 0, null, null]);
});

test("answers that are late, doubled or out of order change no count, over the wrap of the sequence", () => {
  const fate = fc.record({ answered: fc.boolean(), delay: fc.integer({ min: 0, max: 20 }), twice: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(fate, { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 0, max: 70_000 }),
      (fates, skip) => {
        const events: { at: number; line: string }[] = [];
        // Every request before the first of interest was answered.
        const before = Array.from({ length: Math.ceil(skip / 1000) }, (_, i) => answer(Math.min((i + 1) * 1000, skip)));
        for (const [i, { answered, delay, twice }] of fates.entries()) {
          const sequence = skip + i + 1;
          if (!answered || delay > 0) events.push({ at: i + 1, line: silence(sequence) });
          if (answered) events.push({ at: i + delay, line: answer(sequence) });
          if (answered && twice) events.push({ at: i + delay + 1, line: answer(sequence) });
        }
        const lines = events.sort((one, other) => one.at - other.at).map(({ line }) => line);
        const count = counted([...before, ...lines]);
        const assumedLost = skip - before.length;
        assert.equal(count.highest, skip + fates.length);
        assert.equal(count.lost() - assumedLost, fates.filter(({ answered }) => !answered).length);
      },
    ),
    { numRuns: 60 },
  );
});
