import { fileURLToPath } from "node:url";

import type { Page } from "@playwright/test";

import { expect, test } from "../support/test.ts";

// The pictures of the documentation: `SHOTS=1 npx playwright test`.
test.use({ given: { demoSessions: 500 }, viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 });

async function picture(page: Page, name: string): Promise<void> {
  const path = fileURLToPath(new URL(`../../docs/screenshots/${name}.png`, import.meta.url));
  await page.screenshot({ path, animations: "disabled" });
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`Active Sessions in ${colorScheme} colours`, async ({ admin }) => {
    await admin.page.emulateMedia({ colorScheme });
    await picture(admin.page, colorScheme);
  });
}

test.describe("on a phone", () => {
  test.use({ viewport: { width: 375, height: 812 }, hasTouch: true });

  test("Active Sessions", async ({ admin }) => {
    await picture(admin.page, "phone");
  });
});

test("the sign-in page", async ({ page }) => {
  await page.goto("/sign-in");
  await picture(page, "sign-in");
});

test("the columns and the question before deleting", async ({ admin }) => {
  const columns = admin.page.getByRole("button", { name: "Show/Hide Columns" });
  await columns.click();
  await picture(admin.page, "columns");
  await admin.page.keyboard.press("Escape");

  const selectable = admin.page.getByRole("checkbox", { name: /^Select session of /, disabled: false });
  for (const index of [1, 3, 4]) await selectable.nth(index).check();
  await admin.deleteSelected.click();
  await expect(admin.dialog).toBeVisible();
  await picture(admin.page, "dialog");
});

test("an empty list", async ({ admin }) => {
  await admin.open("q=nobody-has-this-name");
  await picture(admin.page, "empty");
});

test("My Sessions", async ({ admin, open, consoleOf }) => {
  await consoleOf("Admin");
  await open(admin.page, "/account/sessions");
  await picture(admin.page, "my-sessions");
});

test("Users", async ({ admin, open }) => {
  await open(admin.page, "/users?user=Admin");
  await open(admin.page, "/users");
  await picture(admin.page, "users");
});

test("a console that has lost its server", async ({ admin, server, browserErrors }) => {
  browserErrors.expect(/WebSocket connection to .* failed/, /net::ERR_/);
  const lost = admin.page.waitForEvent("console", (message) => message.type() === "error");
  await server.stop();
  await lost;
  await picture(admin.page, "disconnected");
});
