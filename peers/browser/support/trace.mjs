/** What the browser records: every task of the main thread, by what it did. */
const CATEGORIES = ["devtools.timeline", "v8", "v8.wasm", "v8.execute", "blink.user_timing"];

const STYLE = /^(UpdateLayoutTree|RecalculateStyles|ScheduleStyleRecalculation|InvalidateLayout)$/;
const LAYOUT = /^(Layout|LayoutShift)$/;
const PARSE = /^(ParseHTML|ParseAuthorStyleSheet)$/;
const PAINT = /^(PrePaint|Paint|PaintImage|Layerize|Commit|CompositeLayers|UpdateLayer|UpdateLayerTree|Decode Image)$/;
const SCRIPT = new RegExp(
  "^(EvaluateScript|FunctionCall|FireAnimationFrame|FireIdleCallback|TimerFire|EventDispatch|RunMicrotasks" +
    "|WebSocketReceive|MinorGC|MajorGC|BlinkGC\\..*|v8\\..*|V8\\..*|wasm\\..*)$",
);

/**
 * The main thread's time in milliseconds: what each kind of work took itself, without what it called.
 * @typedef {{ script: number, style: number, layout: number, parse: number, paint: number, other: number,
 *   byName: Map<string, number> }} Work
 */

/** A trace that does not contain the page: at times Chromium begins to record a process too late. */
export class NothingTraced extends Error {}

/**
 * Does something and tells what the page's main thread did meanwhile.
 * @param {import("playwright-core").Page} page
 * @param {() => Promise<unknown>} action
 * @param {string | undefined} since counts from the last event of this name, and only threads that have one
 * @returns {Promise<Work>}
 * @throws {NothingTraced}
 */
export async function workOf(page, action, since) {
  const browser = page.context().browser();
  await browser.startTracing(page, { categories: CATEGORIES });
  let trace;
  try {
    await action();
  } finally {
    trace = await browser.stopTracing();
  }
  return summed(JSON.parse(trace.toString()).traceEvents, since);
}

/**
 * What the goals speak of: script, style and layout.
 * @param {Work} work
 */
export function rendering({ script, style, layout }) {
  return script + style + layout;
}

/** The work of the main thread that did the most: the page's, not one of a renderer that is kept in reserve. */
function summed(events, since) {
  const isMain = (event) => event.name === "thread_name" && event.args.name === "CrRendererMain";
  const threads = events.filter(isMain).flatMap(({ pid, tid }) => {
    const own = events.filter((event) => event.ph === "X" && event.pid === pid && event.tid === tid);
    if (since === undefined) return [ownTimes(own)];
    const start = own.findLast(({ name }) => name === since)?.ts;
    return start === undefined ? [] : [ownTimes(own.filter(({ ts }) => ts >= start))];
  });
  const total = (work) => rendering(work) + work.parse + work.paint;
  const busiest = threads.sort((one, other) => total(other) - total(one))[0];
  if (busiest === undefined || total(busiest) === 0) throw new NothingTraced("the trace shows no work of the page");
  return busiest;
}

function ownTimes(events) {
  const work = { script: 0, style: 0, layout: 0, parse: 0, paint: 0, other: 0, byName: new Map() };
  const book = ({ name, own }) => {
    work[kindOf(name)] += own / 1_000;
    work.byName.set(name, (work.byName.get(name) ?? 0) + own / 1_000);
  };
  const open = [];
  for (const { name, ts, dur = 0 } of events.sort((one, other) => one.ts - other.ts || other.dur - one.dur)) {
    while (open.length > 0 && open.at(-1).end <= ts) book(open.pop());
    if (open.length > 0) open.at(-1).own -= dur;
    open.push({ name, end: ts + dur, own: dur });
  }
  open.forEach(book);
  return work;
}

function kindOf(name) {
  if (STYLE.test(name)) return "style";
  if (LAYOUT.test(name)) return "layout";
  if (PARSE.test(name)) return "parse";
  if (PAINT.test(name)) return "paint";
  return SCRIPT.test(name) ? "script" : "other";
}
