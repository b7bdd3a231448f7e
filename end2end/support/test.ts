import { type BrowserContextOptions, expect, type Page, test as base } from "@playwright/test";

import { Api } from "./api.ts";
import { BrowserErrors } from "./browser_errors.ts";
import { type Given, PASSWORD, Server } from "./server.ts";
import { SessionsPage } from "./sessions_page.ts";

export { expect } from "@playwright/test";

export type GivenOptions = {
  /** What there is: `test.use({ given: { users: ["anna"] } })`. Each file that says so gets a server of its own. */
  given: Given;
};

type PerFile = GivenOptions & {
  server: Server;
  /** Admin's REST client. */
  adminApi: Api;
};

type PerTest = {
  browserErrors: BrowserErrors;
  /** A page in another browser: other cookies, nothing shared. */
  anotherBrowser: (options?: BrowserContextOptions) => Promise<Page>;
  /** Goes to a page of ours and waits until it is live, where JavaScript runs. */
  open: (page: Page, path: string) => Promise<void>;
  /** Active Sessions in a browser of its own, in which the named administrator has signed in. */
  consoleOf: (username: string) => Promise<SessionsPage>;
  /** Active Sessions in a browser of its own, in which Admin has signed in. */
  admin: SessionsPage;
};

/** Playwright's test with Keepwatch: `page` is not signed in. */
export const test = base.extend<PerTest, PerFile>({
  // A worker serves the files whose worker options are the same object, and each file writes its own object.
  given: [{}, { scope: "worker", option: true }],

  server: [
    async ({ given }, use) => {
      const server = await Server.start(given);
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  adminApi: [
    async ({ server }, use) => use(await Api.signIn(server, "Admin", server.adminPassword)),
    { scope: "worker" },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  browserErrors: [
    async ({ server }, use, testInfo) => {
      const errors = new BrowserErrors();
      await use(errors);
      if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach("server", { body: server.output });
      expect(errors.unexpected(), "errors in the browser").toEqual([]);
    },
    { auto: true },
  ],

  context: async ({ context, browserErrors }, use) => {
    browserErrors.watch(context);
    await use(context);
  },

  anotherBrowser: async ({ browser, browserErrors }, use) => {
    const pages: Page[] = [];
    await use(async (options) => {
      const context = await browser.newContext(options);
      browserErrors.watch(context);
      const page = await context.newPage();
      pages.push(page);
      return page;
    });
    for (const page of pages) await page.context().close();
  },

  open: async ({ javaScriptEnabled }, use) => {
    await use(async (page, path) => {
      await page.goto(path);
      if (javaScriptEnabled) await hydrated(page);
    });
  },

  consoleOf: async ({ anotherBrowser, javaScriptEnabled, open, server }, use) => {
    await use(async (username) => {
      const page = await anotherBrowser();
      await signIn(page, username, username === "Admin" ? server.adminPassword : PASSWORD);
      const sessions = new SessionsPage(page, open, javaScriptEnabled);
      await sessions.open();
      return sessions;
    });
  },

  admin: async ({ consoleOf }, use) => use(await consoleOf("Admin")),
});

/** Fills the sign-in form that `page` shows and sends it. */
export async function fillSignIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel("Username", { exact: true }).fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Signs in, which leads to My Sessions: a page for every role. */
export async function signIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.goto("/sign-in?next=/account/sessions");
  await fillSignIn(page, username, password);
  await expect(page).toHaveURL("/account/sessions");
}

/** Waits until the page is live. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated");
}

/** Whether an address is that of the sign-in page, on the way to `next` if that is given. */
export function isSignIn(next?: string): (url: URL) => boolean {
  return (url) => url.pathname === "/sign-in" && (next === undefined || url.searchParams.get("next") === next);
}
