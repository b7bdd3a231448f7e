import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage } from "node:http";

import { Api } from "../support/api.ts";
import {
  Application,
  ask,
  freeAddresses,
  isInstalled,
  type Kind,
  KINDS,
  Proxy,
  type Question,
  type Seen,
  sendRaw,
  valuesOf,
} from "../support/proxies.ts";
import { PASSWORD } from "../support/server.ts";
import { expect, fillSignIn, test } from "../support/test.ts";

// One proxy runs at a time, so that Keepwatch is seen at one place all the time.
const PLACES = await freeAddresses("application", "wiki", "console");
const WIKI = `http://${PLACES.wiki}`;
const CONSOLE = `http://${PLACES.console}`;

test.use({
  baseURL: CONSOLE,
  given: { users: KINDS.map(userOf), publicUrl: CONSOLE, applications: [WIKI], trustedProxies: ["127.0.0.1/32"] },
});

const NAVIGATION: [string, string] = ["Accept", "text/html,application/xhtml+xml,*/*;q=0.8"];
const FOREVER = 600_000;

let application: Application;
test.beforeAll(async () => {
  application = await Application.start(PLACES.application);
});
test.afterAll(() => application.stop());

for (const kind of KINDS) {
  const user = userOf(kind);

  test.describe(`behind ${kind.name}`, () => {
    test.skip(!isInstalled(kind), `${kind.program} is not on this machine`);

    let proxy: Proxy;
    test.beforeAll(async ({ server }) => {
      proxy = await Proxy.start(kind, { ...PLACES, keepwatch: new URL(server.url).host });
    });
    test.afterEach(async ({}, testInfo) => {
      if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach(kind.name, { body: proxy.output });
    });
    test.afterAll(() => proxy?.stop());

    test("whoever is deleted lands on the sign-in page and comes back to where they were", async ({ page, admin }) => {
      const start = `${WIKI}/start?x=1&y=a%20b`;
      await page.goto(start);
      await expect(page).toHaveURL(isSignInFor(start));
      await fillSignIn(page, user);
      await expect(page).toHaveURL(start);
      await expect(page.getByRole("heading")).toHaveText(user);

      // The row comes and goes without a reload: the WebSocket passes the proxy.
      await expect(admin.row(user)).toHaveCount(1);
      await admin.askToDelete(user);
      await admin.confirm();
      await expect(admin.row(user)).toHaveCount(0);

      const next = `${WIKI}/pages/${encodeURIComponent("très/loin")}?q=a+b&q=%26#part`;
      const seen = await application.during(() => page.goto(next));
      expect(seen).toEqual([]);
      await expect(page).toHaveURL(isSignInFor(next.replace("#part", "")));
      await fillSignIn(page, user);
      await expect(page).toHaveURL(next.replace("#part", ""));
      await expect(page.getByRole("heading")).toHaveText(user);
    });

    test("a thousand deletions are each seen by the next request", async ({ adminApi }) => {
      test.setTimeout(FOREVER);
      const lanes = Array.from({ length: 8 }, async (_, lane) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1, keepAliveMsecs: FOREVER });
        for (let round = lane; round < 1000; round += 8) {
          const { token, session } = await adminApi.registerWithToken({ username: `u${round}`, address: "10.20.0.1" });
          const headers = [round % 2 ? cookie(token) : bearer(token)];
          expect((await ask(`${WIKI}/before`, { agent, headers })).status).toBe(200);
          expect(await adminApi.delete(session.id)).toBe(204);
          const isPage = round % 3 === 0;
          if (isPage) headers.push(NAVIGATION);
          expect((await ask(`${WIKI}/after`, { agent, headers })).status).toBe(isPage ? 303 : 401);
        }
        agent.destroy();
      });
      const seen = await application.during(() => Promise.all(lanes));
      const everyone = Array.from({ length: 1000 }, (_, round) => `/before u${round}`);
      expect(seen.map((one) => `${one.url} ${valuesOf(one, "remote-user")}`).sort()).toEqual(everyone.sort());
    });

    test("a program that waits to be asked gets in with an app password, until that is deleted", async ({ server, adminApi }) => {
      const { token } = await Api.signIn(server, user);
      const made = await fetch(`${server.url}/api/v1/app-passwords`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ name: "git", expires_in_days: 1 }),
      });
      const { password, session } = (await made.json()) as { password: string; session: { id: number } };
      const basic: [string, string] = ["Authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`];
      const program: [string, string][] = [["User-Agent", "git/2.47"], ["Accept", "*/*"]];
      const fetched = (headers: [string, string][]) => ask(`${WIKI}/wiki.git/info/refs`, { from: "127.0.0.3", headers });

      expect((await fetched(program)).headers["www-authenticate"]).toMatch(/^Basic realm=/);
      expect((await fetched([...program, ["Sec-Fetch-Mode", "cors"]])).headers["www-authenticate"]).toBeUndefined();
      const [seen] = await application.during(async () => {
        expect((await fetched([...program, basic])).status).toBe(200);
      });
      expect([valuesOf(seen!, "remote-user"), valuesOf(seen!, "authorization")]).toEqual([[user], []]);
      await expect(async () => {
        const [used] = (await adminApi.list(`q=agent:git+user:${user}`)).filter(({ id }) => id === session.id);
        expect(used?.address).toBe("127.0.0.3");
      }).toPass();
      expect(await adminApi.delete(session.id)).toBe(204);
      expect((await fetched([...program, basic])).status).toBe(401);
    });

    test("what is not a page gets a bare 401, and its body goes nowhere", async () => {
      const body = randomBytes(1_000_000);
      const questions: Question[] = [
        {},
        { headers: [["Accept", "application/json"]] },
        { headers: [["Accept", "*/*"]] },
        { method: "HEAD" },
        { method: "DELETE", headers: [NAVIGATION] },
        { method: "POST", headers: [NAVIGATION], body },
        { headers: [cookie("0".repeat(64))] },
        { headers: [["Authorization", "Bearer"]] },
      ];
      const seen = await application.during(async () => {
        for (const question of questions) {
          const answer = await ask(`${WIKI}/upload`, question);
          expect(answer.status, JSON.stringify(question.headers)).toBe(401);
          expect(answer.headers.location).toBeUndefined();
          expect(answer.headers["cache-control"]).toBe("no-store");
        }
      });
      expect(seen).toEqual([]);
    });

    test("a page leads to the sign-in page, whatever the client says it asked for", async () => {
      const headers: [string, string][] = [
        NAVIGATION,
        ["X-Original-URL", "https://wiki.example.com/elsewhere"],
        ["X-Original-Method", "POST"],
        ["X-Forwarded-Method", "POST"],
        ["X-Forwarded-Proto", "https"],
        ["X-Forwarded-Host", "wiki.example.com"],
        ["X-Forwarded-Uri", "/elsewhere"],
      ];
      const seen = await application.during(async () => {
        for (const method of ["GET", "HEAD"]) {
          const answer = await ask(`${WIKI}/a%2Fb?c=d&e`, { method, headers });
          expect(answer.status).toBe(303);
          expect(answer.headers["cache-control"]).toBe("no-store");
          expect(isSignInFor(`${WIKI}/a%2Fb?c=d&e`)(new URL(answer.headers.location!))).toBe(true);
        }
      });
      expect(seen).toEqual([]);
    });

    test("a request of a session reaches the application whole", async ({ adminApi }) => {
      const body = randomBytes(1_000_000);
      const { token, session } = await adminApi.registerWithToken({ username: "jörg", address: "10.20.0.2" });
      const seen = await application.during(async () => {
        const answer = await ask(`${WIKI}/upload/a%2Fb?c=d%20e`, { method: "POST", headers: [cookie(token)], body });
        expect(answer.status).toBe(200);
        expect(answer.body).toBe("the wiki");
      });
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({
        method: "POST",
        url: "/upload/a%2Fb?c=d%20e",
        bodySha256: createHash("sha256").update(body).digest("hex"),
      });
      expect(valuesOf(seen[0]!, "host")).toEqual([PLACES.wiki]);
      expect(valuesOf(seen[0]!, "x-forwarded-host")).toEqual([PLACES.wiki]);
      expect(valuesOf(seen[0]!, "x-forwarded-proto")).toEqual(["http"]);
      expect(identityIn(seen[0]!)).toEqual({
        "remote-user": ["jörg"],
        "remote-role": ["user"],
        "remote-session": [`${session.id}`],
      });
    });

    test("headers that only Keepwatch may set never come from the client", async ({ adminApi }) => {
      const { token, session } = await adminApi.registerWithToken({ username: "cleo", address: "10.20.0.3" });
      const forged = ["Remote-User", "Remote-Role", "Remote-Session", "Remote-Groups", "Remote-Name", "Remote-Email"]
        .flatMap((name) => [name, name.replaceAll("-", "_"), name.replaceAll("-", ".")])
        .flatMap((name) => [name, name.toLowerCase(), name.toUpperCase(), name])
        .map((name): [string, string] => [name, "administrator"]);
      const others: [string, string][] = [
        ["X-Custom", "1"],
        ["x-custom", "2"],
        ["Accept-Language", "fr"],
        ["X-Forwarded-For", "203.0.113.9"],
        ["Cookie", "first=1; keepwatchful=2"],
        ["Connection", "keep-alive, Remote-User, Remote-Role, Remote-Session"],
      ];
      const headers = [...forged.slice(0, 36), ...others, ...forged.slice(36)];

      expect(await application.during(() => expect401(headers))).toEqual([]);
      expect(await application.during(() => expect401([...headers, cookie("1".repeat(64))]))).toEqual([]);

      for (const credential of [bearer(token), cookie(token), ["Cookie", `a=b; keepwatch=${token};c=d`] as const]) {
        const seen = await application.during(async () => {
          const answer = await ask(`${WIKI}/`, { headers: [...headers, [credential[0], credential[1]]] });
          expect(answer.status).toBe(200);
        });
        expect(seen).toHaveLength(1);
        expect(identityIn(seen[0]!)).toEqual({
          "remote-user": ["cleo"],
          "remote-role": ["user"],
          "remote-session": [`${session.id}`],
        });
        expect(valuesOf(seen[0]!, "x-custom").join(",").split(/, ?/)).toEqual(["1", "2"]);
        expect(valuesOf(seen[0]!, "accept-language")).toEqual(["fr"]);
        expect(valuesOf(seen[0]!, "x-forwarded-for")).toEqual(["127.0.0.1"]);
      }
    });

    test("the application gets cookies and Authorization, but none to act as the user with", async ({ adminApi }) => {
      const { token } = await adminApi.registerWithToken({ username: "dora", address: "10.20.0.4" });
      const cookies: [sent: string[], passed: string[]][] = [
        [[`keepwatch=${token}`], []],
        [[`keepwatch=${token}; a=1`], ["a=1"]],
        [[`a=1; keepwatch=${token}`], ["a=1"]],
        [[`a=1;  keepwatch=${token} ;b=x=y; my_keepwatch=2`], ["a=1", "b=x=y", "my_keepwatch=2"]],
        [[`keepwatches=1; keepwatch=${token};b=2;`], ["keepwatches=1", "b=2"]],
        [["a=1", `keepwatch=${token}`, "b=2"], ["a=1", "b=2"]],
      ];
      for (const [sent, passed] of cookies) {
        const headers = sent.map((value): [string, string] => ["Cookie", value]);
        const seen = await application.during(() => expect200(headers));
        expect(cookiesIn(seen[0]!), sent.join(" | ")).toEqual(passed);
        expect(valuesOf(seen[0]!, "cookie").join()).not.toMatch(/^;/);
      }
      // Beside the cookie, Authorization is the application's.
      for (const [headers, passed] of [
        [[["Cookie", "a=1"], bearer(token)], []],
        [[["Cookie", "mykeepwatch=1; keepwatches=2"], bearer(token)], []],
        [[cookie(token), ["Authorization", "Bearer of-the-wiki"]], ["Bearer of-the-wiki"]],
        [[["Cookie", `a=1; keepwatch=${token}`], ["Authorization", "Basic YTpi"]], ["Basic YTpi"]],
      ] as [[string, string][], string[]][]) {
        const seen = await application.during(() => expect200(headers));
        expect(valuesOf(seen[0]!, "authorization"), headers.join(" | ")).toEqual(passed);
      }
    });

    test("malformed requests pass nothing on", async ({ adminApi }) => {
      const { token } = await adminApi.registerWithToken({ username: "emil", address: "10.20.0.5" });
      const end = "Connection: close\r\n\r\n";
      const host = `Host: ${PLACES.wiki}\r\n`;
      const signedIn = `${host}Cookie: keepwatch=${token}\r\n`;
      const evil = [
        "Remote-User : evil\r\n",
        "Remote-User\t: evil\r\n",
        " Remote-User: evil\r\n",
        "X: 1\r\n Remote-User: evil\r\n",
        "X: 1\nRemote-User: evil\r\n",
        "X: 1\rRemote-User: evil\r\n",
        "X: 1\0\r\nRemote-User: evil\r\n",
        "Remote-User\0: evil\r\n",
        "Remote-User:\r\nRemote-User: evil\r\n",
        "Remote\u00adUser: evil\r\n",
      ];
      const seen = await application.during(async () => {
        for (const line of evil) await sendRaw(WIKI, `GET / HTTP/1.1\r\n${signedIn}${line}${end}`);
        await sendRaw(WIKI, `GET http://evil.example/ HTTP/1.1\r\n${signedIn}${evil[8]}${end}`);
        const chunked = "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n";
        await sendRaw(WIKI, `POST / HTTP/1.1\r\n${signedIn}${chunked}${end}0\r\n\r\n`);
      });
      for (const one of seen) expect(JSON.stringify(identityIn(one)), JSON.stringify(one)).not.toContain("evil");

      const refused = [
        `GET / HTTP/1.1\r\n${host}${host}${end}`,
        `GET / HTTP/1.1\r\n${end}`,
        `GET / HTTP/1.0\r\n\r\n`,
        `GET /_keepwatch HTTP/1.1\r\n${host}${end}`,
        `GET /../forward-auth HTTP/1.1\r\n${host}${end}`,
        `GET /%zz HTTP/1.1\r\n${host}${end}`,
        `GET * HTTP/1.1\r\n${host}${end}`,
        `OPTIONS * HTTP/1.1\r\n${host}${end}`,
        `CONNECT ${PLACES.application} HTTP/1.1\r\n${host}${end}`,
        `BREW / HTTP/1.1\r\n${host}${end}`,
        `GET / HTTP/1.1\r\n${host}Cookie: keepwatch=${token}; keepwatch=${token}\r\n${end}`,
        `GET / HTTP/1.1\r\n${host}Cookie: keepwatch =${token}\r\n${end}`,
        `GET / HTTP/1.1\r\n${host}Cookie: Keepwatch=${token}\r\n${end}`,
        `GET / HTTP/1.1\r\n${host}Cookie: keepwatch=x\r\nAuthorization: Bearer ${token}\r\n${end}`,
        `GET / HTTP/1.1\r\n${host}Authorization: Basic YTpi\r\n${end}`,
        `GET /?token=${token} HTTP/1.1\r\n${host}${end}`,
        "\r\n\0\r\n\r\n",
      ];
      for (const bytes of refused) {
        expect(await application.during(() => sendRaw(WIKI, bytes)), bytes).toEqual([]);
      }
    });

    test("a WebSocket needs a session, and there are no other upgrades", async ({ adminApi }) => {
      const { token } = await adminApi.registerWithToken({ username: "fritz", address: "10.20.0.6" });
      const upgrade = (to: string): [string, string][] => [
        ["Connection", "Upgrade, HTTP2-Settings"],
        ["Upgrade", to],
        ["Origin", WIKI],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
        ["HTTP2-Settings", "AAMAAABkAAQAAP__"],
      ];
      expect(await application.during(() => expect401(upgrade("websocket")))).toEqual([]);
      expect((await ask(`${WIKI}/`, { headers: [...upgrade("websocket"), cookie(token)] })).status).toBe(101);

      for (const other of ["h2c", "websocket, h2c", "h2c, websocket"]) {
        const headers = [...upgrade(other), cookie(token)];
        const [seen] = await application.during(() => ask(`${WIKI}/`, { headers }));
        expect(valuesOf(seen!, "upgrade").join()).not.toContain("h2c");
      }
    });

    test("Keepwatch learns the client's address", async () => {
      const answer = await ask(`${CONSOLE}/api/v1/sessions`, {
        method: "POST",
        from: "127.0.0.2",
        headers: [["Content-Type", "application/json"], ["X-Forwarded-For", "203.0.113.9"]],
        body: Buffer.from(JSON.stringify({ username: user, password: PASSWORD })),
      });
      expect(answer.status).toBe(201);
      expect(JSON.parse(answer.body).session.address).toBe("127.0.0.2");
    });

    test("while Keepwatch is down or silent, nobody gets through", async ({ server }) => {
      test.setTimeout(120_000);
      const { token } = await Api.signIn(server, user);
      const headers = [bearer(token), NAVIGATION];
      const status = async () => (await ask(`${WIKI}/`, { headers })).status;
      expect(await status()).toBe(200);

      for (const [stop, start] of [
        [() => server.down("SIGTERM"), () => server.up()],
        [() => server.pause(), () => server.resume()],
      ] as const) {
        await stop();
        const seen = await application.during(async () => {
          const answers = await Promise.all([status(), status(), status()]);
          expect(Math.min(...answers)).toBeGreaterThanOrEqual(500);
        });
        await start();
        expect(seen).toEqual([]);
        await expect.poll(status).toBe(200);
      }
    });

    test("Keepwatch is asked without the body, and no answer but that of a session lets anyone through", async () => {
      test.setTimeout(60_000);
      let answer = "";
      let question: IncomingMessage | undefined;
      const impostor = createServer((request) => {
        question = request;
        request.socket.end(answer);
      }).listen(0, "127.0.0.1");
      await once(impostor, "listening");
      const { port } = impostor.address() as { port: number };
      const places = { ...PLACES, ...(await freeAddresses("wiki", "console")), keepwatch: `127.0.0.1:${port}` };
      const other = await Proxy.start(kind, places);
      try {
        const headers: [string, string][] = [
          cookie("x"),
          NAVIGATION,
          ["User-Agent", "Netscape"],
          ["X-Forwarded-For", "203.0.113.9"],
          ["Connection", "Upgrade"],
          ["Upgrade", "websocket"],
        ];
        const asked = () => ask(`http://${places.wiki}/`, { method: "POST", headers, body: Buffer.from("secret") });
        const says = (line: string, headers = "Remote-User: eve\r\nRemote-Role: user\r\nRemote-Session: 1\r\n") => {
          answer = `HTTP/1.1 ${line}\r\n${headers}Location: ${CONSOLE}/\r\nContent-Length: 0\r\n\r\n`;
        };
        const passes = async () => (await application.during(asked)).length > 0;
        says("200 OK");
        expect(await passes()).toBe(true);
        expect(question?.method).toBe("GET");
        expect(question?.headers).toMatchObject({ "user-agent": "Netscape", "x-forwarded-for": "127.0.0.1" });
        for (const name of ["content-length", "transfer-encoding", "upgrade"]) {
          expect(question?.headers).not.toHaveProperty(name);
        }

        for (const code of [201, 202, 204, 206, 301, 302, 303, 304, 307, 400, 401, 403, 404, 418, 429, 500, 502, 503]) {
          says(`${code} Whatever`);
          expect(await passes(), `${code}`).toBe(false);
        }
        for (const name of ["", "Remote-Role: user\r\n"]) {
          says("200 OK", name);
          expect(await passes(), name).toBe(false);
        }
        for (answer of ["", "HTTP/1.1 200", "200 OK\r\n\r\n", "HTTP/1.1 99 Low\r\nRemote-User: eve\r\n\r\n", "?"]) {
          expect(await passes(), answer).toBe(false);
        }
      } finally {
        await other.stop();
        impostor.close();
      }
    });
  });
}

