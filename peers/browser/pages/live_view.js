import { sort } from "./sessions.js";

/**
 * What the live channel has told of a view.
 * @typedef {{ sessions: import("./sessions.js").Session[], total: number, now: number,
 *   counts: { active_users: number, by_type: number[] }, as_of: number }} State
 */

/**
 * What has changed: the rows that are new or others, and the order if it is another.
 * @typedef {{ order?: number[], changed: import("./sessions.js").Session[] }} Patch
 */

/** Follows part of the list over the live channel. */
export class LiveView {
  /** @type {State | undefined} */
  state;

  #socket = new WebSocket(`ws://${location.host}/live`);
  #text = "";
  #key = 0;
  #told;

  /**
   * @param {(state: State, patch: Patch | undefined) => void} told is called with each state, and with what has changed
   *   unless all may have.
   */
  constructor(told) {
    this.#told = told;
    this.#socket.onopen = () => this.#ask();
    this.#socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  /**
   * Shows these rows from now on.
   * @param {number} first
   * @param {number} limit
   * @param {{ as_of: number, ids: number[] } | null} held
   */
  watch(first, limit, held = null) {
    const descending = sort.startsWith("-");
    const column = descending ? sort.slice(1) : sort;
    this.#text = JSON.stringify({ query: { filter: {}, sort: { column, descending }, first, limit }, held });
    this.#key = key(this.#text);
    this.#ask();
  }

  #ask() {
    if (this.#socket.readyState === WebSocket.OPEN && this.#text) this.#socket.send(`{"watch":${this.#text}}`);
  }

  #hear({ snapshot, patch }) {
    if (snapshot?.view === this.#key) {
      this.state = snapshot;
      this.#told(this.state, undefined);
    } else if (patch?.view === this.#key && this.state) {
      this.#apply(patch);
      this.#told(this.state, patch);
    }
  }

  #apply(patch) {
    patch.changed ??= [];
    const rows = new Map(this.state.sessions.map((session) => [session.id, session]));
    for (const session of patch.changed) rows.set(session.id, session);
    const order = patch.order ?? this.state.sessions.map((session) => session.id);
    const { total, now, counts, as_of } = patch;
    this.state = { total, now, counts, as_of, sessions: order.map((id) => rows.get(id)) };
  }
}

/**
 * The name that the server gives a view: FNV-1a of its JSON, which is plain ASCII here.
 * @param {string} text
 */
function key(text) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
