import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A demonstration of Keepwatch as a process of its own. */
export class Keepwatch {
  /** Everything it has printed. */
  output = "";
  url = "";
  password = "";

  #process;

  /**
   * @param {string} binary
   * @param {number} sessions
   * @param {string} publicUrl where browsers see it
   */
  static async start(binary, sessions, publicUrl) {
    const keepwatch = new Keepwatch();
    await keepwatch.#listen(binary, sessions, publicUrl);
    return keepwatch;
  }

  /** Ends it and waits until it has. */
  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await exited;
  }

  async #listen(binary, sessions, publicUrl) {
    const args = ["demo", "--listen", "127.0.0.1:0", "--public-url", publicUrl, "--sessions", String(sessions)];
    const child = spawn(binary, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, KEEPWATCH_LOG: "warn" },
    });
    this.#process = child;
    // However this process ends, that one does not outlive it.
    process.once("exit", () => child.kill());
    child.stderr.setEncoding("utf8").on("data", (text) => (this.output += text));
    await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`keepwatch exited with ${code}:\n${this.output}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.password = /^first start: sign in as Admin with password (.+)$/.exec(line)?.[1] ?? this.password;
        this.url = /^listening on (http:\/\/\S+)$/.exec(line)?.[1] ?? this.url;
        if (this.url) resolve();
      });
    });
  }
}
