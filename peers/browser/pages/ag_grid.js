/** AG Grid Community with the row model that its documentation has for lists too long to load: infinite. */
import "./grid.css";

import {
  CellStyleModule,
  createGrid,
  InfiniteRowModelModule,
  ModuleRegistry,
  RowApiModule,
  RowSelectionModule,
} from "ag-grid-community";

import { LiveView } from "./live_view.js";
import { alive, deleteSession, drawWhenAsked, instant, PAGE, part, readSessions, TYPE_LABELS, VIEWER } from "./sessions.js";

ModuleRegistry.registerModules([InfiniteRowModelModule, RowSelectionModule, RowApiModule, CellStyleModule]);

const first = await readSessions(0, PAGE);

const datasource = {
  rowCount: first.total,
  async getRows({ startRow, endRow, successCallback, failCallback }) {
    try {
      const { total, sessions } = startRow === 0 ? first : await readSessions(startRow, endRow - startRow);
      successCallback(sessions, total);
    } catch {
      failCallback();
    }
  },
};

drawWhenAsked(() => {
  const grid = createGrid(document.querySelector("#table"), {
    rowModelType: "infinite",
    datasource,
    cacheBlockSize: PAGE,
    infiniteInitialRowCount: first.total,
    maxBlocksInCache: 10,
    blockLoadDebounceMillis: 50,
    rowHeight: 44,
    headerHeight: 38,
    rowSelection: {
      mode: "multiRow",
      // This row model has none.
      headerCheckbox: false,
      isRowSelectable: ({ data }) => data !== undefined && data.username !== VIEWER,
    },
    columnDefs: [
      { field: "username", headerName: "Username", flex: 1 },
      {
        field: "session_type",
        headerName: "Session Type",
        flex: 1,
        valueFormatter: ({ value }) => TYPE_LABELS[value] ?? "",
      },
      { field: "address", headerName: "Address", flex: 1 },
      {
        field: "last_active_at",
        headerName: "Last Active",
        flex: 1,
        valueFormatter: ({ value }) => (value ? instant(value) : ""),
      },
      { colId: "actions", width: 110, cellRenderer: deleteButton },
    ],
    onFirstDataRendered: alive,
  });
  window.selectedCount = () => grid.getSelectedNodes().length;
  if (part === "live") follow(grid);
});

/** `rowNode.setData` is how a row of this model is updated. */
function follow(grid) {
  const live = new LiveView(({ sessions }, patch) => {
    const changed = new Set(patch?.changed.map((session) => session.id));
    sessions.forEach((session, index) => {
      const node = grid.getDisplayedRowAtIndex(index);
      const isNew = patch === undefined || changed.has(session.id) || node?.data?.id !== session.id;
      if (isNew) node?.setData(session);
    });
  });
  live.watch(0, 50);
}

function deleteButton({ data }) {
  if (data === undefined || data.username === VIEWER) return "";
  const button = document.createElement("button");
  button.textContent = "Delete";
  button.addEventListener("click", () => void deleteSession(data.id));
  return button;
}
