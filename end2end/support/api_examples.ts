import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DOCUMENT = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
const MODULES = fileURLToPath(new URL("../node_modules", import.meta.url));

/** How the blocks of one language run. */
export type Language = {
  name: string;
  /** The word behind the fence. */
  fence: string;
  /** What must be on this machine. */
  programs: string[];
  file: string;
  command: string[];
};

export const LANGUAGES: Language[] = [
  {
    name: "curl",
    fence: "bash",
    programs: ["bash", "curl", "jq"],
    file: "example.sh",
    command: ["bash", "-eu", "-o", "pipefail", "example.sh"],
  },
  { name: "Python", fence: "python", programs: ["python3"], file: "example.py", command: ["python3", "example.py"] },
  { name: "TypeScript", fence: "ts", programs: [], file: "example.mts", command: [process.execPath, "example.mjs"] },
];

/** The programs of a language that are not on this machine. */
export function missing({ programs }: Language): string[] {
  return programs.filter((program) => spawnSync(program, ["--version"]).error !== undefined);
}

/** Title of the section and language of each block of the document. */
export function documented(): string[] {
  return sections().flatMap(({ title, blocks }) => [...blocks.keys()].map((fence) => `${title}: ${fence}`));
}

function sections(): { title: string; blocks: Map<string, string> }[] {
  return DOCUMENT.split(/^## /m).map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    blocks: new Map([...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, fence, block]) => [fence!, block!])),
  }));
}

/** What an example printed, and the status it ended with. */
export type Outcome = { status: number | null; output: string; errors: string };

/** A block of the document, in a directory of its own. */
export class Example {
  private readonly running: ChildProcess[] = [];

  private constructor(
    private readonly language: Language,
    private readonly directory: string,
  ) {}

  static async from(section: string, language: Language): Promise<Example> {
    const block = sections().find(({ title }) => title === section)?.blocks.get(language.fence);
    if (block === undefined) throw new Error(`docs/api.md has no ${language.fence} under ${section}`);
    const example = new Example(language, await mkdtemp(join(tmpdir(), "keepwatch-example-")));
    await writeFile(join(example.directory, language.file), block);
    if (language.fence === "ts") await compile(example.directory, language.file);
    return example;
  }

  /** Runs it to its end. */
  async run(environment: Record<string, string>): Promise<Outcome> {
    const follower = this.start(environment);
    const [status] = await once(follower.process, "close");
    return { status, output: follower.output, errors: follower.errors };
  }

  /** Starts it and lets it go on. */
  start(environment: Record<string, string>): Follower {
    const [program, ...rest] = this.language.command;
    // A group of its own: a shell does not end what it has started.
    const options = { cwd: this.directory, env: { ...process.env, ...environment }, detached: true } as const;
    const follower = new Follower(spawn(program!, rest, options));
    this.running.push(follower.process);
    return follower;
  }

  /** What it has written into a file; nothing where there is none. */
  read(file: string): Promise<string> {
    return readFile(join(this.directory, file), "utf8").catch(() => "");
  }

  /** Ends what still runs and removes its directory. */
  async remove(): Promise<void> {
    await Promise.all(this.running.map(end));
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** An example that goes on. */
export class Follower {
  output = "";
  errors = "";

  constructor(readonly process: ChildProcess) {
    process.stdout!.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    process.stderr!.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
  }

  stop(): Promise<void> {
    return end(this.process);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  process.kill(-child.pid!, "SIGTERM");
  await closed;
}

/** The compiler also checks the types. */
async function compile(directory: string, file: string): Promise<void> {
  const options = "--strict --target es2022 --lib es2023,dom,dom.iterable --module esnext --moduleResolution bundler";
  const types = ["--skipLibCheck", "--types", "node", "--typeRoots", join(MODULES, "@types")];
  const compiler = join(MODULES, "typescript", "bin", "tsc");
  await new Promise<void>((resolve, reject) => {
    const args = [compiler, ...options.split(" "), ...types, file];
    execFile(process.execPath, args, { cwd: directory }, (error, output) =>
      error ? reject(new Error(`${file} of docs/api.md:\n${output}`)) : resolve(),
    );
  });
}
