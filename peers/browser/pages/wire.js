/**
 * The messages of the live channel as `app/src/wire.rs` writes them: postcard behind what names the build.
 * https://postcard.jamesmunns.com/wire-format
 */

/** What a message begins with: put in when the pages are bundled. */
const VERSION = KEEPWATCH_VERSION;

const COLUMNS = ["username", "session_type", "address", "last_active", "server_name", "user_agent"];
const TYPES = ["rest", "browser", "other"];

/** FNV-1a. @param {Iterable<number>} bytes */
function fnv1a(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * A message that asks for part of the whole list, and the name by which its answers call it.
 * @param {string} sort as REST writes it
 * @param {number} first
 * @param {number} limit
 * @param {{ as_of: number, ids: number[] } | null} held
 */
export function watch(sort, first, limit, held) {
  const isDescending = sort.startsWith("-");
  const column = COLUMNS.indexOf(isDescending ? sort.slice(1) : sort);
  // No type, no search.
  const view = [0, 0, column, Number(isDescending)];
  number(view, first);
  number(view, limit);
  view.push(Number(held !== null));
  if (held !== null) {
    number(view, held.as_of);
    number(view, first);
    number(view, limit);
    number(view, held.ids.length);
    for (const id of held.ids) number(view, id);
  }
  return { key: fnv1a([...VERSION, ...view]), message: Uint8Array.from([...VERSION, 0, ...view]) };
}

/** A number in groups of seven bits, the lowest first. */
function number(bytes, value) {
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(128 | value % 128);
  bytes.push(value);
}

/**
 * What a message says, by what it is.
 * @param {ArrayBuffer} message
 */
export function read(message) {
  const reader = new Reader(new Uint8Array(message));
  const kind = reader.number();
  if (kind > 1) return {};
  const view = reader.number();
  const now = reader.number();
  // The revision.
  reader.number();
  const counts = { active_users: reader.number(), by_type: [reader.number(), reader.number(), reader.number()] };
  const state = { view, now, counts, total: reader.number(), as_of: reader.number(), newer: reader.number() };
  if (kind === 0) return { snapshot: { ...state, sessions: reader.list(session) } };
  const order = reader.option(() => reader.list(() => reader.number()));
  return { patch: { ...state, order, changed: reader.list(session) } };
}

/** @param {Reader} reader */
function session(reader) {
  const row = {
    id: reader.number(),
    username: reader.text(),
    session_type: TYPES[reader.number()],
    address: reader.address(),
    server_name: reader.text(),
    user_agent: reader.text(),
    client: reader.text(),
    created_at: reader.number(),
    last_active_at: reader.number(),
  };
  // App passwords and client tokens, of which the sessions of a benchmark are none.
  if (reader.option(() => true)) throw new Error("a session that stands for a program");
  return row;
}

class Reader {
  static #texts = new TextDecoder();

  #bytes;
  #at = 4;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  number() {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.#bytes[this.#at++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  }

  text() {
    const length = this.number();
    this.#at += length;
    return Reader.#texts.decode(this.#bytes.subarray(this.#at - length, this.#at));
  }

  address() {
    const length = this.number() === 0 ? 4 : 16;
    this.#at += length;
    const bytes = this.#bytes.subarray(this.#at - length, this.#at);
    if (length === 4) return bytes.join(".");
    const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] << 8) | bytes[2 * index + 1]).toString(16));
    // The browser knows how IPv6 is shortened.
    return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
  }

  option(value) {
    return this.number() === 0 ? undefined : value();
  }

  list(item) {
    return Array.from({ length: this.number() }, () => item(this));
  }
}
