import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

function options() {
  return { executablePath: process.env["CHROMIUM_PATH"] || undefined, args: ARGUMENTS };
}

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
    return new Browser(await chromium.launch(options()), origin, cookie);
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
    const context = await this.#browser.newContext(this.#settings(viewport));
    try {
      return await this.#watched(context, async () => use(await context.newPage()));
    } finally {
      await context.close();
    }
  }

  /**
   * Hands `use` pages, each in a browser of its own that has nothing yet: all of them are in sight, and what is fetched and
   * compiled is kept, as a person's browser keeps it. One that is off the record keeps no compiled WebAssembly.
   * @template T
   * @param {number} count
   * @param {(pages: import("playwright-core").Page[]) => Promise<T>} use
   * @returns {Promise<T>}
   */
  async withKeptPages(count, use) {
    if (count === 0) return use([]);
    const profile = await mkdtemp(join(tmpdir(), "keepwatch-bench-"));
    try {
      const context = await chromium.launchPersistentContext(profile, { ...options(), ...this.#settings(SCREEN) });
      try {
        const [page] = context.pages();
        const others = (pages) => use([page, ...pages]);
        return await this.#watched(context, () => this.withKeptPages(count - 1, others));
      } finally {
        await context.close();
      }
    } finally {
      await rm(profile, { recursive: true, force: true });
    }
  }

  #settings(viewport) {
    return { baseURL: this.#origin, viewport, timezoneId: "Europe/Berlin" };
  }

  async #watched(context, use) {
    await context.addCookies([{ ...this.#cookie, url: this.#origin }]);
    const errors = [];
    context.on("weberror", (error) => errors.push(error.error()));
    const result = await use();
    if (errors.length > 0) throw errors[0];
    return result;
  }

  close() {
    return this.#browser.close();
  }
}
