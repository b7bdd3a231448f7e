import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "@playwright/test";

import { expect, hydrated, signIn, test } from "../support/test.ts";

// Chromium writes down what it has compiled once it has optimised something, and much runs often where much changes.
test.use({ given: { demoSessions: 20_000 } });

/** Longer than Chromium waits, since it last optimised something, until it writes down what it has compiled. */
const COMPILED = 3_000;

test("a browser keeps what it has compiled of the console", async ({ server, launchOptions, browserErrors }) => {
  test.setTimeout(60_000);
  const profile = await mkdtemp(join(tmpdir(), "keepwatch-profile-"));
  // Pages that are forgotten, as those of other tests, keep nothing.
  const context = await chromium.launchPersistentContext(profile, { ...launchOptions, baseURL: server.url });
  try {
    browserErrors.watch(context);
    const page = await context.newPage();
    await signIn(page, "Admin", server.adminPassword);
    const visit = async () => {
      await page.goto("/reports/sessions");
      await hydrated(page);
    };
    await expect(async () => {
      await visit();
      await page.waitForTimeout(COMPILED);
      await page.goto("about:blank");
      await context.browser()!.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
      const trace = await visit().then(
        () => context.browser()!.stopTracing(),
        async (error: unknown) => {
          await context.browser()!.stopTracing();
          throw error;
        },
      );
      expect(trace.includes("v8.wasm.moduleCacheHit")).toBe(true);
    }).toPass({ timeout: 40_000 });
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});
