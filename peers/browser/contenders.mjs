import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

import { build } from "esbuild";

import { shellOf } from "./support/shell.mjs";

/**
 * A table of sessions, and where its parts are.
 * @typedef {{
 *   name: string,
 *   path: string,
 *   row: string, username: string, address: string, lastActive: string,
 *   scroller: string,
 *   selectAll: string,
 *   isStatic?: boolean,
 * }} Contender
 * `row` and what follows are selectors, the latter within a row; rows carry `aria-rowindex`. `scroller` and `selectAll`
 * are selectors too.
 */

/** The markup of Keepwatch's page, which the floors share. */
const MARKUP = {
  row: ".rows > tr:not([hidden], .awaited)",
  username: ".name",
  address: "td.address",
  lastActive: "time",
  scroller: "html",
  selectAll: "input[aria-label='Select all']",
};

/** @type {Contender[]} */
export const CONTENDERS = [
  { name: "keepwatch", path: "/reports/sessions", ...MARKUP },
  { name: "vanilla", path: "/bench/vanilla", ...MARKUP },
  { name: "static", path: "/bench/static", isStatic: true, ...MARKUP },
  { name: "static-br", path: "/bench/static-br", isStatic: true, ...MARKUP },
  {
    name: "ag-grid",
    path: "/bench/ag_grid",
    row: ".ag-row",
    username: "[col-id='username']",
    address: "[col-id='address']",
    lastActive: "[col-id='last_active_at']",
    scroller: ".ag-grid-viewport",
    selectAll: ".ag-header-select-all:not(.ag-hidden) input",
  },
  {
    name: "tabulator",
    path: "/bench/tabulator",
    row: ".tabulator-row",
    username: "[tabulator-field='username']",
    address: "[tabulator-field='address']",
    lastActive: "[tabulator-field='last_active_at']",
    scroller: ".tabulator-tableholder",
    selectAll: ".tabulator-header input[type=checkbox]",
  },
  {
    name: "tanstack",
    path: "/bench/tanstack",
    row: "#table [role=row].row",
    username: ".username",
    address: ".address",
    lastActive: ".last_active_at",
    scroller: "#table",
    selectAll: "[aria-label='Select all']",
  },
];

/** The pages that esbuild makes, by contender. */
const SCRIPTS = { vanilla: "vanilla.js", "ag-grid": "ag_grid.js", tabulator: "tabulator.js", tanstack: "tanstack.jsx" };

/** Brotli at its best, as files are compressed that are built once. */
export function brotli(text) {
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
}

/**
 * Builds the pages of the contenders and serves them beside Keepwatch.
 * @param {import("./support/origin.mjs").Origin} origin
 * @param {string} html what Keepwatch's server renders
 * @returns {Promise<Map<string, number>>} the bytes of scripts and styles of each that has been built, as sent
 */
export async function serveContenders(origin, html) {
  const bytes = new Map();
  for (const [name, entry] of Object.entries(SCRIPTS)) bytes.set(name, await serveScript(origin, entry, version(html)));
  const shell = shellOf(html, "/bench/vanilla.js");
  const page = { type: "text/html; charset=utf-8", isPage: true };
  origin.serve("/bench/static", { ...page, body: Buffer.from(shell.whole) });
  origin.serve("/bench/static-br", { ...page, body: brotli(shell.whole), encoding: "br" });
  origin.serve("/bench/vanilla", { ...page, body: brotli(shell.empty), encoding: "br" });
  for (const entry of ["ag_grid", "tabulator", "tanstack"]) {
    origin.serve(`/bench/${entry}`, { ...page, body: brotli(gridPage(entry)), encoding: "br" });
  }
  return bytes;
}

/** What the messages of the Keepwatch that is measured begin with: the message in its page begins so too. */
function version(html) {
  const [, message] = / id="page-data">([^<]+)</.exec(html);
  return [...Buffer.from(message, "base64").subarray(0, 4)];
}

async function serveScript(origin, entry, version) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`pages/${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    outdir: "/bench",
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"', KEEPWATCH_VERSION: JSON.stringify(version) },
  });
  let bytes = 0;
  for (const { path, contents } of outputFiles) {
    const type = path.endsWith(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8";
    const body = brotli(contents);
    origin.serve(path, { body, type, encoding: "br" });
    bytes += body.length;
  }
  return bytes;
}

function gridPage(entry) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Active Sessions</title>
<link rel="stylesheet" href="/bench/${entry}.css"><script type="module" src="/bench/${entry}.js"></script></head>
<body><h1>Active Sessions</h1><div id="table"></div></body></html>`;
}
