import { expect, type Locator, type Page } from "@playwright/test";

/** Every column, in the order of the table. */
export const COLUMNS = [
  "Username",
  "Session Type",
  "Address",
  "Last Active",
  "Server Name",
  "User Agent",
  "Idle Timeout",
  "Absolute Lifetime",
] as const;
export type Column = (typeof COLUMNS)[number];

export type TypeFilter = "All" | "REST API only" | "Browser only" | "Other only";

/** Active Sessions as its user sees it: by role and label, with and without JavaScript. */
export class SessionsPage {
  constructor(
    readonly page: Page,
    private readonly visit: (page: Page, path: string) => Promise<void>,
    private readonly javaScript: boolean,
  ) {}

  /** Opens the page with a query string such as `type=rest&q=anna`. */
  async open(query = ""): Promise<void> {
    await this.visit(this.page, `/reports/sessions${query && "?"}${query}`);
  }

  /** The numbers in the two tiles. */
  async tiles(): Promise<{ users: number; sessions: number }> {
    return { users: await this.tile("Active Users"), sessions: await this.tile("Active Sessions") };
  }

  header(column: Column): Locator {
    return this.page.getByRole("columnheader", { name: new RegExp(`^${column}`) });
  }

  /** The shown columns, in order. */
  async columns(): Promise<Column[]> {
    const texts = await this.page.getByRole("columnheader").allTextContents();
    return texts.flatMap((text) => COLUMNS.find((column) => text.trim().startsWith(column)) ?? []);
  }

  /** The rows of a user. */
  row(username: string): Locator {
    return this.page.getByRole("row").filter({ has: this.checkbox(username) });
  }

  /** The checkboxes in the rows of a user. */
  checkbox(username: string): Locator {
    return this.page.getByRole("checkbox", { name: `Select session of ${username} from ` });
  }

  get selectAll(): Locator {
    return this.page.getByRole("checkbox", { name: "Select all", exact: true });
  }

  get deleteSelected(): Locator {
    return this.page.getByRole("button", { name: /^Delete Selected/ });
  }

  get dialog(): Locator {
    return this.page.getByRole("dialog");
  }

  get searchBox(): Locator {
    return this.page.getByRole("searchbox");
  }

  radio(name: TypeFilter): Locator {
    return this.page.getByRole("radio", { name: new RegExp(`^${name}`) });
  }

  /** What the list holds back says, and applies it. */
  get news(): Locator {
    return this.page.getByRole("button", { name: /Show$/ });
  }

  /** The username of each row, from top to bottom. */
  async usernames(): Promise<string[]> {
    const table = await this.page.getByRole("table").ariaSnapshot();
    return [...table.matchAll(/checkbox "Select session of (\S+) from /g)].map(([, username]) => username!);
  }

  async chooseType(name: TypeFilter): Promise<void> {
    await this.page.getByRole("radio", { name, exact: true }).check();
    if (!this.javaScript) await this.page.getByRole("button", { name: "Search", exact: true }).click();
  }

  async search(text: string): Promise<void> {
    await this.searchBox.fill(text);
    await this.searchBox.press("Enter");
  }

  async sortBy(column: Column): Promise<void> {
    const header = this.header(column);
    await header.getByRole("link").or(header.getByRole("button")).click();
  }

  /** Shows exactly these columns. */
  async chooseColumns(columns: readonly Column[]): Promise<void> {
    const button = this.page.getByRole("button", { name: "Show/Hide Columns" });
    await button.click();
    for (const column of COLUMNS) {
      await this.page.getByRole("checkbox", { name: column, exact: true }).setChecked(columns.includes(column));
    }
    if (this.javaScript) await button.click();
    else await this.page.getByRole("button", { name: "Apply", exact: true }).click();
    await expect.poll(() => this.columns()).toEqual(columns);
  }

  /** Presses Delete in the only row of a user. */
  async askToDelete(username: string): Promise<void> {
    await this.page.getByRole("button", { name: `Delete session of ${username} from ` }).click();
    await expect(this.dialog).toBeVisible();
  }

  async confirm(): Promise<void> {
    await this.dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await expect(this.dialog).toBeHidden();
    await this.leaveTable();
  }

  async cancel(): Promise<void> {
    const [button, link] = (["button", "link"] as const).map((role) => this.dialog.getByRole(role, { name: "Cancel" }));
    await button!.or(link!).click();
    await expect(this.dialog).toBeHidden();
  }

  /** Takes the pointer away: the list does not move under it. */
  private async leaveTable(): Promise<void> {
    await this.page.mouse.move(0, 0);
  }

  private async tile(name: string): Promise<number> {
    const text = (await this.page.getByRole("region", { name, exact: true }).textContent()) ?? "";
    const digits = /\d[\d,]*/.exec(text)?.[0] ?? "";
    return Number.parseInt(digits.replaceAll(",", ""), 10);
  }
}
