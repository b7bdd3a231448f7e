import type { BrowserContext } from "@playwright/test";

/** What browsers complain of during a test. Whatever a test has not announced fails it. */
export class BrowserErrors {
  private readonly seen: string[] = [];
  private readonly expected: RegExp[] = [];

  /** Listens to every page of a browser: errors in the console, exceptions, and dialogs that a script opens. */
  watch(context: BrowserContext): void {
    context.on("console", (message) => {
      if (message.type() === "error") this.seen.push(`${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => this.seen.push(String(error.error())));
    context.on("dialog", (dialog) => {
      this.seen.push(`${dialog.type()}: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Announces what the test itself provokes, such as `/status of 401/`. */
  expect(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  unexpected(): string[] {
    return this.seen.filter((message) => !this.expected.some((pattern) => pattern.test(message)));
  }
}
