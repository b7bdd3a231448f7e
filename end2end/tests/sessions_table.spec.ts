import { devices, type Page } from "@playwright/test";

import { Api, signInOnPlainPage } from "../support/api.ts";
import { type Column, COLUMNS, SessionsPage } from "../support/sessions_page.ts";
import { expect, hydrated, signIn, test } from "../support/test.ts";

const HOSTILE_NAME = "<b>eve</b>";
const HOSTILE_AGENTS = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>"];

test.use({ given: { users: ["anna", "type-anna", "sort-c", "frieda", "jona"], administrators: ["carol", "dora", "erin", "gina", "hana", "ines"] } });

test.describe("the tiles", { tag: "@basic" }, () => {
  test("count a user on two devices as one user and two sessions", async ({ admin, anotherBrowser }) => {
    const before = await admin.tiles();
    await signIn(await anotherBrowser(), "anna");
    const { userAgent, viewport } = devices["iPhone 15"];
    await signIn(await anotherBrowser({ userAgent, viewport }), "anna");

    await admin.open();
    expect(await admin.tiles()).toEqual({ users: before.users + 1, sessions: before.sessions + 2 });
    await expect(admin.row("anna")).toHaveCount(2);
  });
});

test.describe("the columns", { tag: "@basic" }, () => {
  test("are Username, Session Type, Address and Last Active by default", async ({ admin, adminApi }) => {
    await adminApi.register({ username: "bert", address: "10.20.4.17" });
    await admin.open("q=bert");
    expect(await admin.columns()).toEqual(["Username", "Session Type", "Address", "Last Active"]);
    for (const text of ["bert", "Other", "10.20.4.17"]) {
      await expect(admin.row("bert").getByText(text, { exact: true })).toBeVisible();
    }
    await expect(admin.row("bert").locator(".last_active time")).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT.*Z$/);
  });

  test("are shown and hidden, and stay so in the next browser", async ({ consoleOf }) => {
    const chosen: Column[] = ["Username", "Last Active", "Server Name", "User Agent"];
    const carol = await consoleOf("carol");
    await carol.chooseColumns(chosen);
    await expect(carol.row("carol").first()).toContainText("keep-01");

    await carol.open();
    expect(await carol.columns()).toEqual(chosen);
    expect(await (await consoleOf("carol")).columns()).toEqual(chosen);
    await carol.chooseColumns(["Username", "Session Type", "Address", "Last Active"]);
  });

  test("tell both deadlines where they are asked for, and of what is made to be kept its end", async ({ consoleOf, server }) => {
    const erin = await consoleOf("erin");
    const api = await Api.signIn(server, "frieda");
    await api.appPassword("calendar", 30);
    await erin.chooseColumns(["Username", "Session Type", "Idle Timeout", "Absolute Lifetime"]);
    await erin.open("q=user:frieda");
    const row = erin.row("frieda").filter({ hasNotText: "calendar" });
    await expect(row.locator(".idle_timeout time")).toHaveText(/^in (29|30) min$/);
    await expect(row.locator(".absolute_lifetime time")).toHaveText(/^in (11|12) h$/);
    await expect(row.locator(".absolute_lifetime time")).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT.*Z$/);
    const kept = erin.row("frieda").filter({ hasText: "calendar" });
    await expect(kept.locator(".idle_timeout time")).toBeEmpty();
    await expect(kept.locator(".absolute_lifetime time")).toHaveText(/^in (29|30) days$/);
    await erin.chooseColumns(["Username", "Session Type", "Address", "Last Active"]);
  });

  test("sort the list both ways", async ({ consoleOf, adminApi, server }) => {
    await adminApi.register({ username: "sort-b", address: "10.9.0.10", user_agent: "zeta/1" });
    await adminApi.register({ username: "sort-a", address: "10.10.0.9", user_agent: "beta/1" });
    await Api.signIn(server, "sort-c", undefined, "alpha/1");
    const dora = await consoleOf("dora");
    await dora.chooseColumns(COLUMNS);
    await dora.open("q=sort-");

    const upwards: Record<Column, string[]> = {
      Username: ["sort-a", "sort-b", "sort-c"],
      "Session Type": ["sort-b", "sort-a", "sort-c"],
      Address: ["sort-b", "sort-a", "sort-c"],
      "Server Name": ["sort-b", "sort-a", "sort-c"],
      "User Agent": ["sort-c", "sort-a", "sort-b"],
      "Last Active": ["sort-b", "sort-a", "sort-c"],
      "Idle Timeout": ["sort-b", "sort-a", "sort-c"],
      "Absolute Lifetime": ["sort-b", "sort-a", "sort-c"],
    };
    for (const [column, expected] of Object.entries(upwards) as [Column, string[]][]) {
      const directions = { ascending: expected, descending: expected.toReversed() };
      const first = column === "Last Active" ? "descending" : "ascending";
      for (const direction of [first, first === "ascending" ? "descending" : "ascending"] as const) {
        await dora.sortBy(column);
        await expect(dora.header(column)).toHaveAttribute("aria-sort", direction);
        await expect.poll(() => dora.usernames(), `${column} ${direction}`).toEqual(directions[direction]);
      }
    }

    await expect(dora.page).toHaveURL(/[?&]sort=/);
  });
});

