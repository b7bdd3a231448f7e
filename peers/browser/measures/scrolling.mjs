import { setTimeout as pause } from "node:timers/promises";

import { alive, verifiedRows } from "../support/rows.mjs";
import { rendering, workOf } from "../support/trace.mjs";
import { LEAST_ROWS, scrollTo } from "./rendering.mjs";

const SECONDS = 5;
/** Pixels per frame: about 55 rows in a second. */
const STEP = 40;
const SETTLED = 1_000;

/**
 * f5: whether the last row shows at the end of the scroll bar; and five seconds of scrolling by 40 pixels per frame:
 * frames that were dropped in percent, tasks of more than 50 ms, looks (ten in a second) that met an empty row, and
 * script, style and layout per frame.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export function scrolling({ browser, rest, sessions }, contender) {
  if (contender.isStatic) return {};
  return browser.withPage(async (page) => {
    await page.goto(`${contender.path}?sort=username`);
    await alive(page, contender);
    await pause(SETTLED);
    let seen;
    const work = await workOf(page, async () => {
      seen = await page.evaluate(scroll, { ...contender, seconds: SECONDS, step: STEP });
    });
    await pause(SETTLED);
    const [{ number }] = await verifiedRows(page, contender, rest, LEAST_ROWS);
    if (number < 100) throw new Error(`${contender.name} has been scrolled to row ${number + 1} only`);

    await scrollTo(page, contender, 1);
    await pause(SETTLED);
    // The empty heights are those of the new place only now.
    await scrollTo(page, contender, 1);
    await pause(SETTLED);
    const last = (await verifiedRows(page, contender, rest, LEAST_ROWS)).at(-1).number + 1;
    const { total } = await rest.list("limit=1");
    return {
      "f5 last row": Math.abs(last - total) <= 25 ? "shown" : `cannot: ends at row ${last}`,
      "f5 dropped frames, %": seen.dropped,
      "f5 long tasks": seen.longTasks,
      "f5 looks at an empty row": seen.empty,
      "f5 ms per frame": rendering(work) / seen.frames,
    };
  });
}

/** Runs in the page. */
async function scroll({ scroller: selector, row, username, seconds, step }) {
  const scroller = document.querySelector(selector);
  let longTasks = 0;
  const observer = new PerformanceObserver((list) => (longTasks += list.getEntries().length));
  observer.observe({ type: "longtask" });
  let empty = 0;
  const look = () => {
    const found = document.elementFromPoint(300, innerHeight / 2)?.closest(row);
    if ((found?.querySelector(username)?.textContent.trim() ?? "") === "") empty += 1;
  };
  const looking = setInterval(look, 100);
  const begin = performance.now();
  let frames = 0;
  await new Promise((resolve) => {
    const next = () => {
      if (performance.now() - begin >= seconds * 1_000) return resolve();
      frames += 1;
      scroller.scrollTop += step;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
  clearInterval(looking);
  observer.disconnect();
  const due = (performance.now() - begin) / (1_000 / 60);
  return { frames, dropped: Math.max(0, (1 - frames / due) * 100), longTasks, empty };
}
