import type { WebSocketRoute } from "@playwright/test";

import { Api } from "../support/api.ts";
import { expect, fillSignIn, isSignIn, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "dirk"], administrators: ["erin"] } });

test("nobody else is signed in, until somebody is", async ({ admin, adminApi }) => {
  await admin.open();
  const words = admin.page.getByText("Nobody else is signed in.");
  await expect(words).toBeVisible();
  await admin.row("Admin").first().hover();
  const { id } = await adminApi.register({ username: "else-anna", address: "10.20.7.9" });
  await expect(admin.news).toContainText("1 new");
  await expect(words).toBeHidden();
  expect(await adminApi.delete(id)).toBe(204);
  await expect(words).toBeVisible();
});

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
  await expect(admin.page.locator(".sheet"), "the button is gone, the keyboard is not").toBeFocused();
});

test("a question holds the list, and the keyboard comes back to the session it is about", async ({
  admin,
  adminApi,
}) => {
  const { page } = admin;
  const names = () => page.locator("tbody.rows tr:not([hidden]) .name").allTextContents();
  const tokens: string[] = [];
  for (const username of ["ask-a", "ask-b", "ask-c"]) {
    tokens.push((await adminApi.registerWithToken({ username, address: "10.20.7.3" })).token);
  }
  await admin.open("q=user:ask-");
  await expect.poll(names).toEqual(["ask-c", "ask-b", "ask-a"]);
  const button = page.getByRole("button", { name: /^Delete session of ask-b / });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(admin.dialog).toBeVisible();

  await adminApi.use(tokens[0]!);
  const newest = async () => (await adminApi.list("q=user:ask-"))[0]!.username;
  await expect.poll(newest).toBe("ask-a");
  const ago = page.locator("tbody.rows tr").nth(2).locator(".last_active time");
  const told = await ago.getAttribute("datetime");
  await adminApi.use(tokens[0]!);
  await expect.poll(() => ago.getAttribute("datetime"), "the row follows").not.toBe(told);
  expect(await names()).toEqual(["ask-c", "ask-b", "ask-a"]);

  await page.keyboard.press("Escape");
  await expect(admin.dialog).toBeHidden();
  await expect(button).toBeFocused();
  expect(await names(), "the keyboard is on a row").toEqual(["ask-c", "ask-b", "ask-a"]);
  await admin.searchBox.focus();
  await expect.poll(names).toEqual(["ask-a", "ask-c", "ask-b"]);
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
