import type { WebSocketRoute } from "@playwright/test";

import { Api } from "../support/api.ts";
import { expect, fillSignIn, isSignIn, signIn, test } from "../support/test.ts";

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

test("a tab of another version than the server loads itself anew, and not again and again", async ({ admin }) => {
  const { page } = admin;
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket("**/live", (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  const outdated = () => sockets.at(-1)!.close({ code: 4426, reason: "the page is of another version: load it anew" });
  await admin.open("q=anna");
  let loads = 0;
  page.on("load", () => (loads += 1));

  await outdated();
  await expect.poll(() => sockets.length).toBe(2);
  expect(loads, "it is new").toBe(0);

  await expect(async () => {
    await outdated();
    await expect.poll(() => loads, { timeout: 1_500 }).toBe(1);
  }).toPass({ timeout: 25_000 });
  await expect(page).toHaveURL(/q=anna/);
});

test("whoever signs in on a page of another version gets a new one", async ({ page, open, browserErrors }) => {
  browserErrors.expect(/status of 426/);
  await page.route("**/rpc/sign_in", (route) => route.fulfill({ status: 426, body: "said in another version" }));
  await open(page, "/sign-in?next=/account/sessions");
  const loaded = page.waitForEvent("load");
  await fillSignIn(page, "anna");
  await loaded;
  await expect(page).toHaveURL("/sign-in?next=/account/sessions");
});
