/**
 * A session as the list tells it.
 * @typedef {{ id: number, username: string, address: string, last_active_at: string }} ListedSession
 */

/** Admin's client of the REST API. */
export class Rest {
  #url;
  #headers;

  constructor(url, token) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  }

  static async signIn(url, password) {
    const { token } = await new Rest(url, "").#call("POST", "/api/v1/sessions", { username: "Admin", password });
    return new Rest(url, token);
  }

  /**
   * Part of the list.
   * @param {string | URLSearchParams} query such as `sort=username&first=10`
   * @returns {Promise<{ total: number, sessions: ListedSession[] }>}
   */
  list(query) {
    return this.#call("GET", `/api/v1/sessions?${query}`);
  }

  /** Registers a session of type Other; answers its token. */
  async register(username) {
    const other = { username, session_type: "other", address: "192.0.2.7", user_agent: "benchmark/1.0" };
    return (await this.#call("POST", "/api/v1/sessions", other)).token;
  }

  /** Makes a request as another session, which touches it. */
  async touch(token) {
    const answer = await fetch(`${this.#url}/api/v1/session`, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    if (answer.status === 401) throw new Error("the session to be touched has ended");
  }

  /** The cookie of a sign-in in a browser. */
  static async cookie(url, origin, password) {
    const answer = await fetch(`${url}/sign-in`, {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams({ username: "Admin", password, next: "", rd: "" }),
      redirect: "manual",
    });
    const [cookie] = answer.headers.getSetCookie();
    if (cookie === undefined) throw new Error(`sign-in answered ${answer.status}`);
    const [, name, value] = /^([^=]+)=([^;]+)/.exec(cookie);
    return { name, value };
  }

  async #call(method, path, body) {
    const answer = await fetch(this.#url + path, { method, headers: this.#headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return answer.json();
  }
}
