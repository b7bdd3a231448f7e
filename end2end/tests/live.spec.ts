import { Api } from "../support/api.ts";
import { expect, isSignIn, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "dirk"], administrators: ["erin"] } });

test("a second console follows without a reload", async ({ admin, consoleOf, server }) => {
  const second = await consoleOf("Admin");
  await second.open("q=anna");
  let loads = 0;
  second.page.on("load", () => (loads += 1));
  const before = await second.tiles();

  await Api.signIn(server, "anna");
  await expect(second.row("anna")).toHaveCount(1);
  await expect.poll(() => second.tiles()).toEqual({ users: before.users + 1, sessions: before.sessions + 1 });

  await admin.open("q=anna");
  await admin.askToDelete("anna");
  await admin.confirm();
  await expect(second.row("anna")).toHaveCount(0);
  await expect.poll(() => second.tiles()).toEqual(before);
  expect(loads).toBe(0);
});

for (const [username, path] of [["bert", "/account/sessions"], ["erin", "/reports/sessions"]] as const) {
  test(`the tab on ${path} goes to the sign-in page by itself when its session is deleted`, async ({
    admin,
    anotherBrowser,
    open,
  }) => {
    const tab = await anotherBrowser();
    await signIn(tab, username);
    await open(tab, path);
    await admin.open(`q=${username}`);
    await admin.askToDelete(username);
    await admin.confirm();

    await expect(tab).toHaveURL(isSignIn());
    await expect(tab.getByText("Your session was ended by an administrator.")).toBeVisible();
  });
}

test("the list does not move while a row is selected", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "held-a", address: "10.20.7.1" });
  await admin.open("q=held-");
  await admin.checkbox("held-a").check();

  await adminApi.register({ username: "held-b", address: "10.20.7.2" });
  await expect(admin.page.getByText("1 new")).toBeVisible();
  expect(await admin.usernames()).toEqual(["held-a"]);

  await admin.news.click();
  await expect.poll(() => admin.usernames()).toEqual(["held-b", "held-a"]);
  await expect(admin.page.getByText("1 new")).toBeHidden();
});

test("last active follows what a user does", async ({ admin, server }) => {
  const dirk = await Api.signIn(server, "dirk");
  await admin.open("q=dirk");
  const instant = () => admin.row("dirk").locator(".last_active time").getAttribute("datetime");
  const before = await instant();
  const afterAnotherRequest = async () => {
    await dirk.isSignedIn();
    return instant();
  };
  await expect.poll(afterAnotherRequest, { timeout: 10_000 }).not.toBe(before);
});
