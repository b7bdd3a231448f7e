/**
 * A row pool without a framework, in the markup and the style of Keepwatch's own page: the floor.
 *
 * It has the same number of rows in the document, follows the same live channel with the same views, holds the order
 * once it is scrolled, and writes the same texts and attributes.
 */
import { LiveView } from "./live_view.js";
import { alive, deleteSession, drawWhenAsked, readSessions } from "./sessions.js";
import { Row } from "./vanilla_row.js";

const ROW_HEIGHT = 44;
const MOST_HEIGHT = 8_000_000;
/** Rows at either end that scroll at their own height. */
const EDGE = 2_000;
const OVERSCAN = 10;
const STEP = 10;
/** What `Intl.NumberFormat` does, without the milliseconds that its first use takes. */
const number = { format: (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",") };

const find = (selector) => document.querySelector(selector);
const body = find(".rows");
const [before, after] = document.querySelectorAll(".spacer tr");
const head = find(".session-table thead");
const bar = find(".bar");
const table = find(".session-table");
const [usersTile, sessionsTile] = document.querySelectorAll(".tile .number");
const typeCounts = document.querySelectorAll(".type-choice .count");
const foot = find(".foot p");
const selectAll = find(".select input[aria-label='Select all']");
const selected = find("#selected");
const deleteSelected = find(".delete-selected");

/** @type {Row[]} */
const pool = [];
let total = 0;
/** How many rows the list is high: as many as it has, or had when its order began to stay. */
let rows = 0;
let firstRow = 0;
let sessions = [];
let sessionsFrom = 0;
let ahead = 0;
let allPicked = false;
/** What was written last: it is not written again. */
const numbers = new Map();
let rowCount = -1;
/** The order that stays, if it does. @type {number[] | undefined} */
let heldIds;
/** How far the page is scrolled when the first row is at the lower edge of what stays in sight above it. */
let listTop = 0;
let barHeight = 0;
let headHeight = 0;
// Read where nothing has been written since the last frame: otherwise the browser would have to lay the page out twice.
let screen = 0;
let scrolled = 0;
let isScrolled = false;
let watchedFrom = 0;

const live = new LiveView(follow, () => {
  find(".sessions").dataset.link = "live";
  find(".link-state").firstChild.data = "Live";
});

const { total: found, sessions: firstSessions } = await readSessions(0, 50);
total = rows = found;
sessions = firstSessions;
drawWhenAsked(draw);

function draw() {
  const template = find("#row").content.firstElementChild;
  [screen, scrolled] = [innerHeight, scrollY];
  barHeight = bar.offsetHeight;
  headHeight = head.offsetHeight;
  listTop = before.getBoundingClientRect().top + scrolled - barHeight - headHeight;
  for (const { style } of [document.documentElement, head]) style.setProperty("--bar-height", `${barHeight}px`);
  const rowsOnScreen = Math.ceil((screen - barHeight - headHeight) / ROW_HEIGHT);
  const wanted = Math.max(50, rowsOnScreen + 2 * OVERSCAN + STEP);
  for (let index = 0; index < wanted; index++) pool.push(new Row(template.cloneNode(true)));
  fill();
  layOut();
  body.append(...pool.map((row) => row.element));
  selectAll.disabled = false;
  deleteSelected.hidden = true;
  addEventListener("scroll", () => {
    scrolled = scrollY;
    layOut();
  });
  selectAll.addEventListener("change", pickAll);
  body.addEventListener("click", clicked);
  setInterval(() => pool.forEach((row) => row.tick(Date.now() + ahead)), 1_000);
  live.watch(0, pool.length);
  alive();
}

/** Shows a state of the live channel. */
function follow(state) {
  total = state.total;
  ahead = state.now - Date.now();
  sessions = heldIds === undefined ? state.sessions : inHeldOrder(state.sessions);
  sessionsFrom = watchedFrom;
  writeCounts(state.counts);
  fill();
  hold(state);
  if (heldIds !== undefined || rows === total) return;
  rows = total;
  layOut();
}

