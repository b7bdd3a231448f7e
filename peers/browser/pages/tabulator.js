/**
 * Tabulator with what its documentation has for lists too long to load: the virtual DOM and progressive loading on
 * scroll.
 */
import "tabulator-tables/dist/css/tabulator.min.css";
import "./grid.css";

import {
  AjaxModule,
  FormatModule,
  InteractionModule,
  PageModule,
  ResizeTableModule,
  SelectRowModule,
  Tabulator,
} from "tabulator-tables";

import { LiveView } from "./live_view.js";
import { alive, deleteSession, drawWhenAsked, instant, PAGE, part, readSessions, TYPE_LABELS, VIEWER } from "./sessions.js";

Tabulator.registerModule([AjaxModule, FormatModule, InteractionModule, PageModule, ResizeTableModule, SelectRowModule]);

const first = await readSessions(0, PAGE);
const lastPage = Math.ceil(first.total / PAGE);

drawWhenAsked(() => {
  const table = new Tabulator("#table", {
    height: "calc(100vh - 70px)",
    layout: "fitColumns",
    rowHeight: 44,
    index: "id",
    ajaxURL: "/api/v1/sessions",
    ajaxRequestFunc: async (_url, _config, { page }) => ({
      last_page: lastPage,
      data: page === 1 ? first.sessions : (await readSessions((page - 1) * PAGE, PAGE)).sessions,
    }),
    // What follows the live channel shows its first rows and loads no others.
    progressiveLoad: part === "live" ? false : "scroll",
    paginationSize: PAGE,
    selectableRowsCheck: (row) => row.getData().username !== VIEWER,
    rowFormatter: (row) => row.getElement().setAttribute("aria-rowindex", String(row.getPosition() + 1)),
    columns: [
      { formatter: "rowSelection", titleFormatter: "rowSelection", hozAlign: "center", width: 48 },
      { field: "username", title: "Username" },
      { field: "session_type", title: "Session Type", formatter: (cell) => TYPE_LABELS[cell.getValue()] },
      { field: "address", title: "Address" },
      { field: "last_active_at", title: "Last Active", formatter: (cell) => instant(cell.getValue()) },
      {
        title: "",
        width: 110,
        formatter: (cell) => (cell.getData().username === VIEWER ? "" : "<button>Delete</button>"),
        cellClick: (_event, cell) => void deleteSession(cell.getData().id),
      },
    ],
    ...(part === "live" && { ajaxURL: undefined, data: first.sessions }),
  });
  table.on("renderComplete", alive);
  window.selectedCount = () => table.getSelectedRows().length;
  if (part === "live") table.on("tableBuilt", () => follow(table));
});

/** `updateData` is for rows that are there, `replaceData` for others. */
function follow(table) {
  const live = new LiveView(({ sessions }, patch) => {
    if (patch === undefined || patch.order) void table.replaceData(sessions);
    else if (patch.changed.length > 0) void table.updateData(patch.changed);
  });
  live.watch(0, 50);
}
