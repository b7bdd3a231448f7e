/**
 * Compares the console of Keepwatch in a browser with other ways to show the same table.
 *
 *     npm ci
 *     node main.mjs --keepwatch PATH_TO_BINARY [--rounds N] [--sessions N] [--quick]
 *                   [--only f2,f4] [--contenders keepwatch,vanilla]
 *
 * `CHROMIUM_PATH` names the browser. Standard output gets one table and then one JSON line per figure; standard error
 * gets each finding as it comes.
 *
 * All contenders show Active Sessions of one running demonstration of Keepwatch, from one origin, in rows of the same
 * height on the same screen. Each round asks each contender in turn. A ratio compares two findings of one round. What a
 * table shows is compared with what the REST API says: a wrong row ends the run.
 *
 *   keepwatch   the page as it is: server-rendered, hydrated, live
 *   vanilla     a row pool without a framework in the same markup and style, live: the floor but for the text of f2
 *   static      the server-rendered page without its scripts, sent as Keepwatch sends its own: the floor of that
 *   static-br   the same with Brotli
 *   ag-grid     AG Grid Community, infinite row model
 *   tabulator   Tabulator, progressive loading on scroll
 *   tanstack    TanStack Table and Virtual on React, pages loaded as they come into sight
 *
 * The grids draw plain texts and about 26 rows; Keepwatch and the row pool draw 50 rows with pictures, titles and hidden
 * columns. What they are told per frame of the live channel is the same.
 *
 *   f1   bytes of scripts and styles before the table can be used, with Brotli
 *   f2   first load on a slow network and a slow processor: text of 50 rows seen; table usable
 *   f3   script, style and layout of visits, the first, cold, and from the page itself, of drawing alone, and of a jump
 *   f4   script, style and layout per frame of the live channel
 *   f5   the last row; dropped frames, long tasks, empty rows and work during five seconds of scrolling
 *   f6   select all: from the click to the end of the frame that shows it
 *   f7   JavaScript heap and WebAssembly memory after the load
 *
 * The measures say in their own files exactly what they count.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";

import { run } from "./bench.mjs";

const { values } = parseArgs({
  options: {
    keepwatch: { type: "string" },
    rounds: { type: "string" },
    sessions: { type: "string", default: "1000000" },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    contenders: { type: "string", default: "" },
  },
});
if (values.keepwatch === undefined) throw new Error("say which binary to run: --keepwatch PATH");

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const words = (text) => text.split(",").filter((word) => word !== "");
const tell = (line) => console.error(line);
const report = await run(
  {
    keepwatch: values.keepwatch,
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    sessions: Number(values.sessions),
    seconds: values.quick ? 4 : 10,
    only: words(values.only),
    contenders: words(values.contenders),
  },
  tell,
);
console.log(report.markdown((figure) => (figure.startsWith("f2 first load, text") ? "static" : "vanilla")));
const load = loadavg().map((average) => average.toFixed(1)).join(" ");
console.log(`\n${cpus().length} processors, ${cpus()[0].model}, load average ${load}\n`);
report.json().forEach((line) => console.log(line));
