import { setTimeout as pause } from "node:timers/promises";

import { alive, shownRows } from "../support/rows.mjs";
import { rendering, workOf } from "../support/trace.mjs";
import { LEAST_ROWS } from "./rendering.mjs";

const SETTLED = 1_500;
const TOUCH_EVERY = 200;

/**
 * f4: script, style and layout per frame of the live channel, in milliseconds.
 *
 * All rows: by last active, where a million simulated sessions bring other sessions into every row with every frame.
 * Ten rows: by username, where ten sessions on the screen are touched all the time and the order stays.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export async function updates(bench, contender) {
  if (contender.isStatic) return {};
  return {
    "f4 all rows, ms per frame": await watched(bench, contender, "-last_active", () => {}),
    "f4 ten rows, ms per frame": await watched(bench, contender, "username", (until) => touchAll(bench, until)),
  };
}

function watched({ browser, rest, seconds }, contender, sort, meanwhile) {
  return browser.withPage(async (page) => {
    const frames = framesOf(page);
    await page.goto(`${contender.path}?sort=${sort}&bench=live`);
    await alive(page, contender);
    const over = new AbortController();
    const acting = meanwhile(over.signal);
    await pause(SETTLED);
    const before = await shownRows(page, contender);
    let counted = [];
    const work = await workOf(page, async () => {
      const from = frames.length;
      await pause(seconds * 1_000);
      counted = frames.slice(from);
    });
    over.abort();
    await acting;
    await pause(SETTLED);
    if (counted.length < 2) throw new Error(`${contender.name} has heard ${counted.length} frames`);
    await verifyChange(await shownRows(page, contender), before, contender, rest, sort);
    return rendering(work) / counted.length;
  });
}

/** The patches and snapshots that a page hears, as they come. */
function framesOf(page) {
  const frames = [];
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => {
      // The first byte after the version says what it is: a snapshot, a patch, or nothing new.
      if (payload[4] <= 1) frames.push(payload);
    }),
  );
  return frames;
}

async function touchAll({ rest, tokens }, over) {
  while (!over.aborted) {
    await Promise.all(tokens.map((token) => rest.touch(token)));
    await pause(TOUCH_EVERY);
  }
}

/** By last active every row is another, by username the ten are more recent; and all are as REST has them. */
async function verifyChange(after, before, contender, rest, sort) {
  const wrong = (what) => new Error(`${contender.name} ${what}: ${JSON.stringify(after.slice(0, 3))}`);
  if (after.length < LEAST_ROWS || before.length < LEAST_ROWS) throw wrong("has lost rows");
  const isSame = (row, index) => row.username === before[index].username && row.lastActive === before[index].lastActive;
  const checked = after.slice(0, LEAST_ROWS);
  if (checked.some(isSame)) throw wrong("shows what was there before");
  for (const { username, address, lastActive } of sort === "username" ? checked : checked.slice(0, 3)) {
    const search = new URLSearchParams({ q: `user:${username} ip:${address}`, limit: "1000" });
    const { sessions } = await rest.list(search);
    const session = sessions.find((session) => session.username === username && session.address === address);
    if (session === undefined) throw wrong(`shows ${username} from ${address}, who is not there`);
    if (sort === "username" && session.last_active_at !== lastActive) {
      throw wrong(`does not show ${session.last_active_at}`);
    }
  }
}
