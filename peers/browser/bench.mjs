import { CONTENDERS, serveContenders } from "./contenders.mjs";
import { bytes } from "./measures/bytes.mjs";
import { firstLoad } from "./measures/first_load.mjs";
import { heap } from "./measures/heap.mjs";
import { renderings, visits } from "./measures/rendering.mjs";
import { scrolling } from "./measures/scrolling.mjs";
import { selectAll } from "./measures/select_all.mjs";
import { updates } from "./measures/updates.mjs";
import { Browser } from "./support/browser.mjs";
import { Keepwatch } from "./support/keepwatch.mjs";
import { Origin } from "./support/origin.mjs";
import { Report } from "./support/report.mjs";
import { Rest } from "./support/rest.mjs";

/** The measures, in the order of the goals. */
const MEASURES = { f1: bytes, f2: firstLoad, f3: renderings, f4: updates, f5: scrolling, f6: selectAll, f7: heap };

/** Measures that ask all contenders in one go, before the others of that name. */
const TOGETHER = { f3: visits };

/** Sessions that are touched on purpose. Their names come before all others. */
const TOUCHED = Array.from({ length: 10 }, (_, index) => `aaaa-${index}`);

/**
 * What the measures need.
 * @typedef {{
 *   browser: Browser,
 *   rest: Rest,
 *   origin: string,
 *   html: string,
 *   built: Map<string, number>,
 *   tokens: string[],
 *   sessions: number,
 *   seconds: number,
 * }} Bench
 * `html` is Keepwatch's page; `built` has the bytes of the others; `tokens` are those of the touched sessions; `seconds`
 * is how long the live channel is watched.
 */

/**
 * Runs rounds of all measures, in each round contender after contender.
 * @typedef {{ keepwatch: string, rounds: number, sessions: number, seconds: number, only: string[],
 *   contenders: string[] }} Options `only` names the measures and `contenders` who is measured; empty means all.
 * @param {Options} options
 * @param {(line: string) => void} tell
 * @returns {Promise<Report>}
 */
export async function run(options, tell) {
  const origin = await Origin.open();
  const keepwatch = await Keepwatch.start(options.keepwatch, options.sessions, origin.url).catch((error) => {
    origin.close();
    throw error;
  });
  let browser;
  try {
    origin.forwardTo(keepwatch.url);
    const cookie = await Rest.cookie(keepwatch.url, origin.url, keepwatch.password);
    const rest = await Rest.signIn(keepwatch.url, keepwatch.password);
    const html = await page(keepwatch.url, cookie);
    const built = await serveContenders(origin, html);
    const tokens = await Promise.all(TOUCHED.map((username) => rest.register(username)));
    browser = await Browser.launch(origin.url, cookie);
    tell(`Chromium ${browser.version}, ${options.sessions} sessions, ${options.rounds} rounds`);
    return await rounds({ ...options, browser, rest, origin: origin.url, html, built, tokens }, tell);
  } finally {
    await browser?.close();
    origin.close();
    await keepwatch.stop();
  }
}

async function rounds(bench, tell) {
  const report = new Report();
  const contenders = CONTENDERS.filter(({ name }) => bench.contenders.length === 0 || bench.contenders.includes(name));
  for (let round = 1; round <= bench.rounds; round++) {
    const take = ({ name }, found) => {
      report.add(name, found);
      tell(`round ${round} ${name} ${JSON.stringify(found)}`);
    };
    for (const [id, measure] of Object.entries(MEASURES)) {
      if (bench.only.length > 0 && !bench.only.includes(id)) continue;
      const together = await named(`${id} in round ${round}`, async () => (await TOGETHER[id]?.(bench, contenders)) ?? []);
      together.forEach((found, index) => take(contenders[index], found));
      for (const contender of contenders) {
        const found = await named(`${id} of ${contender.name} in round ${round}`, () => measure(bench, contender));
        take(contender, found);
      }
    }
  }
  return report;
}

/** What goes wrong says where. */
async function named(name, action) {
  try {
    return await action();
  } catch (cause) {
    throw new Error(name, { cause });
  }
}

async function page(url, { name, value }) {
  const answer = await fetch(`${url}/reports/sessions?sort=username`, { headers: { cookie: `${name}=${value}` } });
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  return answer.text();
}
