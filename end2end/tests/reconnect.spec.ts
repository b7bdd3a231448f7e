import { Link } from "../support/link.ts";
import { freeAddresses } from "../support/proxies.ts";
import type { SessionsPage } from "../support/sessions_page.ts";
import { expect, test } from "../support/test.ts";

const PLACES = await freeAddresses("console");
const CONSOLE = `http://${PLACES.console}`;

test.use({ baseURL: CONSOLE, given: { publicUrl: CONSOLE, trustedProxies: ["127.0.0.1/32"] } });

/** Two seconds are promised; the others are for a machine that has more to do. */
const SOON = { timeout: 4_000 };

let link: Link;
test.beforeEach(async ({ server, browserErrors }) => {
  browserErrors.expect(/WebSocket connection to .* failed/, /net::ERR_/);
  link = await Link.open(PLACES.console, new URL(server.url).host);
});
test.afterEach(() => link.close());

async function isLost(admin: SessionsPage): Promise<void> {
  await expect(admin.page.getByText("Live", { exact: true })).toBeHidden({ timeout: 10_000 });
}

async function isLive(admin: SessionsPage): Promise<void> {
  await expect(admin.page.getByText("Live", { exact: true })).toBeVisible({ timeout: 10_000 });
}

for (const [outage, seconds] of [
  ["short", 0],
  ["long", 15],
] as const) {
  test(`after a ${outage} silence of the network the list is right, row by row`, async ({ admin, adminApi }) => {
    test.slow();
    const stays: number[] = [];
    for (let index = 0; index < 30; index++) {
      stays.push((await adminApi.register({ username: `silent-${outage}-${index}`, address: "10.20.9.1" })).id);
    }
    await admin.open(`q=silent-${outage}&sort=username`);
    await isLive(admin);
    link.cut();
    await isLost(admin);

    expect(await adminApi.deleteMany(stays.slice(0, 7))).toBe(200);
    for (let index = 30; index < 35; index++) {
      await adminApi.register({ username: `silent-${outage}-${index}`, address: "10.20.9.2" });
    }
    await admin.page.waitForTimeout(seconds * 1_000);
    link.mend();
    const expected = (await adminApi.list(`q=silent-${outage}&sort=username`)).map((session) => session.username);
    expect(expected).toHaveLength(28);
    await expect.poll(() => admin.usernames(), SOON).toEqual(expected);
    await isLive(admin);
    await expect.poll(() => admin.usernames()).toEqual(expected);
  });
}

test("a computer that comes to another network need not be told that the old one is gone", async ({
  admin,
  adminApi,
}) => {
  await admin.open("q=moved");
  await isLive(admin);
  link.cut();
  link.mend();
  await adminApi.register({ username: "moved", address: "10.20.9.1" });
  await admin.page.evaluate(() => window.dispatchEvent(new Event("online")));
  await expect(admin.row("moved")).toHaveCount(1, SOON);
  await isLive(admin);
});

test("a computer that wakes shows what is, at once", async ({ admin, adminApi }) => {
  const { id } = await adminApi.register({ username: "asleep-a", address: "10.20.9.1" });
  await admin.open("q=asleep-&sort=username");
  await isLive(admin);
  // No timer fires and no message is heard.
  const devtools = await admin.page.context().newCDPSession(admin.page);
  const asleep = new Promise((resolve) => devtools.once("Debugger.paused", resolve));
  await devtools.send("Debugger.enable");
  await devtools.send("Debugger.pause");
  await asleep;
  link.cut();
  expect(await adminApi.delete(id)).toBe(204);
  await adminApi.register({ username: "asleep-b", address: "10.20.9.1" });
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  link.mend();
  await devtools.send("Debugger.disable");
  await expect.poll(() => admin.usernames(), SOON).toEqual(["asleep-b"]);
  await isLive(admin);
});

test("a list that is held is still as it was when the link returns, with what has happened to it", async ({
  admin,
  adminApi,
}) => {
  const ids: number[] = [];
  for (const username of ["kept-a", "kept-b", "kept-c"]) {
    ids.push((await adminApi.register({ username, address: "10.20.9.1" })).id);
  }
  await admin.open("q=user:kept-&sort=username");
  await isLive(admin);
  await admin.checkbox("kept-a").check();
  link.cut();
  await isLost(admin);
  expect(await adminApi.delete(ids[1]!)).toBe(204);
  await adminApi.register({ username: "kept-0", address: "10.20.9.1" });
  link.mend();
  await expect(admin.news).toContainText("1 new, 1 ended", SOON);
  await isLive(admin);
  expect(await admin.page.locator("tbody.rows tr:not([hidden]) .name").allTextContents()).toEqual([
    "kept-a",
    "kept-b",
    "kept-c",
  ]);
  await expect(admin.checkbox("kept-a")).toBeChecked();
  const ended = admin.page.getByRole("row").filter({ hasText: "kept-b" });
  await expect(ended).toContainText("Ended");
  await expect(ended.getByRole("checkbox")).toBeHidden();
  await expect(ended.getByRole("button")).toBeHidden();
  await admin.news.click();
  await expect.poll(() => admin.usernames()).toEqual(["kept-0", "kept-a", "kept-c"]);
  await expect(admin.checkbox("kept-a")).toBeChecked();
});

test("while nothing changes, the link is known to be there", async ({ admin }) => {
  await admin.open("q=nobody-at-all");
  await isLive(admin);
  const words = new Set<string>();
  for (let second = 0; second < 8; second++) {
    await admin.page.waitForTimeout(1_000);
    words.add((await admin.page.locator(".sessions").getAttribute("data-link")) ?? "");
  }
  expect([...words]).toEqual(["live"]);
});
