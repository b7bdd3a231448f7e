import { setTimeout as pause } from "node:timers/promises";

import { alive } from "../support/rows.mjs";

const SETTLED = 1_000;

/**
 * f7: the JavaScript heap after a garbage collection, and the WebAssembly's memory, in MB.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export function heap({ browser }, contender) {
  return browser.withPage(async (page) => {
    await page.addInitScript(noteMemory);
    await page.goto(`${contender.path}?sort=username`);
    await alive(page, contender);
    await pause(SETTLED);
    const devTools = await page.context().newCDPSession(page);
    await devTools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await devTools.send("Runtime.getHeapUsage");
    const webAssembly = await page.evaluate(() => window.wasmMemory?.buffer.byteLength ?? 0);
    return { "f7 heap MB": (usedSize + webAssembly) / 1e6, "f7 of it WebAssembly MB": webAssembly / 1e6 };
  });
}

/** Runs in the page before its own scripts: keeps hold of the memory of what is instantiated. */
function noteMemory() {
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await instantiate.apply(WebAssembly, given);
      window.wasmMemory = (made.instance ?? made).exports.memory;
      return made;
    };
  }
}