/** An account of its own for each proxy. */
function userOf(kind: Kind): string {
  return kind.program;
}

function cookie(token: string): [string, string] {
  return ["Cookie", `keepwatch=${token}`];
}

function bearer(token: string): [string, string] {
  return ["Authorization", `Bearer ${token}`];
}

async function expect200(headers: [string, string][]): Promise<void> {
  expect((await ask(`${WIKI}/`, { headers })).status).toBe(200);
}

async function expect401(headers: [string, string][]): Promise<void> {
  expect((await ask(`${WIKI}/`, { headers })).status).toBe(401);
}

/** Whether an address is that of the sign-in page, on the way back to `application`. */
function isSignInFor(application: string): (url: URL) => boolean {
  return (url) =>
    url.origin === CONSOLE && url.pathname === "/sign-in" && url.searchParams.get("rd") === application;
}

/** Whatever the application might believe to be about who asks. */
function identityIn(seen: Seen): Record<string, string[]> {
  const identity: Record<string, string[]> = {};
  for (const [name, value] of seen.headers) {
    if (/remote/i.test(name)) (identity[name.toLowerCase()] ??= []).push(value);
  }
  return identity;
}

function cookiesIn(seen: Seen): string[] {
  return valuesOf(seen, "cookie").flatMap((line) => line.split(";").map((cookie) => cookie.trim()).filter(Boolean));
}
