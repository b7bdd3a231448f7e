import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type Agent, createServer, type IncomingMessage, request, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const DOCUMENT = new URL("../../docs/proxies.md", import.meta.url);

/** Host and port of everything that takes part. */
export type Places = {
  /** Where Keepwatch listens. */
  keepwatch: string;
  /** Where the application listens. */
  application: string;
  /** Where the proxy serves the application. */
  wiki: string;
  /** Where the proxy serves Keepwatch. */
  console: string;
};

/** How a proxy runs on the files of the document. */
export type Kind = {
  name: string;
  program: string;
  arguments: (directory: string) => string[];
  /** What differs from the document in each of its files: places, and http. What is not found there is an error. */
  changes: Record<string, (places: Places, directory: string) => [from: string | RegExp, to: string][]>;
  /** A file around those of the document. */
  around?: { file: string; content: (directory: string) => string };
};

const NGINX_TEMPORARY_FILES = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

export const KINDS: Kind[] = [
  {
    name: "nginx",
    program: "nginx",
    arguments: (directory) => ["-e", "stderr", "-c", join(directory, "nginx.conf")],
    changes: {
      "keepwatch.conf": (places) => [
        [/ssl_certificate.*\n/g, ""],
        ["listen 443 ssl http2;\n    server_name wiki.example.org;", `listen ${places.wiki};`],
        ["listen 443 ssl http2;\n    server_name keepwatch.example.org;", `listen ${places.console};`],
        ["127.0.0.1:3000", places.keepwatch],
        ["127.0.0.1:8080", places.application],
        ["__Secure-keepwatch", "keepwatch"],
      ],
    },
    around: {
      file: "nginx.conf",
      content: (directory) => `
        daemon off;
        pid ${directory}/nginx.pid;
        error_log stderr;
        events {}
        http {
          access_log off;
          ${NGINX_TEMPORARY_FILES.map((use) => `${use}_temp_path ${directory}/${use};`).join(" ")}
          include ${directory}/keepwatch.conf;
        }`,
    },
  },
  {
    name: "Caddy",
    program: "caddy",
    arguments: (directory) => ["run", "--adapter", "caddyfile", "--config", join(directory, "all")],
    changes: {
      Caddyfile: (places) => [
        [/^wiki\.example\.org/m, `http://${places.wiki}`],
        [/^keepwatch\.example\.org/m, `http://${places.console}`],
        ["127.0.0.1:3000", places.keepwatch],
        ["127.0.0.1:8080", places.application],
        ["__Secure-keepwatch", "keepwatch"],
      ],
    },
    around: {
      file: "all",
      content: (directory) => `
        {
          admin off
          default_bind 127.0.0.1
          storage file_system ${directory}
        }
        import ${directory}/Caddyfile`,
    },
  },
  {
    name: "HAProxy",
    program: "haproxy",
    arguments: (directory) => ["-db", "-f", join(directory, "haproxy.cfg")],
    changes: {
      "haproxy.cfg": (places, directory) => [
        [/bind :443 .*/, `bind ${places.wiki}\n    bind ${places.console}`],
        ["wiki.example.org", places.wiki],
        ["keepwatch.example.org", places.console],
        ["/etc/haproxy/keepwatch.lua", `${directory}/keepwatch.lua`],
        ["127.0.0.1:3000", places.keepwatch],
        ["127.0.0.1:8080", places.application],
        ["__Secure-keepwatch", "keepwatch"],
      ],
      "keepwatch.lua": (places) => [
        ["127.0.0.1:3000", places.keepwatch],
        ["__Secure-keepwatch", "keepwatch"],
      ],
    },
  },
];

// Debian keeps servers where only root looks for them.
const ENVIRONMENT = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` };

/** Whether the program of a proxy is on this machine. */
export function isInstalled({ program }: Kind): boolean {
  return spawnSync(program, ["-v"], { env: ENVIRONMENT }).error === undefined;
}

/** A reverse proxy in front of Keepwatch and an application, set up as the document says. */
export class Proxy {
  /** Everything it has printed. */
  output = "";

  private process: ChildProcess | undefined;

  private constructor(private readonly directory: string) {}

  static async start(kind: Kind, places: Places): Promise<Proxy> {
    const directory = await mkdtemp(join(tmpdir(), "keepwatch-proxy-"));
    // nginx started by root keeps request bodies here as another user.
    await chmod(directory, 0o755);
    const proxy = new Proxy(directory);
    try {
      for (const [file, changes] of Object.entries(kind.changes)) {
        await writeFile(join(directory, file), changed(await documented(file), changes(places, directory)));
      }
      if (kind.around) await writeFile(join(directory, kind.around.file), kind.around.content(directory));
      await proxy.run(kind, [places.wiki, places.console]);
    } catch (error) {
      await proxy.stop();
      throw error;
    }
    return proxy;
  }

  async stop(): Promise<void> {
    if (this.process?.exitCode === null && this.process.signalCode === null) {
      const exited = once(this.process, "exit");
      this.process.kill("SIGTERM");
      await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  private async run(kind: Kind, addresses: string[]): Promise<void> {
    const child = spawn(kind.program, kind.arguments(this.directory), {
      env: { ...ENVIRONMENT, HOME: this.directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (printed: string) => (this.output += printed));
    }
    for (const address of addresses) {
      while (!(await isListening(address))) {
        if (child.exitCode !== null) throw new Error(`${kind.name} exited with ${child.exitCode}:\n${this.output}`);
        await sleep(20);
      }
    }
  }
}

/** The block of the document that has this file name on the line above it. */
async function documented(file: string): Promise<string> {
  const document = await readFile(DOCUMENT, "utf8");
  const block = document.split(`/${file}\`\n\n`)[1]?.match(/^```\w+\n(.*?)^```/ms)?.[1];
  if (block === undefined) throw new Error(`docs/proxies.md has no block ${file}`);
  return block;
}

