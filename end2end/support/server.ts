import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env["KEEPWATCH_BIN"] ?? fileURLToPath(new URL("../../target/release/keepwatch", import.meta.url));

/** The password of every account of a test file. */
export const PASSWORD = "correct horse battery";

/** An application that sign-in may return to. Nothing listens there. */
export const APPLICATION = "https://wiki.example.com";

/** What a test file needs there to be. Sessions of type Other need no account. */
export type Given = {
  /** Accounts with the role user. */
  users?: string[];
  /** Accounts with the role administrator, besides Admin. */
  administrators?: string[];
  /** Origins of applications that sign-in may return to, besides {@link APPLICATION}. */
  applications?: string[];
  /** Addresses of reverse proxies whose word on the client's address is taken. */
  trustedProxies?: string[];
  /** Where browsers see it when that is not where it listens: behind a reverse proxy. */
  publicUrl?: string;
  /** Run the demonstration with so many simulated sessions instead; it has no accounts but Admin. */
  demoSessions?: number;
};

/** Keepwatch as a process of its own, on a data directory that is thrown away. */
export class Server {
  /** Where browsers see it; stays the same over a restart. */
  url = "";
  adminPassword = PASSWORD;
  /** Everything it has printed: the last hope when a test fails. */
  output = "";

  private process: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly given: Given,
  ) {}

  static async start(given: Given): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "keepwatch-")), given);
    try {
      await writeFile(server.passwordFile, PASSWORD, { mode: 0o600 });
      await server.addAccounts();
      await server.listen("127.0.0.1:0");
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Ends the process, politely or as a power cut would, and starts it on the same data and address. */
  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.down(signal);
    await this.up();
  }

  /** Ends the process. */
  async down(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.end(signal);
  }

  /** Starts it again on the same data and address. */
  async up(): Promise<void> {
    await this.listen(new URL(this.url).host);
  }

  /** Silences the process without ending it: connections are accepted, nothing is answered. */
  async pause(): Promise<void> {
    this.process?.kill("SIGSTOP");
    // Its threads stop one after the other: some may answer a little longer.
    const state = () => spawnSync("ps", ["-o", "state=", "-p", String(this.process?.pid)], { encoding: "utf8" }).stdout;
    while (!state().startsWith("T")) await sleep(10);
  }

  resume(): void {
    this.process?.kill("SIGCONT");
  }

  /** Ends the process and removes its data. */
  async stop(): Promise<void> {
    try {
      await this.end("SIGTERM");
    } finally {
      await rm(this.directory, { recursive: true, force: true });
    }
  }

  private get data(): string {
    return join(this.directory, "data");
  }

  private get passwordFile(): string {
    return join(this.directory, "password");
  }

  private async addAccounts(): Promise<void> {
    const { users = [], administrators = [] } = this.given;
    if (users.length + administrators.length === 0) return;
    // The first start makes Admin only where there is no account yet.
    for (const name of ["Admin", ...administrators]) await this.addAccount(name, "administrator");
    for (const name of users) await this.addAccount(name, "user");
  }

  private async addAccount(name: string, role: string): Promise<void> {
    const child = this.spawn(["user", "add", name, "--data-dir", this.data, "--password-stdin", "--role", role]);
    child.stdin?.end(PASSWORD);
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`user add ${name} exited with ${code}:\n${this.output}`);
  }

  private async listen(address: string): Promise<void> {
    const process = this.spawn(this.command(address));
    this.process = process;
    this.url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: process.stdout! }).on("line", (line) => {
        const password = /^first start: sign in as Admin with password (.+)$/.exec(line)?.[1];
        if (password !== undefined) this.adminPassword = password;
        const url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
      process.once("exit", (code) => reject(new Error(`keepwatch exited with ${code}:\n${this.output}`)));
    });
  }

  private command(address: string): string[] {
    const { applications = [], trustedProxies = [], publicUrl, demoSessions } = this.given;
    if (demoSessions !== undefined) return ["demo", "--listen", address, "--sessions", String(demoSessions)];
    const serve = ["serve", "--listen", address, "--data-dir", this.data, "--server-name", "keep-01"];
    const repeated = (flag: string, values: string[]) => values.flatMap((value) => [flag, value]);
    return [
      ...serve,
      ...repeated("--public-url", publicUrl === undefined ? [] : [publicUrl]),
      ...repeated("--application", [APPLICATION, ...applications]),
      ...repeated("--trusted-proxy", trustedProxies),
    ];
  }

  private spawn(args: string[]): ChildProcess {
    const env = { ...process.env };
    if (this.given.demoSessions === undefined) env["KEEPWATCH_ADMIN_PASSWORD_FILE"] = this.passwordFile;
    const child = spawn(BINARY, args, { env, stdio: "pipe" });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    }
    child.once("error", (error) => {
      this.output += `${error}\n`;
      child.emit("exit", -1, null);
    });
    return child;
  }

  private async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const process = this.process;
    this.process = undefined;
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, "exit");
    const patience = setTimeout(() => process.kill("SIGKILL"), 10_000);
    process.kill(signal);
    // It may be paused.
    process.kill("SIGCONT");
    const [, killedBy] = await exited;
    clearTimeout(patience);
    if (killedBy !== signal && killedBy === "SIGKILL") throw new Error(`keepwatch did not stop in 10 s:\n${this.output}`);
  }
}
