/**
 * What Keepwatch's server renders, without its scripts.
 *
 * @typedef {{ whole: string, empty: string }} Shell `whole` has the rows; `empty` has none but the markup of one, as a
 *   template for the row pool.
 *
 * @param {string} html
 * @param {string} script the address of the script that fills `empty`
 * @returns {Shell}
 */
export function shellOf(html, script) {
  const whole = html
    .replaceAll(/<script\b.*?<\/script>/gs, "")
    .replaceAll("<!>", "");
  const rows = /<tbody role="rowgroup"[^>]* class="rows">(.*?)<\/tbody>/s.exec(whole);
  const row = /<tr role="row" aria-rowindex="\d+" class="row">.*?<\/tr>/s.exec(rows?.[1] ?? "");
  if (rows === null || row === null) throw new Error("the page of Keepwatch has no rows to take over");
  const empty = whole
    .replace(rows[1], "")
    .replace("</head>", `<script type="module" src="${script}"></script></head>`)
    .replace("</body>", `<template id="row">${row[0]}</template></body>`);
  return { whole, empty };
}
