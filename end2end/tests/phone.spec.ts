import type { Locator, Page } from "@playwright/test";

import { expect, signIn, test } from "../support/test.ts";

const WIDTH = 375;

test.use({ given: {}, viewport: { width: WIDTH, height: 812 }, hasTouch: true });

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(WIDTH);
}

/** Whether a finger can get at a control: on the screen sideways, and nothing lies over it. */
async function expectReachable(control: Locator): Promise<void> {
  await control.click({ trial: true });
  const box = (await control.boundingBox())!;
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(WIDTH);
}

test("no page scrolls sideways", { tag: "@basic" }, async ({ page, open, browserErrors }) => {
  browserErrors.expect(/status of 404/);
  await page.goto("/sign-in");
  await expectNoSidewaysScroll(page);
  await signIn(page, "Admin");
  for (const path of ["/reports/sessions", "/account/sessions"]) {
    await open(page, path);
    await expectNoSidewaysScroll(page);
  }
  await page.goto("/no/such/page");
  await expectNoSidewaysScroll(page);
});

test("everything of Active Sessions is within reach", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "anna", address: "2a02:8109:9b40:1234:5678:9abc:def0:1234" });
  await admin.open("q=anna");
  const { page } = admin;
  for (const name of ["All", "REST API only", "Browser only", "Other only"] as const) {
    await expectReachable(page.locator("label").filter({ hasText: new RegExp(`^\\s*${name}`) }));
  }
  await expectReachable(admin.searchBox);
  await expectReachable(page.getByRole("button", { name: "Delete session of anna from" }));
  await expectReachable(admin.checkbox("anna"));

  await page.getByRole("button", { name: "Show/Hide Columns" }).click();
  await expectReachable(page.getByRole("checkbox", { name: "User Agent", exact: true }));
  await expectNoSidewaysScroll(page);
  await page.keyboard.press("Escape");

  await admin.checkbox("anna").check();
  await admin.deleteSelected.click();
  await expectReachable(admin.dialog.getByRole("button", { name: "Delete", exact: true }));
  await expectReachable(admin.dialog.getByRole("button", { name: "Cancel" }));
  await expectNoSidewaysScroll(page);
});

test("every page is within reach", async ({ admin }) => {
  const { page } = admin;
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await expectReachable(page.getByRole("link", { name: "Sessions", exact: true }));
  await expectReachable(page.getByRole("link", { name: "My Sessions" }));
  await expectReachable(page.getByRole("button", { name: "Sign out" }));
});

test("how much is selected is in sight above a long list", async ({ admin, adminApi }) => {
  for (let number = 1; number <= 20; number++) await adminApi.register({ username: "long", address: `10.20.10.${number}` });
  await admin.open("q=long");
  await admin.checkbox("long").first().check();
  await expect(admin.page.getByText("1 selected", { exact: true })).toBeInViewport();
  await expectReachable(admin.page.getByRole("button", { name: "Clear selection" }));
  await expectReachable(admin.deleteSelected);
});

test("a session is deleted with a finger", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "bert", address: "10.20.9.2" });
  await admin.open("q=bert");
  await admin.page.getByRole("button", { name: "Delete session of bert from" }).tap();
  await admin.dialog.getByRole("button", { name: "Delete", exact: true }).tap();
  await expect(admin.row("bert")).toHaveCount(0);
});
