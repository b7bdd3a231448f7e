import { Api } from "../support/api.ts";
import { expect, isSignIn, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "many-a", "many-b", "many-c", "all-a", "all-b"] } });

test.describe("deleting", { tag: "@basic" }, () => {
  test("one session signs its user out", async ({ admin, anotherBrowser, server }) => {
    const anna = await anotherBrowser();
    await signIn(anna, "anna");
    // Away from Keepwatch: an open tab of ours would go to the sign-in page by itself.
    await anna.goto("about:blank");
    await admin.open("q=anna");

    await admin.askToDelete("anna");
    await expect(admin.dialog).toContainText("Delete 1 session of 1 user?");
    await admin.confirm();
    await expect(admin.page.getByText("1 session deleted.")).toBeVisible();
    await expect(admin.row("anna")).toHaveCount(0);

    await anna.goto(`${server.url}/account/sessions`);
    await expect(anna).toHaveURL(isSignIn("/account/sessions"));
    await expect(anna.getByLabel("Password", { exact: true })).toBeVisible();
  });

  test("does nothing when it is cancelled", async ({ admin, server }) => {
    const bert = await Api.signIn(server, "bert");
    await admin.open("q=bert");
    await admin.askToDelete("bert");
    await admin.cancel();
    await expect(admin.row("bert")).toHaveCount(1);
    expect(await bert.isSignedIn()).toBe(true);
  });

  test("several sessions is one action", async ({ admin, server }) => {
    const [a, b, c] = await Promise.all(["many-a", "many-b", "many-c"].map((name) => Api.signIn(server, name)));
    await admin.open("q=many-&sort=username");
    await admin.checkbox("many-a").check();
    await admin.checkbox("many-c").check();
    await admin.deleteSelected.click();
    await expect(admin.dialog).toContainText("Delete 2 sessions of 2 users?");
    await admin.confirm();

    await expect(admin.page.getByText("2 sessions deleted.")).toBeVisible();
    await expect.poll(() => admin.usernames()).toEqual(["many-b"]);
    expect(await Promise.all([a!, b!, c!].map((api) => api.isSignedIn()))).toEqual([false, true, false]);
  });

  test("is not offered for one's own sessions", async ({ admin, adminApi }) => {
    await admin.open(`q=${adminApi.session.user_agent}`);
    const own = admin.row("Admin");
    await expect(own).toHaveCount(1);
    await expect(own.getByText("You", { exact: true })).toBeVisible();
    await expect(own.getByRole("checkbox")).toBeDisabled();
    await expect(own.getByRole("button", { name: /^Delete/ })).toHaveCount(0);
  });
});

test("all selectable rows leaves out one's own", async ({ admin, server }) => {
  const userAgent = "select-all/1";
  const clients = await Promise.all(["all-a", "all-b"].map((name) => Api.signIn(server, name, undefined, userAgent)));
  const own = await Api.signIn(server, "Admin", undefined, userAgent);
  await admin.open(`q=${userAgent}`);

  await admin.selectAll.check();
  await expect(admin.checkbox("all-a")).toBeChecked();
  await expect(admin.checkbox("all-b")).toBeChecked();
  await expect(admin.checkbox("Admin")).not.toBeChecked();
  await admin.deleteSelected.click();
  await expect(admin.dialog).toContainText("Delete 2 sessions of 2 users?");
  await admin.confirm();

  await expect.poll(() => admin.usernames()).toEqual(["Admin"]);
  expect(await own.isSignedIn()).toBe(true);
  expect(await Promise.all(clients.map((client) => client.isSignedIn()))).toEqual([false, false]);
});

test("a selection that is let go leaves the keyboard at the table", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "drop-a", address: "10.20.7.1" });
  await admin.open("q=drop-a");
  await admin.checkbox("drop-a").check();
  await admin.page.getByRole("button", { name: "Clear selection" }).press("Enter");
  await expect(admin.checkbox("drop-a")).not.toBeChecked();
  await expect(admin.page.locator(".sheet")).toBeFocused();
});

test("the header checkbox tells none, some and all", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "cleo", address: "10.20.5.1" });
  await adminApi.register({ username: "cleo", address: "10.20.5.2" });
  await admin.open("q=cleo");

  await admin.checkbox("cleo").first().check();
  await expect(admin.selectAll).toBeChecked({ indeterminate: true });
  await admin.checkbox("cleo").last().check();
  await expect(admin.selectAll).toBeChecked();
  await admin.selectAll.uncheck();
  await expect(admin.checkbox("cleo").first()).not.toBeChecked();
  await expect(admin.checkbox("cleo").last()).not.toBeChecked();
});

test("the server too refuses to delete one's own session", async ({ adminApi, server }) => {
  const own = await Api.signIn(server, "Admin");
  expect(await adminApi.delete(own.session.id)).toBe(409);
  await adminApi.deleteMany([own.session.id]);
  expect(await own.isSignedIn()).toBe(true);
});

test("Escape closes the question and deletes nothing", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "cleo", address: "10.20.5.3" });
  await admin.open("q=10.20.5.3");
  await admin.askToDelete("cleo");
  await admin.page.keyboard.press("Escape");
  await expect(admin.dialog).toBeHidden();
  await expect(admin.row("cleo")).toHaveCount(1);
});

