import { get } from "node:http";

/**
 * f1: scripts and styles that must have come before the table can be used, in bytes as sent with Brotli; not the HTML.
 * @param {import("../bench.mjs").Bench} bench
 * @param {import("../contenders.mjs").Contender} contender
 */
export async function bytes({ origin, built, html }, contender) {
  const styles = /<link rel="stylesheet" href="([^"]+)"/.exec(html)[1];
  if (contender.name === "keepwatch") return { "f1 bytes": await sizeOf(origin, assetsOf(html)) };
  if (contender.isStatic) return { "f1 bytes": await sizeOf(origin, [styles]) };
  // The row pool wears Keepwatch's own style.
  const shared = contender.name === "vanilla" ? await sizeOf(origin, [styles]) : 0;
  return { "f1 bytes": built.get(contender.name) + shared };
}

/** The script, the WebAssembly and the style that the page of Keepwatch names. */
function assetsOf(html) {
  const assets = new Set([...html.matchAll(/"(\/assets\/[^"]+\.(?:js|wasm|css))"/g)].map(([, path]) => path));
  if (assets.size !== 3) throw new Error(`the page of Keepwatch names ${assets.size} assets, not 3`);
  return assets;
}

async function sizeOf(origin, paths) {
  let sum = 0;
  for (const path of paths) {
    sum += await new Promise((resolve, reject) => {
      get(origin + path, { headers: { "accept-encoding": "br" } }, (answer) => {
        if (answer.headers["content-encoding"] !== "br") return reject(new Error(`${path} came without Brotli`));
        let length = 0;
        answer.on("data", (chunk) => (length += chunk.length)).on("end", () => resolve(length));
      }).on("error", reject);
    });
  }
  return sum;
}
