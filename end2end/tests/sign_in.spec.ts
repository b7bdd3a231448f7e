import { APPLICATION } from "../support/server.ts";
import { expect, fillSignIn, isSignIn, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "cleo"] } });

test.describe("signing in", { tag: "@basic" }, () => {
  test("leads to the page that was asked for", async ({ page }) => {
    await page.goto("/account/sessions");
    await expect(page).toHaveURL(isSignIn("/account/sessions"));
    await expect(page).toHaveTitle("Sign in - Keepwatch");

    await fillSignIn(page, "anna");
    await expect(page).toHaveURL("/account/sessions");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("My Sessions");
  });

  test("brings an administrator to Active Sessions", async ({ page }) => {
    await page.goto("/");
    await fillSignIn(page, "Admin");
    await expect(page).toHaveURL("/reports/sessions");
    await expect(page).toHaveTitle("Active Sessions - Keepwatch");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Active Sessions");
  });

  test("is refused in the same words for a wrong password and for an unknown user", async ({ page, browserErrors }) => {
    browserErrors.expect(/status of 401/);
    for (const [username, password] of [["anna", "not her password"], ["nobody", "anything at all"]] as const) {
      await page.goto("/sign-in");
      await fillSignIn(page, username, password);
      await expect(page.getByText("The username or password is not right.")).toBeVisible();
      await expect(page.getByLabel("Username", { exact: true })).toHaveValue(username);
    }
  });

  // Each in a browser of its own: one whose cookie is taken away while its page comes alive is refused the live channel.
  for (const next of ["https://evil.example/", "//evil.example/", "/\\evil.example/"]) {
    test(`never leads to ${next}`, async ({ page, server }) => {
      await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
      await fillSignIn(page, "Admin");
      await expect(page).not.toHaveURL(isSignIn());
      expect(new URL(page.url()).origin).toBe(server.url);
    });
  }

  test("on the plain page makes a session of type Browser", async ({ page, adminApi }) => {
    await page.route(`${APPLICATION}/**`, (route) => route.fulfill({ body: "the wiki" }));
    await page.goto(`/sign-in?rd=${encodeURIComponent(`${APPLICATION}/start`)}`);
    await expect(page.getByText("You will return to wiki.example.com")).toBeVisible();
    await fillSignIn(page, "bert");
    await expect(page).toHaveURL(`${APPLICATION}/start`);
    expect((await adminApi.list("q=bert")).map((session) => session.session_type)).toEqual(["browser"]);
  });
});

test.describe("someone who is signed in", { tag: "@basic" }, () => {
  test("finds Active Sessions in the admin menu", async ({ page }) => {
    await signIn(page, "Admin");
    await expect(page.getByText("Reports & Info")).toBeVisible();
    await page.getByRole("link", { name: "Sessions", exact: true }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Active Sessions");
  });

  test("does not see the sessions of others without being an administrator", async ({ page, browserErrors }) => {
    browserErrors.expect(/status of 403/);
    await signIn(page, "cleo");
    const response = await page.goto("/reports/sessions");
    expect(response?.status()).toBe(403);
    await expect(page.getByRole("table")).toHaveCount(0);
  });

  for (const path of ["/reports/sessions", "/account/sessions", "/no/such/page"]) {
    test(`signs out on ${path}`, async ({ page, open, browserErrors, adminApi }) => {
      browserErrors.expect(/status of 404/);
      await signIn(page, "Admin");
      const newest = Math.max(...(await adminApi.list("q=Admin")).map((session) => session.id));
      if (path === "/no/such/page") await page.goto(path);
      else await open(page, path);

      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(page).toHaveURL(isSignIn());
      expect((await adminApi.list("q=Admin")).map((session) => session.id)).not.toContain(newest);
      await page.goto("/reports/sessions");
      await expect(page).toHaveURL(isSignIn("/reports/sessions"));
    });
  }
});
