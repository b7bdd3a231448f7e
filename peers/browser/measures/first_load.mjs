import { alive, verifiedRows } from "../support/rows.mjs";

/** So high that the first 50 rows are on the screen. */
const SCREEN = { width: 1280, height: 2_700 };
const ROWS = 50;

/** 1.6 Mbit/s and 150 ms there and back. */
const NETWORK = { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 93_750 };
const SLOW_DOWN = 4;

/**
 * f2: from the start of the navigation, with nothing cached, an emulated network and a processor that is four times
 * slower, until a frame has the text of the first 50 rows; and until the table can be used.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export function firstLoad({ browser, rest }, contender) {
  return browser.withPage(async (page) => {
    const devTools = await page.context().newCDPSession(page);
    await devTools.send("Network.enable");
    await devTools.send("Network.emulateNetworkConditions", NETWORK);
    await devTools.send("Emulation.setCPUThrottlingRate", { rate: SLOW_DOWN });
    await page.addInitScript(noteWhatIsSeen, { ...contender, rows: ROWS });
    await page.goto(`${contender.path}?sort=username`, { waitUntil: "commit" });
    await page.waitForFunction(() => window.seenAt !== undefined, undefined, { timeout: 60_000 });
    if (!contender.isStatic) await page.waitForFunction(() => window.aliveAt !== undefined, undefined, { timeout: 60_000 });
    const { seenAt, aliveAt } = await page.evaluate(() => ({ seenAt: window.seenAt, aliveAt: window.aliveAt }));
    await devTools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
    await alive(page, contender);
    await verifiedRows(page, contender, rest, ROWS);
    return { "f2 first load, text ms": seenAt, ...(aliveAt && { "f2 first load, usable ms": aliveAt }) };
  }, SCREEN);
}

/** Runs in the page before its own scripts: looks once per frame. */
function noteWhatIsSeen({ row, username, rows }) {
  const isSeen = (element) => {
    const { top, height } = element.getBoundingClientRect();
    return height > 0 && top < innerHeight && (element.querySelector(username)?.textContent.trim() ?? "") !== "";
  };
  const look = (at) => {
    const found = [...document.querySelectorAll(row)];
    if (window.seenAt === undefined && found.length >= rows && found.filter(isSeen).length >= rows) window.seenAt = at;
    if (document.documentElement?.hasAttribute("data-hydrated")) window.aliveAt ??= at;
    if (window.seenAt === undefined || window.aliveAt === undefined) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
