import { expect, fillSignIn, test } from "../support/test.ts";

test.use({ given: { demoSessions: 500 } });

test.describe("the demonstration", { tag: "@basic" }, () => {
  test("says so on every page", async ({ page, open, server, browserErrors }) => {
    browserErrors.expect(/status of 404/);
    await page.goto("/");
    await expect(page.getByText("Demo data")).toBeVisible();
    await fillSignIn(page, "Admin", server.adminPassword);
    await page.waitForURL("**/reports/sessions");
    for (const path of ["/reports/sessions", "/account/sessions"]) {
      await open(page, path);
      await expect(page.getByText("Demo data")).toBeVisible();
    }
    await page.goto("/no/such/page");
    await expect(page.getByText("Demo data")).toBeVisible();
  });

  test("has many sessions of every type", async ({ admin }) => {
    const { users, sessions } = await admin.tiles();
    expect(users).toBeGreaterThan(50);
    expect(sessions).toBeGreaterThan(250);
    for (const [type, words] of [["rest", "REST API"], ["browser", "Browser"], ["other", "Other"]] as const) {
      await admin.open(`type=${type}`);
      await expect(admin.page.getByRole("cell", { name: words }).first()).toBeVisible();
    }
  });
});

test("the demonstration moves", async ({ admin }) => {
  const before = await admin.usernames();
  await expect.poll(() => admin.usernames()).not.toEqual(before);
});

test("to select all of a long list says what it lets go", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "apart", address: "10.20.7.9" });
  await admin.open("q=user:apart");
  await admin.checkbox("apart").check();
  await admin.search("-user:apart");
  await expect(admin.page.getByText("1 selected, not in this view")).toBeVisible();
  await admin.selectAll.click();
  await expect(admin.page.getByText("All in this view are selected, instead of the 1 selected elsewhere.")).toBeVisible();
  await expect(admin.page.getByText(/^\d+ selected$/)).toBeVisible();
});
