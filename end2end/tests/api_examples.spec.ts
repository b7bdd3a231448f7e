import { Api } from "../support/api.ts";
import { documented, Example, type Language, LANGUAGES, missing } from "../support/api_examples.ts";
import { type Server } from "../support/server.ts";
import { expect, test } from "../support/test.ts";

test.use({ given: { users: ["anna", "joanna"] } });

const TASKS = ["Client tokens", "Checking a token", "Deleting all sessions of a user", "Following events"];
const ROUND = "Signing in and out";

let example: Example;
test.afterEach(() => example?.remove());

test("every block of the document is an example that is run", () => {
  const run = TASKS.flatMap((task) => LANGUAGES.map(({ fence }) => `${task}: ${fence}`));
  expect(documented()).toEqual([`${ROUND}: bash`, ...run]);
});

test("a round through REST by curl", async ({ server, adminApi }) => {
  skipWithout(LANGUAGES[0]!);
  example = await Example.from(ROUND, LANGUAGES[0]!);
  const { output, errors, status } = await example.run(administrator(server));
  expect({ errors, status }).toEqual({ errors: "", status: 0 });
  expect(output).toMatch(/^\d+ nas 10\.9\.0\.3\n$/);
  expect((await adminApi.list()).map(({ id }) => id)).toEqual([adminApi.session.id]);
});

for (const language of LANGUAGES) {
  test.describe(`examples in ${language.name}`, () => {
    test.beforeEach(() => skipWithout(language));

    test("a client token is made", async ({ server, adminApi }) => {
      example = await Example.from("Client tokens", language);
      const before = await adminApi.list();
      const { output, errors, status } = await example.run(administrator(server));
      expect({ errors, status }).toEqual({ errors: "", status: 0 });

      const made = (await adminApi.list()).filter(({ id }) => before.every((known) => known.id !== id));
      expect(made, "it has signed out").toHaveLength(1);
      expect(made[0]).toMatchObject({ username: "Admin", client_token: { name: "Wiki", scopes: ["introspect"] } });
      const answer = await introspect(server, output.trim(), adminApi.token);
      expect(await answer.json()).toMatchObject({ active: true, username: "Admin" });
    });

    test("a token is checked", async ({ server, adminApi }) => {
      example = await Example.from("Checking a token", language);
      const token = await clientToken(server, adminApi, ["introspect"]);
      const anna = await Api.signIn(server, "anna");
      const environment = { KEEPWATCH_URL: server.url, KEEPWATCH_TOKEN: token };
      const outcomeOf = (presented: string) => example.run({ ...environment, PRESENTED: presented });

      expect(await outcomeOf(anna.token)).toEqual({ output: "anna, user\n", errors: "", status: 0 });
      await adminApi.delete(anna.session.id);
      for (const presented of [anna.token, "a&b=ü", token]) {
        expect(await outcomeOf(presented)).toEqual({ output: "not signed in\n", errors: "", status: 1 });
      }
      const refused = await example.run({ ...environment, KEEPWATCH_TOKEN: anna.token, PRESENTED: adminApi.token });
      expect(refused.status, "no answer is no permission").not.toBe(0);
    });

    test("all sessions of a user are deleted, and of nobody else", async ({ server, adminApi }) => {
      example = await Example.from("Deleting all sessions of a user", language);
      const token = await clientToken(server, adminApi, ["sessions:read", "sessions:delete"]);
      const [anna, joanna] = [await Api.signIn(server, "anna"), await Api.signIn(server, "joanna")];
      await adminApi.register({ username: "anna", address: "10.20.0.7" });

      const outcome = await example.run({ KEEPWATCH_URL: server.url, KEEPWATCH_TOKEN: token, LEAVER: "anna" });
      expect(outcome).toEqual({ output: "2 deleted, 0 skipped\n", errors: "", status: 0 });
      expect(await anna.isSignedIn()).toBe(false);
      expect(await joanna.isSignedIn()).toBe(true);
      const left = (await adminApi.list("q=user:anna")).map(({ username }) => username);
      expect(left).toEqual(["joanna"]);
      await adminApi.delete(joanna.session.id);
    });

    test("events are followed, and go on where they were left", async ({ server, adminApi }) => {
      test.setTimeout(60_000);
      example = await Example.from("Following events", language);
      const token = await clientToken(server, adminApi, ["sessions:read"]);
      const environment = { KEEPWATCH_URL: server.url, KEEPWATCH_TOKEN: token };
      const heard = (follower: { output: string }) => follower.output.trim().split("\n").map(told);

      const first = example.start(environment);
      await expect.poll(() => first.output).toBe("ready {}\n");
      await expect.poll(() => kept(example)).not.toBe("");
      const atReady = await kept(example);
      const before = await adminApi.register({ username: "before", address: "10.20.0.8" });
      await expect.poll(() => heard(first)).toEqual([["ready"], ["signed_in", before.id, undefined]]);
      // The id is kept when the event has been dealt with, not before.
      await expect.poll(() => kept(example)).not.toBe(atReady);
      await first.stop();

      await adminApi.delete(before.id);
      const between = await adminApi.register({ username: "between", address: "10.20.0.8" });
      const second = example.start(environment);
      const missed = [["ready"], ["ended", before.id, "deleted"], ["signed_in", between.id, undefined]];
      await expect.poll(() => heard(second)).toEqual(missed);

      // The numbers of events begin again with the process.
      await server.restart("SIGKILL");
      await expect.poll(() => heard(second), { timeout: 20_000 }).toEqual([...missed, ["resync"]]);
      await adminApi.delete(between.id);
      await expect.poll(() => heard(second).at(-1)).toEqual(["ended", between.id, "deleted"]);

      await second.stop();
      const refused = await example.run({ ...environment, KEEPWATCH_TOKEN: "0".repeat(64) });
      expect(refused.status).toBe(1);
      expect(refused.errors).toContain("sign in first");
    });
  });
}

function skipWithout(language: Language): void {
  const programs = missing(language);
  test.skip(programs.length > 0, `not on this machine: ${programs.join(", ")}`);
}

function administrator(server: Server): Record<string, string> {
  const { url, adminPassword } = server;
  return { KEEPWATCH_URL: url, KEEPWATCH_USERNAME: "Admin", KEEPWATCH_PASSWORD: adminPassword };
}

/** The event that a line of output tells of: its name, and of which session, and why. */
function told(line: string): (string | number | undefined)[] {
  const [, name, json] = /^(\w+) (.*)$/.exec(line) ?? [];
  const data = JSON.parse(json ?? "{}") as { id?: number; reason?: string };
  return data.id === undefined ? [name ?? line] : [name, data.id, data.reason];
}

async function kept(example: Example): Promise<string> {
  return (await example.read("last-event-id")).trim();
}

async function clientToken(server: Server, { token }: Api, scopes: string[]): Promise<string> {
  const answer = await fetch(`${server.url}/api/v1/client-tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: scopes.join(" "), scopes, expires_in_days: 1 }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { token: string }).token;
}

function introspect(server: Server, asker: string, token: string): Promise<Response> {
  return fetch(`${server.url}/api/v1/introspect`, {
    method: "POST",
    headers: { authorization: `Bearer ${asker}` },
    body: new URLSearchParams({ token }),
  });
}