test("the last shown column stays", async ({ consoleOf }) => {
  const dora = await consoleOf("dora");
  await dora.chooseColumns(["Address"]);
  await dora.page.getByRole("button", { name: "Show/Hide Columns" }).click();
  const address = dora.page.getByRole("checkbox", { name: "Address", exact: true });
  await expect(address).toBeDisabled();
  await dora.page.getByRole("checkbox", { name: "Username", exact: true }).check();
  await expect(address).toBeEnabled();
});

/** The first instant of Last Active as it is told: on hover, to screen readers, and as what it is. */
const firstInstant = (page: Page) =>
  page.locator("td.last_active").first().evaluate((cell) => {
    const time = cell.querySelector("time")!;
    return { title: time.title, hidden: cell.querySelector(".visually-hidden")!.textContent, instant: time.dateTime };
  });

test.describe("exact times", () => {
  const KOLKATA = { timezoneId: "Asia/Kolkata" };

  test("are told in the time of the device, by the server too once it knows that", async ({ anotherBrowser, server }) => {
    const page = await anotherBrowser(KOLKATA);
    await signIn(page, "Admin", server.adminPassword);
    for (const path of ["/account/sessions", "/reports/sessions"]) {
      const html = await (await page.request.get(path)).text();
      expect(html).toMatch(/<time [^>]*title="\S+ \S+ UTC\+5:30"/);
      expect(html).not.toMatch(/<time [^>]*title="[^"]* UTC"/);
      await page.goto(path);
      await hydrated(page);
      const { title, hidden, instant } = await firstInstant(page);
      expect(new Date(title.replace(" UTC+", "+0"))).toEqual(new Date(instant.replace(/\.\d+/, "")));
      expect(hidden).toBe(title);
    }
  });

  test("are corrected where the server took the device to be elsewhere", async ({ anotherBrowser, server }) => {
    const page = await anotherBrowser(KOLKATA);
    await signIn(page, "Admin", server.adminPassword);
    const cookies = async () =>
      (await page.context().cookies()).filter((cookie) => cookie.name === "keepwatch-utc-offset");
    await page.context().addCookies([{ name: "keepwatch-utc-offset", value: "60", url: server.url }]);
    await page.goto("/reports/sessions");
    await expect(page.locator("td.last_active time").first()).toHaveAttribute("title", / UTC\+5:30$/);
    const { title, hidden } = await firstInstant(page);
    expect(hidden).toBe(title);
    expect(await cookies()).toMatchObject([{ value: "330", sameSite: "Lax", path: "/" }]);
  });

  test("have the offset of their own day", async ({ anotherBrowser, open, server }) => {
    const api = await Api.signIn(server, "jona");
    for (const days of [30, 90, 180]) await api.appPassword(`for-${days}-days`, days);
    const page = await anotherBrowser({ timezoneId: "America/New_York" });
    await signIn(page, "ines");
    const ines = new SessionsPage(page, open, true);
    await ines.open("q=user:jona");
    await ines.chooseColumns(["Username", "Absolute Lifetime"]);
    const zone = new Intl.DateTimeFormat("en", { timeZone: "America/New_York", timeZoneName: "shortOffset" });
    const offsetAt = (instant: string) =>
      zone.formatToParts(new Date(instant)).find(({ type }) => type === "timeZoneName")!.value.replace("GMT", "UTC");
    const times = ines.row("jona").locator(".absolute_lifetime time");
    await expect(times).toHaveCount(4);
    for (const time of await times.all()) {
      const instant = (await time.getAttribute("datetime"))!;
      expect((await time.getAttribute("title"))!.split(" ")[2]).toBe(offsetAt(instant));
    }
  });
});

test("a column that comes into sight tells its times", async ({ consoleOf }) => {
  const gina = await consoleOf("gina");
  const idle = gina.row("gina").first().locator(".idle_timeout");
  await expect(idle.locator("time")).toBeEmpty();
  await gina.chooseColumns(["Username", "Idle Timeout"]);
  await expect(idle.locator("time")).toHaveText(/^in (29|30) min$/);
  await expect(idle.locator("time")).toHaveAttribute("datetime", /^\d{4}-\d\d-\d\dT.*Z$/);
  await expect(idle.locator(".visually-hidden")).toHaveText(/^\S+ \S+ UTC$/);
});

