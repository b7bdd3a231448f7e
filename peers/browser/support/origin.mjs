import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { connect } from "node:net";

/**
 * The one origin of all contenders: Keepwatch as it is, and below `/bench/` the pages of the others.
 *
 * A server and not `page.route`: what a route fulfils comes without the emulated network.
 */
export class Origin {
  url = "";

  #agent = new Agent({ keepAlive: true });
  #upstream = new URL("http://127.0.0.1");
  /** @type {Map<string, File>} */
  #files = new Map();
  #server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));
  #sockets = new Set();

  static async open() {
    const origin = new Origin();
    origin.#server.on("upgrade", (incoming, socket, head) => origin.#upgrade(incoming, socket, head));
    origin.#server.on("connection", (socket) => {
      origin.#sockets.add(socket);
      socket.on("close", () => origin.#sockets.delete(socket));
    });
    origin.#server.listen(0, "127.0.0.1");
    await once(origin.#server, "listening");
    origin.url = `http://127.0.0.1:${origin.#server.address().port}`;
    return origin;
  }

  /** @param {string} url of Keepwatch itself */
  forwardTo(url) {
    this.#upstream = new URL(url);
  }

  /**
   * Serves a file.
   * @typedef {{ body: Buffer, type: string, encoding?: string, isPage?: boolean }} File
   * @param {string} path
   * @param {File} file
   */
  serve(path, file) {
    this.#files.set(path, file);
  }

  close() {
    this.#agent.destroy();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(incoming, outgoing) {
    const file = this.#files.get(incoming.url.split("?")[0]);
    if (file === undefined) return this.#forward(incoming, outgoing);
    const isAccepted = !file.encoding || incoming.headers["accept-encoding"]?.includes(file.encoding);
    // What would come in another encoding would be another measure.
    if (!isAccepted) return outgoing.writeHead(406).end();
    outgoing.setHeader("content-type", file.type);
    outgoing.setHeader("cache-control", file.isPage ? "no-store" : "public, max-age=31536000, immutable");
    // As Keepwatch's pages: Chromium gives a page that says so a process of its own, in which the first layout takes longer.
    if (file.isPage) outgoing.setHeader("cross-origin-opener-policy", "same-origin");
    if (file.encoding) outgoing.setHeader("content-encoding", file.encoding);
    outgoing.end(file.body);
  }

  #forward(incoming, outgoing) {
    const { hostname, port } = this.#upstream;
    const { method, url: path, headers } = incoming;
    const forwarded = request({ hostname, port, method, path, headers, agent: this.#agent }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    incoming.pipe(forwarded);
  }

  #upgrade(incoming, socket, head) {
    const upstream = connect(Number(this.#upstream.port), this.#upstream.hostname, () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
      for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
        lines.push(`${incoming.rawHeaders[index]}: ${incoming.rawHeaders[index + 1]}`);
      }
      upstream.write(`${lines.join("\r\n")}\r\n\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  }
}
