import { APPLICATION, PASSWORD, type Server } from "./server.ts";

/** A session as the REST API shows it. */
export type Session = {
  id: number;
  username: string;
  session_type: "rest" | "browser" | "other";
  address: string;
  server_name: string;
  user_agent: string;
  created_at: string;
  last_active_at: string;
};

/** A session of an integration that does not use the REST API. */
export type OtherSession = { username: string; address: string; user_agent?: string };

const USER_AGENT = "keepwatch-end2end/1.0";

/** A client of the REST API that has signed in. */
export class Api {
  private constructor(
    private readonly server: Server,
    readonly token: string,
    /** Its own session. */
    readonly session: Session,
  ) {}

  static async signIn(server: Server, username: string, password = PASSWORD, userAgent = USER_AGENT): Promise<Api> {
    const response = await fetch(`${server.url}/api/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": userAgent },
      body: JSON.stringify({ username, password }),
    });
    const { token, session } = await created<{ token: string; session: Session }>(response);
    return new Api(server, token, session);
  }

  /** Whether the server still takes the token. */
  async isSignedIn(): Promise<boolean> {
    return (await this.call("GET", "/api/v1/sessions")).status !== 401;
  }

  /** The sessions that match a query string such as `q=anna`. */
  async list(query = ""): Promise<Session[]> {
    const response = await this.call("GET", `/api/v1/sessions?${query}`);
    return ((await response.json()) as { sessions: Session[] }).sessions;
  }

  /** Asks for the end of one session; answers the status. */
  async delete(id: number): Promise<number> {
    return (await this.call("DELETE", `/api/v1/sessions/${id}`)).status;
  }

  /** Asks for the end of several sessions; answers the status. */
  async deleteMany(ids: number[]): Promise<number> {
    return (await this.call("POST", "/api/v1/sessions/delete", { ids })).status;
  }

  /** Registers a session of type Other, as an administrator. */
  async register(other: OtherSession): Promise<Session> {
    return (await this.registerWithToken(other)).session;
  }

  /** The same, with the token that the integration would use. */
  async registerWithToken(other: OtherSession): Promise<{ token: string; session: Session }> {
    return created(await this.call("POST", "/api/v1/sessions", { session_type: "other", user_agent: "", ...other }));
  }

  /** Has the client of a session that was registered make a request. */
  async use(token: string): Promise<void> {
    const { status } = await fetch(`${this.server.url}/api/v1/session`, { headers: { authorization: `Bearer ${token}` } });
    if (status !== 200) throw new Error(`expected 200, got ${status}`);
  }

  /** Makes an app password of this name. */
  async appPassword(name: string, days: number): Promise<void> {
    await created(await this.call("POST", "/api/v1/app-passwords", { name, expires_in_days: days }));
  }

  private call(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${this.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json", "user-agent": USER_AGENT },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }
}

/** Signs in on the plain page for applications behind a reverse proxy: a session of type Browser. */
export async function signInOnPlainPage(server: Server, username: string): Promise<void> {
  const response = await fetch(`${server.url}/sign-in`, {
    method: "POST",
    headers: { origin: server.url },
    body: new URLSearchParams({ username, password: PASSWORD, next: "", rd: `${APPLICATION}/` }),
    redirect: "manual",
  });
  if (response.headers.getSetCookie().length === 0) throw new Error(`the plain page answered ${response.status}`);
}

async function created<T>(response: Response): Promise<T> {
  if (response.status !== 201) throw new Error(`expected 201, got ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
