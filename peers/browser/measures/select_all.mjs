import { setTimeout as pause } from "node:timers/promises";

import { alive, verifiedRows } from "../support/rows.mjs";
import { LEAST_ROWS, scrollTo } from "./rendering.mjs";

const SETTLED = 1_000;

/**
 * f6: from a click on the header's checkbox, at the start of a frame, until the frame is done that shows the rows
 * selected, in milliseconds. Whoever selects only what has been loaded cannot do it.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export function selectAll({ browser, rest, sessions }, contender) {
  if (contender.isStatic) return {};
  return browser.withPage(async (page) => {
    await page.goto(`${contender.path}?sort=username`);
    await alive(page, contender);
    await pause(SETTLED);
    const time = await page.evaluate(click, [contender.selectAll, contender.row]);
    if (time === undefined) return { "f6 select all ms": "cannot: there is no such checkbox" };
    await pause(SETTLED);
    const selected = await page.evaluate(() => window.selectedCount?.());
    if (selected !== undefined && selected < sessions * 0.9) {
      return { "f6 select all ms": `cannot: selects ${selected} rows` };
    }
    const told = await page.locator("#selected").textContent();
    if (Number(told.replaceAll(/\D/g, "")) < sessions * 0.9) throw new Error(`${contender.name} tells of ${told}`);
    await scrollTo(page, contender, 0.5);
    await pause(SETTLED);
    await verifiedRows(page, contender, rest, LEAST_ROWS);
    const unchecked = await page.locator(`${contender.row} input:not(:disabled, :checked)`).count();
    if (unchecked > 0) throw new Error(`${contender.name} has left ${unchecked} rows in the middle unselected`);
    return { "f6 select all ms": time };
  });
}

/** Runs in the page: clicks at the start of a frame, and waits for the end of the first frame in which a row is checked. */
async function click([selector, row]) {
  const checkbox = document.querySelector(selector);
  if (checkbox === null) return undefined;
  const inRow = document.querySelector(`${row} input:not(:disabled)`);
  await new Promise((resolve) => requestAnimationFrame(resolve));
  const begin = performance.now();
  checkbox.click();
  for (let frame = 0; frame < 60; frame++) {
    // A message comes when the frame is done.
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(undefined);
    });
    if (inRow.checked) return performance.now() - begin;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  throw new Error("a click on the header selects nothing");
}
