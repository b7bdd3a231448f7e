import type { Page } from "@playwright/test";

import { expect, test } from "../support/test.ts";

test.use({ given: { demoSessions: 1_000_000 } });

const MOST = 900_000;

/** The shown rows by their number, from 1. */
async function rowsByNumber(page: Page): Promise<Map<number, string>> {
  const rows = await page.evaluate(() => {
    const rows = document.querySelectorAll<HTMLElement>("tbody.rows tr:not([hidden], .awaited)");
    return [...rows].map((row) => [Number(row.getAttribute("aria-rowindex")) - 1, row.innerText] as const);
  });
  return new Map(rows);
}

/** The ids of the shown sessions by the number of their row. */
async function idsByNumber(page: Page): Promise<[number, string][]> {
  const rows = await page.evaluate(() => {
    const rows = document.querySelectorAll<HTMLElement>("tbody.rows tr:not([hidden], .awaited)");
    return [...rows].map((row) => {
      return [Number(row.getAttribute("aria-rowindex")) - 1, row.querySelector("input")!.value] as [number, string];
    });
  });
  // A session that ended before it was ever shown has none.
  return rows.filter(([, id]) => id !== "");
}

/** How many rows the table says it has. */
async function rowCount(page: Page): Promise<number> {
  return Number(await page.getByRole("table").getAttribute("aria-rowcount")) - 1;
}

test.describe("a million sessions", () => {
  test("are counted, and the last row is reached by the keyboard", async ({ admin, adminApi }) => {
    await admin.open("sort=username");
    expect((await admin.tiles()).sessions).toBeGreaterThan(MOST);
    await admin.page.keyboard.press("End");
    await expect(async () => {
      const last = await rowCount(admin.page);
      const shown = (await rowsByNumber(admin.page)).get(last);
      const [session] = await adminApi.list("sort=-username&limit=1");
      expect(shown).toContain(session!.username);
      // The header is counted, too.
      await expect(admin.page.locator(`tbody.rows tr[aria-rowindex="${last + 1}"]`)).toBeInViewport({ ratio: 0.9 });
    }).toPass();
    await admin.page.keyboard.press("Home");
    await expect.poll(async () => (await rowsByNumber(admin.page)).has(1)).toBe(true);
  });

  test("fill every row wherever the list is scrolled to, while sessions come and go", async ({ admin, adminApi }) => {
    await admin.open();
    const { page } = admin;
    await page.mouse.move(640, 500);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    for (const distance of [700, 700, 700, height / 3, 700, height / 3, 700, height]) {
      await page.mouse.wheel(0, distance);
      const { id } = await adminApi.register({ username: "newcomer", address: "10.20.7.9" });
      await expect(async () => {
        const rows = await rowsByNumber(page);
        const numbers = [...rows.keys()];
        expect(numbers.length).toBeGreaterThan(20);
        expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index));
        expect([...rows.values()].filter((text) => !/\bago\b|\bnow\b/.test(text)), "rows that show nobody").toEqual([]);
        expect(await page.locator("tbody.rows tr.awaited").count()).toBe(0);
      }).toPass();
      if (distance < height) expect(await adminApi.delete(id)).toBe(204);
    }
    await expect(admin.news).toContainText(/new/);
  });

  test("keep their places while the list is scrolled, however many become active meanwhile", async ({ admin }) => {
    await admin.open();
    const { page } = admin;
    await page.mouse.move(640, 500);
    const placeOf = new Map<string, number>();
    const idAt = new Map<number, string>();
    const look = async () => {
      for (const [number, id] of await idsByNumber(page)) {
        expect(idAt.get(number) ?? id, `row ${number}`).toBe(id);
        expect(placeOf.get(id) ?? number, `session ${id}`).toBe(number);
        idAt.set(number, id);
        placeOf.set(id, number);
      }
    };
    for (const distance of [...Array<number>(10).fill(900), ...Array<number>(10).fill(-900)]) {
      await look();
      await page.mouse.wheel(0, distance);
      await expect(page.locator("tbody.rows tr.awaited")).toHaveCount(0);
    }
    await look();
    expect(idAt.size).toBeGreaterThan(150);
    await expect(admin.news).toBeVisible();
  });

  test("are walked through row by row, also in the middle, by wheel and keys", async ({ admin }) => {
    await admin.open("sort=username");
    const { page } = admin;
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight / 2));
    const seen = new Set<number>();
    /** The rows on the screen, below the header. */
    const look = async () => {
      await expect(page.locator("tbody.rows tr.awaited")).toHaveCount(0);
      const numbers = await page.evaluate(() => {
        const below = document.querySelector("thead")!.getBoundingClientRect().bottom;
        const rows = [...document.querySelectorAll("tbody.rows tr:not([hidden])")];
        const shown = rows.filter((row) => {
          const { top, bottom } = row.getBoundingClientRect();
          return top >= below - 1 && bottom <= window.innerHeight + 1;
        });
        return shown.map((row) => Number(row.getAttribute("aria-rowindex")) - 1);
      });
      for (const number of numbers) seen.add(number);
      return numbers[0]!;
    };
    await expect.poll(look).toBeGreaterThan(MOST / 3);
    seen.clear();
    const first = await look();
    await page.mouse.move(640, 500);
    for (const step of [
      () => page.keyboard.press("PageDown"),
      () => page.mouse.wheel(0, 400),
      // A row is higher than the step of an arrow key.
      () => page.keyboard.press("ArrowDown").then(() => page.keyboard.press("ArrowDown")),
      () => page.keyboard.press("PageDown"),
      () => page.mouse.wheel(0, 300),
      () => page.keyboard.press("PageDown"),
    ]) {
      const before = await look();
      await step();
      await expect.poll(look).toBeGreaterThan(before);
      // Scrolled smoothly, and put right.
      let last = -1;
      await expect.poll(async () => last === (last = await look()), { intervals: [300] }).toBe(true);
    }
    const numbers = [...seen].sort((one, other) => one - other);
    expect(numbers, "no row was passed over").toEqual(numbers.map((_, index) => first + index));
    expect(numbers.length).toBeGreaterThan(40);
  });

  test("are selected at once, and those of a search deleted in one action", async ({ admin, adminApi }) => {
    await admin.open();
    const unchecked = await admin.page.evaluate(async () => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      await frame();
      document.querySelector<HTMLInputElement>("thead input")!.click();
      // What has not been written before the next frame is not in this one.
      await frame();
      return document.querySelectorAll("tbody.rows tr:not([hidden]) input:not(:disabled, :checked)").length;
    });
    expect(unchecked, "rows that are not selected within a frame").toBe(0);
    await expect(admin.page.getByText(/^\d[\d,]{6,} selected$/)).toBeVisible();
    const told = await admin.page.locator("#selected").textContent();
    expect(Number(told!.replaceAll(/\D/g, ""))).toBeGreaterThan(MOST);
    await admin.page.keyboard.press("Escape");

    await admin.search("user:anna type:browser");
    await expect.poll(() => rowCount(admin.page)).toBeLessThan(MOST / 2);
    const found = await rowCount(admin.page);
    expect(found).toBeGreaterThan(100);
    await admin.selectAll.check();
    await admin.deleteSelected.click();
    await admin.confirm();
    await expect(admin.page.getByText(/^[\d,]{3,} sessions deleted/)).toBeVisible();
    // Who has signed in since may stand there, and is not one of them.
    expect((await adminApi.list("q=user%3Aanna+type%3Abrowser")).length).toBeLessThan(20);
    expect((await admin.tiles()).sessions).toBeGreaterThan(MOST / 2);
  });
});
