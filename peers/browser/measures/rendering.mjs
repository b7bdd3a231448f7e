import { setTimeout as pause } from "node:timers/promises";

import { alive, verifiedRows } from "../support/rows.mjs";
import { median } from "../support/statistics.mjs";
import { NothingTraced, rendering, workOf } from "../support/trace.mjs";

/** Rows that a screen shows at least. */
export const LEAST_ROWS = 10;
/** How long the page is watched after the table is alive, or after a jump: all that it causes is then done. */
const SETTLED = 700;
/**
 * How long a page is looked at the first time: Chromium writes down what it has compiled once it has optimised something, and
 * then nothing more for 2 s.
 */
const COMPILED = 4_000;
/** How often each contender is visited, after a first time. */
const TURNS = 5;
/** How often the visits are begun anew where the browser did not record one of them. */
const ATTEMPTS = 3;
const JUMPS = [0.5, 0.25, 0.75];

/**
 * f3, the rest: script, style and layout on the main thread, in milliseconds.
 *
 * Draw: the drawing of {@link visits} alone, of rows that are in memory. Keepwatch has no such thing.
 * Jump: the scroll position is set to the middle, a quarter and three quarters, and the page is watched for 0.7 s each;
 * reading the new rows is part of it for all.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export async function renderings(bench, contender) {
  return {
    ...(!contender.isStatic && contender.name !== "keepwatch" && { "f3 draw ms": await draw(bench, contender) }),
    ...(!contender.isStatic && { "f3 jump ms": await jump(bench, contender) }),
  };
}

/**
 * f3, visits: script, style and layout on the main thread, in milliseconds, from when the browser begins to show the page
 * until 0.7 s after the table is alive; what the page before it does meanwhile is not counted. For Keepwatch this is to
 * lay out what the server has rendered and to hydrate it, for the others to read the rows and to draw them.
 *
 * First: in a browser that has nothing; once. Cold: from an empty page, in a browser that has the files and what it has
 * compiled of them, and nothing in memory. Load: from the same page. Cold and load are medians of five.
 *
 * The contenders are visited in turn, time after time: what else the machine does for some seconds meets all of them. A page
 * that waits for its turn is empty.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender[]} contenders
 * @returns {Promise<object[]>} for each contender
 */
export async function visits(bench, contenders) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await recordedVisits(bench, contenders);
    } catch (error) {
      if (!(error instanceof NothingTraced) || attempt === ATTEMPTS) throw error;
    }
  }
}

function recordedVisits({ browser, rest }, contenders) {
  return browser.withKeptPages(contenders.length, async (pages) => {
    const times = contenders.map(() => ({ first: 0, cold: [], load: [] }));
    for (let turn = 0; turn <= TURNS; turn++) {
      for (const [index, contender] of contenders.entries()) {
        const page = pages[index];
        const visit = async () => {
          const load = async () => {
            await page.goto(`${contender.path}?sort=username`);
            await alive(page, contender);
            await pause(SETTLED);
          };
          return rendering(await workOf(page, load, "CommitLoad"));
        };
        if (turn === 0) {
          times[index].first = await visit();
          await pause(COMPILED);
        } else {
          times[index].cold.push(await visit());
          times[index].load.push(await visit());
        }
        await verifiedRows(page, contender, rest, LEAST_ROWS);
        await page.goto("about:blank");
      }
    }
    return times.map(({ first, cold, load }) => ({
      "f3 first load ms": first,
      "f3 cold load ms": median(cold),
      "f3 load ms": median(load),
    }));
  });
}

function draw({ browser, rest }, contender) {
  return browser.withPage(async (page) => {
    await page.goto(`${contender.path}?sort=username&bench=hold`);
    await page.waitForSelector("html[data-held]", { state: "attached" });
    await pause(SETTLED);
    const work = await workOf(page, async () => {
      await page.evaluate(() => window.draw());
      await alive(page, contender);
      await pause(SETTLED);
    });
    await verifiedRows(page, contender, rest, LEAST_ROWS);
    return rendering(work);
  });
}

function jump({ browser, rest, sessions }, contender) {
  return browser.withPage(async (page) => {
    await page.goto(`${contender.path}?sort=username`);
    await alive(page, contender);
    await pause(SETTLED);
    let sum = 0;
    for (const part of JUMPS) {
      const work = await workOf(page, async () => {
        await scrollTo(page, contender, part);
        await pause(SETTLED);
      });
      const [{ number }] = await verifiedRows(page, contender, rest, LEAST_ROWS);
      // A list that is cut short is still a list, but one that has only its first pages has not jumped.
      if (number < (part * sessions) / 2) return `cannot: stands at row ${number + 1}`;
      sum += rendering(work);
    }
    return sum / JUMPS.length;
  });
}

/** Sets the scroll position to this part of the way. */
export function scrollTo(page, contender, part) {
  return page.evaluate(
    ([selector, part]) => {
      const scroller = document.querySelector(selector);
      scroller.scrollTop = part * (scroller.scrollHeight - scroller.clientHeight);
    },
    [contender.scroller, part],
  );
}
