import { Api } from "../support/api.ts";
import { expect, test } from "../support/test.ts";

test.use({ given: { users: ["anna"] } });

test("asking to delete is a page of its own that changes nothing", async ({ admin, server }) => {
  const anna = await Api.signIn(server, "anna");
  await admin.open("q=anna");
  await admin.askToDelete("anna");
  await admin.page.reload();
  await expect(admin.dialog).toBeVisible();
  expect(await anna.isSignedIn()).toBe(true);
});

test("the list is as it was after a delete", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "bert", address: "10.20.6.1" });
  await adminApi.register({ username: "bert", address: "10.20.6.2" });
  await admin.open("type=other&q=bert&sort=address");
  await admin.page.getByRole("button", { name: "Delete session of bert from 10.20.6.2" }).click();
  await admin.confirm();

  await expect(admin.row("bert")).toHaveCount(1);
  await expect(admin.radio("Other only")).toBeChecked();
  await expect(admin.searchBox).toHaveValue("bert");
  await expect(admin.header("Address")).toHaveAttribute("aria-sort", "ascending");
});

test("Delete Selected with nothing selected deletes nothing and says so", async ({ admin }) => {
  const { sessions } = await admin.tiles();
  await admin.deleteSelected.click();
  await expect(admin.dialog).toBeHidden();
  await expect(admin.page.getByRole("status").filter({ hasText: "No session is selected." })).toBeVisible();
  expect((await admin.tiles()).sessions).toBe(sessions);
});