function changed(block: string, changes: [from: string | RegExp, to: string][]): string {
  return changes.reduce((block, [from, to]) => {
    const result = typeof from === "string" ? block.replaceAll(from, () => to) : block.replace(from, () => to);
    if (result === block) throw new Error(`docs/proxies.md: nothing to change for ${from}`);
    return result;
  }, block);
}

/** A request as the application got it. */
export type Seen = { method: string; url: string; headers: [name: string, value: string][]; bodySha256: string };

/** The application: shows who asks where a browser asks for a page, and remembers every request. */
export class Application {
  readonly seen: Seen[] = [];

  /** Upgraded ones too, which the server itself forgets. */
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: HttpServer) {
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
  }

  static async start(address: string): Promise<Application> {
    const application = new Application(createServer({ keepAliveTimeout: 60_000 }));
    application.server.on("request", async (incoming: IncomingMessage, response) => {
      const body = createHash("sha256");
      for await (const chunk of incoming) body.update(chunk as Buffer);
      application.remember(incoming, body.digest("hex"));
      const page = incoming.headers.accept?.includes("text/html");
      response.setHeader("content-type", page ? "text/html" : "text/plain");
      const user = incoming.headers["remote-user"];
      response.end(page ? `<!DOCTYPE html><title>The wiki</title><h1>${user}</h1>` : "the wiki");
    });
    application.server.on("upgrade", (incoming: IncomingMessage, socket) => {
      application.remember(incoming, "");
      // RFC 6455, section 1.3.
      const key = `${incoming.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`;
      const head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", accept];
      socket.end(`${head.join("\r\n")}\r\n\r\n`);
    });
    const [host, port] = address.split(":");
    application.server.listen(Number(port), host);
    await once(application.server, "listening");
    return application;
  }

  /** The requests that arrive while something is done. */
  async during(action: () => Promise<unknown>): Promise<Seen[]> {
    const before = this.seen.length;
    await action();
    return this.seen.slice(before);
  }

  async stop(): Promise<void> {
    const closed = once(this.server.close(), "close");
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private remember({ method, url, rawHeaders }: IncomingMessage, bodySha256: string): void {
    const headers = rawHeaders.flatMap((name, index): [string, string][] =>
      index % 2 === 0 ? [[name, Buffer.from(rawHeaders[index + 1]!, "latin1").toString()]] : [],
    );
    this.seen.push({ method: method!, url: url!, headers, bodySha256 });
  }
}

/** The values of the header fields with a name, in any case. */
export function valuesOf(seen: Seen, name: string): string[] {
  return seen.headers.filter(([field]) => field.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

export type Question = {
  method?: string;
  /** Names and values as they are sent; a name may occur twice. */
  headers?: [name: string, value: string][];
  body?: Buffer;
  /** Keeps connections alive. */
  agent?: Agent;
  /** The address of the client. */
  from?: string;
};

export type Answer = { status: number; headers: IncomingMessage["headers"]; body: string };

/** Asks as a program would: no redirect is followed, no header added but Host and the length of the body. */
export async function ask(url: string, question: Question = {}): Promise<Answer> {
  const headers = [["Host", new URL(url).host], ...(question.headers ?? [])];
  if (question.body !== undefined) headers.push(["Content-Length", String(question.body.length)]);
  const outgoing = request(url, {
    method: question.method ?? "GET",
    headers: headers.flat(),
    ...(question.agent && { agent: question.agent }),
    ...(question.from && { localAddress: question.from }),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on("response", resolve).on("error", reject);
    outgoing.on("upgrade", (incoming, socket) => {
      socket.destroy();
      resolve(incoming);
    });
  });
  outgoing.end(question.body);
  const incoming = await answered;
  const body = incoming.statusCode === 101 ? "" : await text(incoming);
  return { status: incoming.statusCode!, headers: incoming.headers, body };
}

/** Sends bytes to where a URL leads, and answers what comes back until the connection is closed. */
export async function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(Buffer.from(bytes, "latin1"));
  return text(socket);
}

/** Addresses on loopback that nobody listens on. */
export async function freeAddresses<const Names extends string[]>(
  ...names: Names
): Promise<Record<Names[number], string>> {
  const servers = await Promise.all(
    names.map(async () => {
      const server = createTcpServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  const addresses = names.map((name, index) => [name, `127.0.0.1:${ports[index]}`]);
  return Object.fromEntries(addresses) as Record<Names[number], string>;
}

async function isListening(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  const socket = connect({ host, port: Number(port) });
  const connected = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.destroy();
  return connected;
}