test("of column choices in quick succession the last one stays", async ({ consoleOf }) => {
  const erin = await consoleOf("erin");
  let sent = 0;
  let answered = 0;
  await erin.page.route("**/rpc/set_columns", async (route) => {
    // The first is the slowest.
    const delay = sent++ === 0 ? 500 : 0;
    await new Promise((resolve) => setTimeout(resolve, delay));
    await route.continue();
  });
  erin.page.on("response", (response) => (answered += Number(response.url().endsWith("/rpc/set_columns"))));
  await erin.chooseColumns(COLUMNS);
  await expect.poll(() => sent > 1 && answered === sent).toBe(true);
  expect(await (await consoleOf("erin")).columns()).toEqual(COLUMNS);
});

test("rows that are not shown any more cannot be selected", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "left-a", address: "10.20.8.1" });
  let isStalled = false;
  await admin.page.routeWebSocket("**/live", (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      if (!isStalled) server.send(message);
    });
  });
  await admin.open("q=left-");
  await expect(admin.page.getByText("Live", { exact: true })).toBeVisible();
  isStalled = true;

  await admin.chooseType("Browser only");
  await expect(admin.row("left-a")).toHaveCount(0);
  await admin.selectAll.click();
  await expect(admin.deleteSelected).toBeHidden();
});

test("the search is one key away, also with Caps Lock", async ({ admin }) => {
  await admin.open();
  for (const key of ["Control+k", "Control+K"]) {
    await admin.page.getByRole("radio", { name: "All", exact: true }).focus();
    await admin.page.keyboard.press(key);
    await expect(admin.searchBox).toBeFocused();
  }
});

test("what is typed and ticked before the page is alive counts", async ({ admin }) => {
  const { page } = admin;
  await admin.open();
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.continue();
  });
  await page.reload({ waitUntil: "commit" });
  await page.getByRole("searchbox").fill("early-bird");
  await page.getByRole("button", { name: "Show/Hide Columns" }).click();
  await page.getByLabel("Address").uncheck();
  release();
  await hydrated(page);
  await expect(page.locator("thead th.username a")).toHaveAttribute("href", /q=early-bird/);
  // What is ticked is what is shown.
  await expect(page.getByLabel("Address")).toBeChecked();
  await expect(page.getByRole("columnheader", { name: "Address" })).toBeVisible();
});