/** Fits rows and empty heights to the scroll position. */
function layOut() {
  const edge = barHeight + headHeight;
  const rowsOnScreen = (screen - edge) / ROW_HEIGHT;
  const height = Math.min(rows * ROW_HEIGHT, MOST_HEIGHT);
  const travel = height - rowsOnScreen * ROW_HEIGHT;
  const offset = Math.min(Math.max(scrolled - listTop, 0), travel);
  const top = rowAt(offset, travel, rows - rowsOnScreen);
  const first = Math.min(Math.floor(Math.max(0, top - OVERSCAN) / STEP) * STEP, rows - pool.length);
  const above = Math.round(Math.max(0, offset - (top - first) * ROW_HEIGHT));
  before.style.height = `${above}px`;
  after.style.height = `${Math.max(0, height - above - pool.length * ROW_HEIGHT)}px`;
  const bottom = top + (screen - Math.max(edge, listTop + edge - scrolled)) / ROW_HEIGHT;
  isScrolled = top >= 1;
  writeShown(Math.floor(top) + 1, Math.min(Math.ceil(bottom), rows));
  if (first === firstRow) return;
  firstRow = watchedFrom = first;
  heldIds = undefined;
  fill();
  live.watch(first, pool.length);
}

/**
 * The row at the upper edge. A list that is too high for the browser passes faster than it is high, but for its ends.
 * @param {number} offset
 * @param {number} travel the greatest offset
 * @param {number} lastTop the row at the greatest offset
 */
function rowAt(offset, travel, lastTop) {
  const end = EDGE * ROW_HEIGHT;
  if (rows * ROW_HEIGHT <= MOST_HEIGHT || offset <= end) return offset / ROW_HEIGHT;
  if (offset >= travel - end) return lastTop - (travel - offset) / ROW_HEIGHT;
  return EDGE + ((offset - end) / (travel - 2 * end)) * (lastTop - 2 * EDGE);
}

function writeShown(from, to) {
  foot.firstChild.data = `${number.format(from)}–${number.format(to)} of ${number.format(total)}`;
}

function fill() {
  const now = Date.now() + ahead;
  pool.forEach((row, index) => {
    row.place(firstRow + index);
    row.show(sessions[firstRow + index - sessionsFrom], now);
    row.pick(allPicked && row.isDeletable);
  });
}

/** Away from the first row, or with a selection, the order stays. */
function hold({ as_of, sessions: rows }) {
  if (heldIds !== undefined || (!isScrolled && !allPicked)) return;
  heldIds = rows.map((session) => session.id);
  live.watch(firstRow, pool.length, { as_of, ids: heldIds });
}

/** What has ended leaves its place empty. */
function inHeldOrder(rows) {
  const byId = new Map(rows.map((session) => [session.id, session]));
  return heldIds.map((id) => byId.get(id));
}

function writeCounts({ active_users, by_type }) {
  const all = by_type.reduce((sum, count) => sum + count, 0);
  writeNumber(usersTile, active_users);
  writeNumber(sessionsTile, all);
  [all, ...by_type].forEach((count, index) => writeNumber(typeCounts[index], count));
  if (rowCount !== total) table.setAttribute("aria-rowcount", String((rowCount = total) + 1));
}

function writeNumber(element, value) {
  if (numbers.get(element) === value) return;
  numbers.set(element, value);
  element.firstChild.data = number.format(value);
}

/** Selects by what is meant, not by ids: all that match. */
function pickAll() {
  allPicked = selectAll.checked;
  for (const row of pool) row.pick(allPicked && row.isDeletable);
  selected.hidden = deleteSelected.hidden = !allPicked;
  selected.firstChild.data = `${number.format(total)} selected`;
  if (live.state) hold(live.state);
}

function clicked({ target }) {
  if (target.closest(".delete")) void deleteSession(Number(target.closest(".delete").value));
}
