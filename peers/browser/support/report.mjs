import { interval, median } from "./statistics.mjs";

/** Figures of which ratios are told: amounts, not counts that may be none. */
const AMOUNT = /\b(?:bytes|ms|MB)\b/;

/** Figures by their name, then by contender: what each round has found. */
export class Report {
  /** @type {Map<string, Map<string, (number | string)[]>>} */
  #figures = new Map();

  /**
   * @param {string} contender
   * @param {Record<string, number | string>} found
   */
  add(contender, found) {
    for (const [figure, value] of Object.entries(found)) {
      if (!this.#figures.has(figure)) this.#figures.set(figure, new Map());
      const contenders = this.#figures.get(figure);
      contenders.set(contender, [...(contenders.get(contender) ?? []), value]);
    }
  }

  /**
   * One line per figure and contender.
   * @param {(figure: string) => string} floorOf
   */
  markdown(floorOf) {
    const lines = ["| figure | contender | median | to the floor, round by round |", "|---|---|---:|---|"];
    for (const [figure, contenders] of this.#figures) {
      const floor = contenders.get(floorOf(figure));
      for (const [contender, values] of contenders) {
        const compared = AMOUNT.test(figure) ? ratios(values, floor) : "";
        const told = contender === floorOf(figure) ? "floor" : compared;
        lines.push(`| ${figure} | ${contender} | ${inWords(values)} | ${told} |`);
      }
    }
    return lines.join("\n");
  }

  /** One JSON object per figure and contender. */
  json() {
    return [...this.#figures].flatMap(([figure, contenders]) =>
      [...contenders].map(([contender, values]) => JSON.stringify({ figure, contender, values })),
    );
  }
}

function inWords(values) {
  const numbers = values.filter((value) => typeof value === "number");
  return numbers.length === values.length ? rounded(median(numbers)) : values.find((value) => typeof value === "string");
}

/** The median of the ratios, and its 95 % interval. */
function ratios(values, floor) {
  if (floor === undefined) return "";
  const each = values.map((value, round) => value / floor[round]).filter(Number.isFinite);
  if (each.length < values.length) return "";
  const [low, high] = interval(each);
  return `${median(each).toFixed(2)} (${low.toFixed(2)}..${high.toFixed(2)})`;
}

function rounded(number) {
  return number >= 1_000 ? Math.round(number).toLocaleString("en") : number.toFixed(number >= 10 ? 1 : 2);
}