test("an answer that comes late is told and closes no other question", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "slow-a", address: "10.20.5.4" });
  await adminApi.register({ username: "slow-b", address: "10.20.5.5" });
  await admin.open("q=slow-");
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await admin.page.route("**/rpc/delete_sessions", async (route) => {
    await answered;
    await route.continue();
  });

  await admin.askToDelete("slow-a");
  await admin.dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(admin.dialog.getByRole("button", { name: "Deleting…" })).toBeDisabled();
  await admin.dialog.getByRole("button", { name: "Close" }).click();
  await admin.askToDelete("slow-b");
  answer();

  await expect(admin.page.getByText("1 session deleted.")).toBeAttached();
  await expect(admin.dialog).toContainText("slow-b");
  await expect(admin.dialog.getByRole("button", { name: "Delete", exact: true })).toBeEnabled();
  await admin.cancel();
  await expect.poll(() => admin.usernames()).toEqual(["slow-b"]);
});

test("a range reaches from the first row to the last, however far that is", async ({ admin, adminApi }) => {
  test.slow();
  for (let index = 0; index < 130; index++) {
    await adminApi.register({ username: `range-${String(index).padStart(3, "0")}`, address: "10.20.6.4" });
  }
  const { page } = admin;
  const selected = (count: number) => page.getByText(`${count} selected`, { exact: true });
  await admin.open("q=user:range-&sort=username");
  await admin.checkbox("range-000").click();
  await expect(selected(1)).toBeVisible();
  await admin.checkbox("range-004").click({ modifiers: ["Shift"] });
  await expect(selected(5)).toBeVisible();

  await page.keyboard.press("End");
  await admin.checkbox("range-129").click({ modifiers: ["Shift"] });
  await expect(selected(130)).toBeVisible();
  await expect(admin.checkbox("range-110")).toBeChecked();

  // And back, to drop what lies between.
  await admin.checkbox("range-120").click();
  await page.keyboard.press("Home");
  await expect(admin.checkbox("range-010")).toBeChecked();
  await admin.checkbox("range-010").click({ modifiers: ["Shift"] });
  await expect(selected(19)).toBeVisible();
  await expect(admin.checkbox("range-009")).toBeChecked();
});

test("the header's checkbox follows what comes and goes", async ({ admin, adminApi }) => {
  for (const username of ["head-a", "head-b"]) await adminApi.register({ username, address: "10.20.6.7" });
  await admin.open("q=user:head-&sort=username");
  for (const username of ["head-a", "head-b"]) await admin.checkbox(username).check();
  await expect(admin.selectAll).toBeChecked();

  const { id } = await adminApi.register({ username: "head-c", address: "10.20.6.7" });
  await admin.news.click();
  await expect(admin.row("head-c")).toBeVisible();
  await expect(admin.selectAll).toBeChecked({ indeterminate: true });

  expect(await adminApi.delete(id)).toBe(204);
  await expect(admin.news).toContainText("1 ended");
  await expect(admin.page.getByRole("row").filter({ hasText: "head-c" })).toContainText("Ended");
  await admin.news.click();
  await expect(admin.row("head-c")).toHaveCount(0);
  await expect(admin.selectAll).toBeChecked({ indeterminate: false });
});

test("the keyboard is not lost with what Escape takes away", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "escape-a", address: "10.20.6.8" });
  await admin.open("q=user:escape-");
  await admin.checkbox("escape-a").check();
  await admin.deleteSelected.focus();
  await admin.page.keyboard.press("Escape");
  await expect(admin.deleteSelected).toBeHidden();
  await expect(admin.page.locator(".sheet")).toBeFocused();
});

test("a selection outlives filter and order, and is counted exactly", async ({ admin, adminApi }) => {
  const kept = await adminApi.register({ username: "keep-a", address: "10.20.6.1" });
  const gone = await adminApi.register({ username: "keep-b", address: "10.20.6.2" });
  await adminApi.register({ username: "keep-c", address: "10.20.6.3" });
  await admin.open("q=user:keep-&sort=username");
  for (const name of ["keep-a", "keep-b"]) await admin.checkbox(name).check();
  await expect(admin.page.getByText("2 selected", { exact: true })).toBeVisible();

  await admin.search("user:keep-c");
  await expect(admin.page.getByText("2 selected, not in this view")).toBeVisible();
  await admin.checkbox("keep-c").check();
  await admin.deleteSelected.click();
  await expect(admin.dialog.getByRole("definition").last()).toHaveText("2");
  await expect(admin.dialog).toContainText("Not in this view");
  await admin.cancel();
  await expect(admin.page.getByText("3 selected, 2 of them not in this view")).toBeVisible();

  // What ends out of sight is no longer counted.
  expect(await adminApi.delete(gone.id)).toBe(204);
  await expect(admin.page.getByText("2 selected, 1 of them not in this view")).toBeVisible();
  await admin.search("user:keep-");
  await admin.sortBy("Username");
  await expect(admin.checkbox("keep-a")).toBeChecked();
  await expect(admin.page.getByText("2 selected", { exact: true })).toBeVisible();

  // Where there is nothing to select, "all" changes nothing.
  await admin.search("user:keep-nobody");
  await expect(admin.page.getByText("2 selected, not in this view")).toBeVisible();
  await admin.selectAll.click();
  await expect(admin.page.getByText("2 selected, not in this view")).toBeVisible();
  await expect(admin.selectAll).toBeChecked({ indeterminate: true });
  await admin.search("user:keep-");
  await admin.deleteSelected.click();
  await expect(admin.dialog).toContainText("Delete 2 sessions of 2 users?");
  await admin.confirm();
  expect((await adminApi.list("q=user:keep-")).map((session) => session.id)).not.toContain(kept.id);
});
