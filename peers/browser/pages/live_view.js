import { sort } from "./sessions.js";
import { read, watch } from "./wire.js";

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
  /** @type {Uint8Array | undefined} */
  #message;
  #key = 0;
  #told;

  /**
   * @param {(state: State, patch: Patch | undefined) => void} told is called with each state, and with what has changed
   *   unless all may have.
   * @param {() => void} opened is called when the channel is open.
   */
  constructor(told, opened = () => {}) {
    this.#told = told;
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      opened();
      this.#ask();
    };
    this.#socket.onmessage = ({ data }) => this.#hear(read(data));
  }

  /**
   * Shows these rows from now on.
   * @param {number} first
   * @param {number} limit
   * @param {{ as_of: number, ids: number[] } | null} held
   */
  watch(first, limit, held = null) {
    const { key, message } = watch(sort, first, limit, held);
    this.#key = key;
    this.#message = message;
    this.#ask();
  }

  #ask() {
    if (this.#socket.readyState === WebSocket.OPEN && this.#message) this.#socket.send(this.#message);
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
    const rows = new Map(this.state.sessions.map((session) => [session.id, session]));
    for (const session of patch.changed) rows.set(session.id, session);
    const order = patch.order ?? this.state.sessions.map((session) => session.id);
    const { total, now, counts, as_of } = patch;
    this.state = { total, now, counts, as_of, sessions: order.map((id) => rows.get(id)) };
  }
}
