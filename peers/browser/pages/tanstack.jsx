/** TanStack Table and TanStack Virtual on React, with pages of the list loaded as they come into sight. */
import "./grid.css";
import "./tanstack.css";

import { rowSelectionFeature, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

import { LiveView } from "./live_view.js";
import { alive, deleteSession, drawWhenAsked, instant, PAGE, part, readSessions, TYPE_LABELS, VIEWER } from "./sessions.js";

const ROW_HEIGHT = 44;
const features = tableFeatures({ rowSelectionFeature });

const columns = [
  {
    id: "select",
    header: ({ table }) => (
      <input
        type="checkbox"
        aria-label="Select all"
        checked={table.getIsAllRowsSelected()}
        onChange={table.getToggleAllRowsSelectedHandler()}
      />
    ),
    cell: ({ row }) => (
      <input
        type="checkbox"
        aria-label={`Select session of ${row.original.username} from ${row.original.address}`}
        checked={row.getIsSelected()}
        disabled={!row.getCanSelect()}
        onChange={row.getToggleSelectedHandler()}
      />
    ),
  },
  { accessorKey: "username", header: "Username" },
  { accessorKey: "session_type", header: "Session Type", cell: ({ getValue }) => TYPE_LABELS[getValue()] },
  { accessorKey: "address", header: "Address" },
  { accessorKey: "last_active_at", header: "Last Active", cell: ({ getValue }) => instant(getValue()) },
  {
    id: "actions",
    header: "",
    cell: ({ row }) =>
      row.getCanSelect() && <button onClick={() => void deleteSession(row.original.id)}>Delete</button>,
  },
];

const first = await readSessions(0, PAGE);
drawWhenAsked(() => createRoot(document.querySelector("#table")).render(<Sessions />));

function Sessions() {
  const [pages, setPages] = useState(() => new Map([[0, first.sessions]]));
  const loading = useRef(new Set([0]));
  const virtualizer = useVirtualizer({
    count: first.total,
    getScrollElement: () => document.querySelector("#table"),
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  });
  const items = virtualizer.getVirtualItems();
  const from = Math.floor((items.at(0)?.index ?? 0) / PAGE);
  const to = Math.floor((items.at(-1)?.index ?? 0) / PAGE);

  const load = useCallback(async (page) => {
    if (loading.current.has(page)) return;
    loading.current.add(page);
    const { sessions } = await readSessions(page * PAGE, PAGE);
    setPages((before) => new Map(before).set(page, sessions));
  }, []);

  useEffect(() => {
    if (part !== "live") for (let page = from; page <= to; page++) void load(page);
  }, [from, to, load]);

  useEffect(() => {
    if (part === "live") new LiveView(({ sessions }) => setPages(new Map([[0, sessions]]))).watch(0, 50);
    alive();
  }, []);

  const data = useMemo(() => [...pages.values()].flat(), [pages]);
  const table = useTable({
    features,
    columns,
    data,
    getRowId: (session) => String(session.id),
    enableRowSelection: (row) => row.original.username !== VIEWER,
  });
  const rows = table.getRowModel().rowsById;
  window.selectedCount = () => table.getSelectedRowModel().rows.length;

  return (
    <div role="table" aria-rowcount={first.total + 1}>
      <div role="row" className="head">
        {table.getHeaderGroups()[0].headers.map((header) => (
          <div role="columnheader" key={header.id}>
            <table.FlexRender header={header} />
          </div>
        ))}
      </div>
      <div className="rows" style={{ height: virtualizer.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const session = pages.get(Math.floor(index / PAGE))?.[index % PAGE];
          const row = session && rows[session.id];
          return row ? (
            <Row
              key={index}
              FlexRender={table.FlexRender}
              row={row}
              session={session}
              isSelected={row.getIsSelected()}
              index={index}
              start={start}
            />
          ) : null;
        })}
      </div>
    </div>
  );
}

/** Drawn again only when the session or its selection is another. */
const Row = memo(
  function Row({ FlexRender, row, isSelected, index, start }) {
    return (
      <div
        role="row"
        className="row"
        aria-rowindex={index + 2}
        aria-selected={isSelected}
        style={{ transform: `translateY(${start}px)` }}
      >
        {row.getAllCells().map((cell) => (
          <div role="cell" key={cell.id} className={cell.column.id}>
            <FlexRender cell={cell} />
          </div>
        ))}
      </div>
    );
  },
  (one, other) =>
    one.session === other.session &&
    one.isSelected === other.isSelected &&
    one.index === other.index &&
    one.start === other.start,
);
