import { chromium } from "playwright-core";

/** As root, without a graphics card, and without traffic of the browser's own. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The size of the screen unless a measure says otherwise. */
const SCREEN = { width: 1280, height: 800 };

/** Chromium in which Admin has signed in. */
export class Browser {
  #browser;
  #origin;
  #cookie;

  constructor(browser, origin, cookie) {
    this.#browser = browser;
    this.#origin = origin;
    this.#cookie = cookie;
  }

  /**
   * @param {string} origin
   * @param {{ name: string, value: string }} cookie
   */
  static async launch(origin, cookie) {
    const executablePath = process.env["CHROMIUM_PATH"] || undefined;
    return new Browser(await chromium.launch({ executablePath, args: ARGUMENTS }), origin, cookie);
  }

  get version() {
    return this.#browser.version();
  }

  /**
   * Shows `use` a page of a browser that has cached nothing. What the page complains of ends the run.
   * @template T
   * @param {(page: import("playwright-core").Page) => Promise<T>} use
   * @param {{ width: number, height: number }} viewport
   * @returns {Promise<T>}
   */
  async withPage(use, viewport = SCREEN) {
    const context = await this.#browser.newContext({ baseURL: this.#origin, viewport, timezoneId: "Europe/Berlin" });
    try {
      await context.addCookies([{ ...this.#cookie, url: this.#origin }]);
      const errors = [];
      context.on("weberror", (error) => errors.push(error.error()));
      const result = await use(await context.newPage());
      if (errors.length > 0) throw errors[0];
      return result;
    } finally {
      await context.close();
    }
  }

  close() {
    return this.#browser.close();
  }
}
