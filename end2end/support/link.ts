import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** The network between browsers and a server, which can fail without a word: nothing is refused, nothing arrives. */
export class Link {
  private isCut = false;
  /** Both ends of what goes through. */
  private readonly through = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  /** Connects whoever comes to the first address with the second. */
  static async open(from: string, to: string): Promise<Link> {
    const [at, target] = [from, to].map((address) => new URL(`http://${address}`));
    const server = createServer();
    const link = new Link(server);
    server.on("connection", (near) => {
      const far = connect(Number(target!.port), target!.hostname);
      link.join(near, far);
      link.join(far, near);
    });
    server.listen(Number(at!.port), at!.hostname);
    await once(server, "listening");
    return link;
  }

  /** From now on nothing arrives, on either side. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.through) socket.pause();
  }

  /** What connects from now on gets through; what was there when the link was cut stays dead, and nobody is told. */
  mend(): void {
    this.isCut = false;
    this.through.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.through) socket.destroy();
    this.server.close();
  }

  private join(from: Socket, to: Socket): void {
    this.through.add(from);
    from.on("data", (data) => to.write(data));
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => this.through.delete(from));
    if (this.isCut) from.pause();
  }
}
