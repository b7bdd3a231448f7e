import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";

import { PASSWORD } from "../support/server.ts";
import { SessionsPage } from "../support/sessions_page.ts";
import { expect, fillSignIn, hydrated, test } from "../support/test.ts";

test.use({ given: { administrators: ["keys"] } });

/** What axe finds that keeps people out, as `rule: element`. */
async function barriers(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`axe finds nothing serious in ${colorScheme} colours`, () => {
    test.use({ colorScheme });

    test("on the sign-in page", async ({ page, browserErrors }) => {
      browserErrors.expect(/status of 401/);
      await page.goto("/sign-in");
      expect(await barriers(page)).toEqual([]);
      await fillSignIn(page, "anna", "not her password");
      await expect(page.getByText("The username or password is not right.")).toBeVisible();
      expect(await barriers(page)).toEqual([]);
    });

    test("on Active Sessions", async ({ admin, adminApi }) => {
      await adminApi.register({ username: "bert", address: "10.20.8.1" });
      await admin.open();
      expect(await barriers(admin.page)).toEqual([]);

      await admin.page.getByRole("button", { name: "Show/Hide Columns" }).click();
      expect(await barriers(admin.page), "with the columns open").toEqual([]);
      await admin.page.keyboard.press("Escape");

      await admin.checkbox("bert").first().check();
      expect(await barriers(admin.page), "with a row selected").toEqual([]);
      await admin.deleteSelected.click();
      await expect(admin.dialog).toBeVisible();
      expect(await barriers(admin.page), "with the question open").toEqual([]);
      await admin.cancel();

      await admin.open("q=nobody-has-this-name&type=http");
      expect(await barriers(admin.page), "with nothing found").toEqual([]);
    });

    test("on My Sessions and where nothing is", async ({ admin, open, browserErrors }) => {
      browserErrors.expect(/status of 404/);
      await open(admin.page, "/account/sessions");
      expect(await barriers(admin.page)).toEqual([]);
      await admin.page.goto("/no/such/page");
      expect(await barriers(admin.page)).toEqual([]);
    });

    test("on Users", async ({ admin, open }) => {
      for (const path of ["/users", "/users?user=keys"]) {
        await open(admin.page, path);
        expect(await barriers(admin.page), path).toEqual([]);
      }
    });

    test("on a phone", async ({ admin }) => {
      await admin.page.setViewportSize({ width: 375, height: 812 });
      expect(await barriers(admin.page)).toEqual([]);
    });
  });
}

/** Presses a key until the focus is on `target`. */
async function tabTo(page: Page, target: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  const isFocused = () => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; presses < 100; presses += 1) {
    if (await isFocused()) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} does not reach ${target}`);
}

test("the keyboard alone signs in, filters, selects and deletes", async ({ page, open, adminApi }) => {
  const { keyboard } = page;
  await adminApi.register({ username: "cleo", address: "10.20.8.2" });
  await page.goto("/sign-in");
  await tabTo(page, page.getByLabel("Username", { exact: true }));
  await keyboard.type("keys");
  await tabTo(page, page.getByLabel("Password", { exact: true }));
  await keyboard.type(PASSWORD);
  await keyboard.press("Enter");
  await expect(page).toHaveURL("/reports/sessions");
  await hydrated(page);

  const sessions = new SessionsPage(page, open, true);
  await tabTo(page, sessions.radio("All"));
  for (const name of ["REST API only", "Browser only", "Other only"] as const) {
    await keyboard.press("ArrowRight");
    await expect(sessions.radio(name)).toBeChecked();
  }
  await expect(page).toHaveURL(/[?&]type=other/);

  await tabTo(page, sessions.checkbox("cleo"));
  await keyboard.press("Space");
  await expect(sessions.checkbox("cleo")).toBeChecked();
  await tabTo(page, sessions.deleteSelected, "Shift+Tab");
  await keyboard.press("Enter");
  await expect(sessions.dialog).toBeVisible();
  await tabTo(page, sessions.dialog.getByRole("button", { name: "Delete", exact: true }));
  await keyboard.press("Enter");
  await expect(sessions.dialog).toBeHidden();
  await expect(sessions.row("cleo")).toHaveCount(0);
  expect(await adminApi.list("q=cleo")).toEqual([]);
});

test("what a search has found and how much is selected is read out", async ({ admin, adminApi }) => {
  for (const username of ["heard-a", "heard-b"]) await adminApi.register({ username, address: "10.20.8.4" });
  await admin.open();
  const told = (words: string) => admin.page.getByRole("status").filter({ hasText: words });
  await admin.search("user:heard-");
  await expect(told("Sessions found: 2")).toHaveCount(1);
  await admin.selectAll.check();
  await expect(told("Selected: 2")).toHaveCount(1);
  await admin.search("user:heard-nobody");
  await expect(told("Selected: 2, not in this view")).toHaveCount(1);
  await admin.page.keyboard.press("Escape");
  await expect(told("Selected")).toHaveCount(0);
});

test("the keyboard stays in the question and returns to where it was", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "dirk", address: "10.20.8.3" });
  await admin.open("q=dirk");
  const button = admin.page.getByRole("button", { name: "Delete session of dirk from 10.20.8.3" });
  await tabTo(admin.page, button);
  await admin.page.keyboard.press("Enter");
  await expect(admin.dialog).toBeVisible();
  expect(await admin.dialog.evaluate((dialog) => dialog.contains(document.activeElement))).toBe(true);
  await admin.page.keyboard.press("Escape");
  await expect(button).toBeFocused();
});
