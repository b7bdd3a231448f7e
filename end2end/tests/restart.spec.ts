import { Api } from "../support/api.ts";
import { expect, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "bert"] } });

for (const [signal, words] of [["SIGTERM", "a restart"], ["SIGKILL", "a power cut"]] as const) {
  test(`sessions outlive ${words}, and what was deleted stays deleted`, async ({
    admin,
    server,
    adminApi,
    browserErrors,
  }) => {
    browserErrors.expect(/WebSocket connection to .* failed/, /net::ERR_/);
    const anna = await Api.signIn(server, "anna");
    const bert = await Api.signIn(server, "bert");
    await admin.open("q=bert");
    await admin.askToDelete("bert");
    await admin.confirm();
    await expect(admin.page.getByText("1 session deleted.")).toBeVisible();

    await server.restart(signal);
    expect(await anna.isSignedIn()).toBe(true);
    expect(await bert.isSignedIn()).toBe(false);
    await admin.open(`q=${anna.session.username}`);
    await expect(admin.row("anna")).not.toHaveCount(0);
    expect(await adminApi.list("q=bert")).toEqual([]);
    expect(await adminApi.delete(anna.session.id)).toBeLessThan(300);
  });
}

test("an open console finds its way back", async ({ admin, server, adminApi, browserErrors }) => {
  browserErrors.expect(/WebSocket connection to .* failed/, /net::ERR_/);
  await admin.open("q=cleo");
  await server.down("SIGKILL");
  // Long enough for the pauses between attempts to have grown.
  await admin.page.waitForTimeout(12_000);
  await server.up();
  await adminApi.register({ username: "cleo", address: "10.20.9.1" });
  // Two seconds are promised; the others are for a machine that has more to do.
  await expect(admin.row("cleo")).toHaveCount(1, { timeout: 4_000 });
  await expect(admin.page.getByText("Live", { exact: true })).toBeVisible({ timeout: 4_000 });
});
