import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect, test } from "../support/test.ts";

const PROGRAM = process.env["SCHEMATHESIS"];
const CONFIGURATION = fileURLToPath(new URL("../schemathesis.toml", import.meta.url));

test.use({ given: {} });

test("REST answers as its OpenAPI document says, whatever is asked", async ({ server, adminApi }) => {
  test.skip(PROGRAM === undefined, "schemathesis is not on this machine");
  test.setTimeout(600_000);
  const document = `${server.url}/api/v1/openapi.json`;
  const run = spawn(PROGRAM!, ["--config-file", CONFIGURATION, "run", document], {
    env: { ...process.env, KEEPWATCH_TOKEN: adminApi.token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [run.stdout, run.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [code] = await once(run, "exit");
  expect(code, output).toBe(0);
});
