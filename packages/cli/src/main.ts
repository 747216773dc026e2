/** The entry of `bin/dragonflow`. Nothing is imported before the check: an older Node could not even read it. */
const OLDEST_NODE = 26;

// Who reads this (`| head`, a terminal that was closed) may have gone: what is not read is not an error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
  });
}

const major = Number(process.versions.node.split(".", 1)[0]);
if (major >= OLDEST_NODE) {
  const { run } = await import("./program.ts");
  const status = await run(process.argv.slice(2));
  if (status !== 0) process.exitCode = status;
} else {
  process.stderr.write(
    `dragonflow: Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}; run: npm run setup\n`,
  );
  process.exitCode = 1;
}

export {};
