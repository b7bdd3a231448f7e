import { Api } from "../support/api.ts";
import { expect, signIn, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert", "cleo", "dora"] } });

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

  test("makes an app password, shows it once, and ends it like any session", async ({ page, open, server }) => {
    await signIn(page, "dora");
    await open(page, "/account/sessions");
    await expect(page.getByRole("region", { name: "Client tokens" })).toHaveCount(0);
    await page.getByRole("region", { name: "App passwords" }).getByLabel("Name").fill("Calendar");
    await page.getByLabel("Expires after").selectOption("30 days");
    await page.getByRole("button", { name: "Create app password" }).click();

    await expect(page.getByText("it is shown this once")).toBeVisible();
    const secret = (await page.locator(".made code").last().textContent())!;
    const authorization = `Basic ${Buffer.from(`dora:${secret}`).toString("base64")}`;
    const ask = async () => (await fetch(`${server.url}/forward-auth`, { headers: { authorization } })).status;
    expect(await ask()).toBe(200);

    await open(page, "/account/sessions");
    await expect(page.getByRole("main")).not.toContainText(secret);
    await expect(page.getByText(/^Calendar, until \d{4}-\d\d-\d\d$/)).toBeVisible();
    await page.getByRole("button", { name: "End session from 127.0.0.1" }).click();
    await expect(page.getByText("Calendar, until")).toHaveCount(0);
    expect(await ask()).toBe(401);
  });

  test("makes a client token for an administrator that may do what was ticked", async ({ page, open, server }) => {
    await signIn(page, "Admin", server.adminPassword);
    await open(page, "/account/sessions");
    const tokens = page.getByRole("region", { name: "Client tokens" });
    await tokens.getByLabel("Name").fill("Wiki");
    await tokens.getByLabel("sessions:read").check();
    await tokens.getByRole("button", { name: "Create client token" }).click();
    const token = (await tokens.locator(".made code").textContent())!;
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${server.url}/api/v1/sessions`, { headers })).status).toBe(200);
    expect((await fetch(`${server.url}/api/v1/sessions/999`, { method: "DELETE", headers })).status).toBe(403);
  });

  test("says what is wrong with the wish for an app password, and keeps it", async ({
    page,
    open,
    browserErrors,
  }) => {
    browserErrors.expect(/status of 400/);
    await signIn(page, "dora");
    await open(page, "/account/sessions");
    await page.getByRole("region", { name: "App passwords" }).getByLabel("Name").fill("   ");
    await page.getByRole("button", { name: "Create app password" }).click();
    await expect(page.getByRole("alert").filter({ hasText: "1 to 64 bytes" })).toBeVisible();
    await expect(page.getByRole("region", { name: "App passwords" }).getByLabel("Name")).toHaveValue("   ");
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

test("the keyboard stays where it is when another session comes and one before it goes", async ({ page, open, server, adminApi }) => {
  const first = await Api.signIn(server, "cleo", undefined, "first/1");
  await Api.signIn(server, "cleo", undefined, "second/1");
  await signIn(page, "cleo");
  await open(page, "/account/sessions");
  const end = (agent: string) => page.getByRole("row", { name: agent }).getByRole("button");
  await end("second 1").focus();
  for (const agent of ["third/1", "fourth/1"]) {
    await Api.signIn(server, "cleo", undefined, agent);
    await expect(end(agent.replace("/", " "))).toBeVisible();
    await expect(end("second 1")).toBeFocused();
  }
  await adminApi.delete(first.session.id);
  await expect(end("first 1")).toHaveCount(0);
  await expect(end("second 1")).toBeFocused();
});

test("My Sessions says when it is not live", async ({ page, open }) => {
  await page.routeWebSocket("**/live", (socket) => socket.close());
  await signIn(page, "anna");
  await open(page, "/account/sessions");
  await expect(page.getByText("No live connection. Asking every 5 seconds.")).toBeVisible();
});
