import { Api } from "../support/api.ts";
import { expect, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "cleo"] } });

test.describe("My Sessions", { tag: "@basic" }, () => {
  test("lists one's own sessions and marks the current one", async ({ page, open, server }) => {
    await Api.signIn(server, "anna");
    await Api.signIn(server, "bert");
    await signIn(page, "anna");
    await open(page, "/account/sessions");

    await expect(page.getByText("This session")).toHaveCount(1);
    await expect(page.getByRole("button", { name: "End session from 127.0.0.1" })).toHaveCount(1);
    await expect(page.getByRole("main")).not.toContainText("bert");
  });

  test("ends another session of one's own", async ({ page, open, server }) => {
    const phone = await Api.signIn(server, "cleo");
    await signIn(page, "cleo");
    await open(page, "/account/sessions");

    const end = page.getByRole("button", { name: "End session from 127.0.0.1" });
    await end.click();
    await expect(end).toHaveCount(0);
    expect(await phone.isSignedIn()).toBe(false);
    await page.reload();
    await expect(page.getByText("This session")).toHaveCount(1);
  });
});

test("My Sessions follows without a reload", async ({ page, open, server, adminApi }) => {
  await signIn(page, "anna");
  await open(page, "/account/sessions");
  const ends = page.getByRole("button", { name: "End session from 127.0.0.1" });
  const before = await ends.count();
  const other = await Api.signIn(server, "anna", undefined, "my-phone/1");
  await expect(ends).toHaveCount(before + 1);
  await expect(page.getByText("my-phone 1")).toBeVisible();
  const instant = page.getByRole("row", { name: "my-phone" }).locator("time").last();
  const first = await instant.getAttribute("datetime");
  await expect(async () => {
    await other.isSignedIn();
    expect(await instant.getAttribute("datetime")).not.toBe(first);
  }).toPass();
  await adminApi.delete(other.session.id);
  await expect(ends).toHaveCount(before);
});

test("the keyboard stays at the table when its row has gone", async ({ page, open, server }) => {
  await Api.signIn(server, "bert");
  await signIn(page, "bert");
  await open(page, "/account/sessions");
  await page.getByRole("button", { name: "End session from 127.0.0.1" }).first().press("Enter");
  await expect(page.getByText("Session ended.")).toBeVisible();
  await expect(page.locator(".sheet")).toBeFocused();
});

test("My Sessions says when it is not live", async ({ page, open }) => {
  await page.routeWebSocket("**/live", (socket) => socket.close());
  await signIn(page, "anna");
  await open(page, "/account/sessions");
  await expect(page.getByText("No live connection. Asking every 5 seconds.")).toBeVisible();
});
