import { defineConfig } from "@playwright/test";

import type { GivenOptions } from "./support/test.ts";

/** Tests that mean the same without JavaScript carry this tag and run in both projects. */
const BASIC = /@basic|\.nojs\.spec\.ts/;

export default defineConfig<object, GivenOptions>({
  testDir: "tests",
  // One server per file and two cores: tests that wait for half a second must not wait for each other.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  forbidOnly: process.env["CI"] !== undefined,
  reporter: "list",
  use: {
    screenshot: "only-on-failure",
    timezoneId: "UTC",
    launchOptions: {
      executablePath: process.env["CHROMIUM_PATH"] || undefined,
      // As root, without a graphics card, and without traffic of the browser's own.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: process.env["SHOTS"]
    ? [{ name: "screenshots", testMatch: "*.shots.ts", timeout: 120_000 }]
    : [
        { name: "chromium", testIgnore: "*.nojs.spec.ts" },
        { name: "without JavaScript", grep: BASIC, use: { javaScriptEnabled: false } },
      ],
});