test("a page whose style sheet comes late comes alive after it", async ({ admin, adminApi }) => {
  const { page } = admin;
  for (let index = 0; index < 60; index++) {
    await adminApi.register({ username: `styled-${index}`, address: "10.20.4.19" });
  }
  await admin.open("q=styled");
  const heights = () =>
    page.locator("table.session-table > tbody").evaluateAll((parts) => parts.map((part) => part.clientHeight));
  const expected = await heights();
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/*.css", async (route) => {
    await released;
    await route.continue();
  });
  await page.reload({ waitUntil: "commit" });
  await page.waitForTimeout(1_000);
  expect(await page.locator("html").getAttribute("data-hydrated")).toBeNull();
  release();
  await hydrated(page);
  await expect.poll(heights).toEqual(expected);
});

test.describe("the filter", { tag: "@basic" }, () => {
  test("shows the sessions of one type", async ({ admin, adminApi, server }) => {
    await Api.signIn(server, "type-anna");
    await signInOnPlainPage(server, "type-anna");
    await adminApi.register({ username: "type-anna", address: "10.20.4.18" });
    await admin.open("q=type-anna");
    await expect(admin.row("type-anna")).toHaveCount(3);

    for (const [name, type, words] of [
      ["REST API only", "rest", "REST API"],
      ["Browser only", "browser", "Browser"],
      ["Other only", "other", "Other"],
    ] as const) {
      await admin.chooseType(name);
      await expect(admin.page).toHaveURL(new RegExp(`[?&]type=${type}`));
      await expect(admin.row("type-anna")).toHaveCount(1);
      await expect(admin.row("type-anna").getByText(words, { exact: true })).toBeVisible();
    }
    await admin.chooseType("All");
    await expect(admin.row("type-anna")).toHaveCount(3);
  });

  test("finds every word in any column and any case", async ({ admin, adminApi }) => {
    await adminApi.register({ username: "find-anna", address: "10.20.4.19" });
    await adminApi.register({ username: "find-bert", address: "10.20.4.20" });
    await admin.open();

    await admin.search("FIND- 4.20");
    await expect.poll(() => admin.usernames()).toEqual(["find-bert"]);
    await expect(admin.page).toHaveURL((url) => url.searchParams.get("q") === "FIND- 4.20");
    await admin.search("find-");
    await expect.poll(() => admin.usernames()).toEqual(["find-bert", "find-anna"]);
    await admin.search("find-nobody");
    await expect(admin.page.getByText("No sessions match.")).toBeVisible();
    expect(await admin.usernames()).toEqual([]);
  });

  test("takes terms for columns, networks and what is not wanted", async ({ admin, adminApi }) => {
    await adminApi.register({ username: "term-anna", address: "10.44.1.1", user_agent: "alpha/1" });
    await adminApi.register({ username: "term-bert", address: "10.44.2.1", user_agent: "beta/1" });
    await admin.open();
    for (const [search, expected] of [
      ["user:term- ip:10.44.2.0/24", ["term-bert"]],
      ["user:term- -agent:beta", ["term-anna"]],
      ["user:term- type:other idle<5m -bert", ["term-anna"]],
    ] as const) {
      await admin.search(search);
      await expect.poll(() => admin.usernames(), search).toEqual(expected);
    }
    await admin.search("user:term- age>1d");
    await expect(admin.page.getByText("No sessions match.")).toBeVisible();
  });

  test("names a term that it does not understand, and changes nothing", async ({ admin, adminApi }) => {
    await adminApi.register({ username: "odd-anna", address: "10.45.1.1" });
    await admin.open("q=user:odd-");
    await admin.search("user:odd- idle>soon");
    await expect(admin.page.getByText("'idle>soon': use a time, like idle>2h or idle<5m")).toBeVisible();
    await expect(admin.searchBox).toHaveValue("user:odd- idle>soon");
    expect(await admin.usernames()).toEqual(["odd-anna"]);
    await admin.search("user:odd-");
    await expect(admin.page.getByText("idle>soon")).toBeHidden();
  });

  test("is read from the address", async ({ admin }) => {
    await admin.open("type=other&q=find-&sort=-username");
    await expect(admin.radio("Other only")).toBeChecked();
    await expect(admin.searchBox).toHaveValue("find-");
    await expect(admin.header("Username")).toHaveAttribute("aria-sort", "descending");
  });

  test("falls back and says so when the address makes no sense", async ({ admin }) => {
    await admin.open("type=<i>http</i>&sort=age");
    await expect(admin.page.getByText("type '<i>http</i>' is not a session type")).toBeVisible();
    await expect(admin.page.getByText("sort 'age' is not a column")).toBeVisible();
    await expect(admin.radio("All")).toBeChecked();
    await expect(admin.header("Last Active")).toHaveAttribute("aria-sort", "descending");
    await expect(admin.row("Admin").first()).toBeVisible();
  });
});

test("a search that is not understood leaves the list and the address as they are", async ({ admin, adminApi }) => {
  await adminApi.register({ username: "stays-anna", address: "10.45.1.2" });
  await admin.open("q=user:stays-");
  const before = admin.page.url();
  // What can be understood of it would show nobody.
  await admin.search("user:nobody idle>soon");
  await expect(admin.page.getByText("'idle>soon': use a time")).toBeVisible();
  expect(await admin.usernames()).toEqual(["stays-anna"]);
  expect(admin.page.url()).toBe(before);
});

test("hostile names and clients are shown as text", { tag: "@basic" }, async ({ consoleOf, adminApi }) => {
  const hana = await consoleOf("hana");
  for (const user_agent of HOSTILE_AGENTS) {
    const { id } = await adminApi.register({ username: HOSTILE_NAME, address: "10.20.4.21", user_agent });
    await hana.open();
    await hana.chooseColumns(COLUMNS);
    const row = hana.row(HOSTILE_NAME);
    await expect(row.getByText(HOSTILE_NAME, { exact: true })).toBeVisible();
    await expect(row.getByText(user_agent).or(row.getByTitle(user_agent)).first()).toBeVisible();

    await hana.askToDelete(HOSTILE_NAME);
    await expect(hana.dialog).toContainText(HOSTILE_NAME);
    await hana.cancel();
    expect(await adminApi.delete(id)).toBeLessThan(300);
  }
});

test("the end of a long list can be reached", async ({ admin, adminApi }) => {
  test.setTimeout(120_000);
  const address = (index: number) => `10.1.${index >> 8}.${index & 255}`;
  for (let first = 0; first < 3_000; first += 50) {
    const register = (_: unknown, index: number) =>
      adminApi.register({ username: "crowd", address: address(first + index) });
    await Promise.all(Array.from({ length: 50 }, register));
  }
  await admin.open("q=crowd&sort=address");
  const checkbox = (index: number) =>
    admin.page.getByRole("checkbox", { name: `Select session of crowd from ${address(index)}`, exact: true });
  await checkbox(0).hover();

  await expect(async () => {
    await admin.page.mouse.wheel(0, 1_000_000);
    await expect(checkbox(2_999)).toBeInViewport({ timeout: 1_000 });
  }).toPass({ timeout: 15_000 });
  await checkbox(2_999).check();
  await expect(admin.deleteSelected).toContainText("1");
});
