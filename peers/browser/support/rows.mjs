/**
 * A row on the screen; `number` counts from 0.
 * @typedef {{ number: number, username: string, address: string, lastActive: string }} ShownRow
 */

/**
 * The rows with text whose middle is on the screen, from top to bottom.
 * @param {import("playwright-core").Page} page
 * @param {import("../contenders.mjs").Contender} contender
 * @returns {Promise<ShownRow[]>}
 */
export function shownRows(page, contender) {
  return page.evaluate(({ row, username, address, lastActive }) => {
    const text = (element, selector) => {
      const found = element.querySelector(selector);
      return found?.dateTime ?? found?.textContent.trim() ?? "";
    };
    const middle = (element) => {
      const { top, bottom } = element.getBoundingClientRect();
      return (top + bottom) / 2;
    };
    const isOnTop = (element) => element.contains(document.elementFromPoint(300, middle(element)));
    return [...document.querySelectorAll(row)]
      .filter((element) => middle(element) > 0 && middle(element) < innerHeight && isOnTop(element))
      .sort((one, other) => middle(one) - middle(other))
      .map((element) => ({
        number: Number(element.getAttribute("aria-rowindex")) - 2,
        username: text(element, username),
        address: text(element, address),
        lastActive: text(element, lastActive),
      }))
      .filter((shown) => shown.username !== "");
  }, contender);
}

/** How far rows may have moved while the list is looked at, and how many may have come between them. */
const SLACK = 25;
const CAME_MEANWHILE = 3;

/**
 * Fails unless the rows on the screen are those of the list by username, where they say they are.
 * @param {import("playwright-core").Page} page
 * @param {import("../contenders.mjs").Contender} contender
 * @param {import("./rest.mjs").Rest} rest
 * @param {number} least so many rows must be on the screen
 * @returns {Promise<ShownRow[]>}
 */
export async function verifiedRows(page, contender, rest, least) {
  const shown = await shownRows(page, contender);
  const wrong = (what) => new Error(`${contender.name} shows ${what}: ${JSON.stringify(shown.slice(0, 3))}`);
  if (shown.length < least) throw wrong(`${shown.length} rows, not ${least}`);
  const first = Math.max(0, shown[0].number - SLACK);
  const { sessions } = await rest.list(`sort=username&first=${first}&limit=${shown.length + 2 * SLACK}`);
  let place;
  let passedOver = 0;
  for (const { username, address } of shown) {
    const isIt = (session, index) => index >= (place ?? 0) && session.username === username && session.address === address;
    const found = sessions.findIndex(isIt);
    if (found === -1) throw wrong(`a row that is not there, ${username} from ${address}`);
    passedOver += found - (place ?? found);
    place = found + 1;
  }
  if (passedOver > CAME_MEANWHILE) throw wrong(`rows with ${passedOver} others between them`);
  return shown;
}

/**
 * Waits until the page is alive: its rows stand and its controls work.
 * @param {import("playwright-core").Page} page
 * @param {import("../contenders.mjs").Contender} contender
 */
export async function alive(page, contender) {
  await page.waitForSelector(contender.row);
  if (!contender.isStatic) await page.waitForSelector("html[data-hydrated]", { state: "attached" });
}
