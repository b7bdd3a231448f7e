import { TYPE_LABELS, VIEWER } from "./sessions.js";

const OWN = "You cannot delete your own session. End it under My Sessions.";

/** A row of the pool. Its elements stay; what a session has in common with the one before it is not written again. */
export class Row {
  /** @type {import("./sessions.js").Session | undefined} */
  session;

  #ago = "";
  #exactly = "";
  #active;
  #number = -1;
  #picked = false;

  /** @param {HTMLTableRowElement} element has the markup of a row of Keepwatch. */
  constructor(element) {
    this.element = element;
    const find = (selector) => element.querySelector(selector);
    this.checkbox = find(".select input");
    this.avatar = find(".avatar");
    this.name = find(".name");
    [this.you] = element.querySelectorAll(".chip");
    this.type = find(".type");
    this.icon = find("use");
    this.label = this.type.lastElementChild;
    this.address = find("td.address");
    this.dot = find(".dot");
    this.time = find("time");
    this.exact = find(".last_active .visually-hidden");
    this.server = find("td.server_name");
    this.agent = find("td.user_agent");
    this.delete = find(".delete");
    for (const node of [this.avatar, this.name, this.label, this.address, this.time, this.exact, this.server, this.agent]) {
      node.textContent = " ";
    }
  }

  /** Whether the session in it can be selected and deleted. */
  get isDeletable() {
    return this.session !== undefined && this.session.username !== VIEWER;
  }

  /**
   * Writes the number of the row in the list.
   * @param {number} number
   */
  place(number) {
    if (this.#number === number) return;
    this.#number = number;
    this.element.setAttribute("aria-rowindex", String(number + 2));
  }

  /**
   * Shows a session, or that it is on its way.
   * @param {import("./sessions.js").Session | undefined} session
   * @param {number} now
   */
  show(session, now) {
    const before = this.session;
    if (session === before) return;
    this.session = session;
    if (session === undefined) {
      this.element.className = "row awaited";
      return;
    }
    const is = (field) => before !== undefined && before[field] === session[field];
    const nameIsNew = !is("username");
    const addressIsNew = !is("address");
    if (nameIsNew) this.#writeName(session.username);
    if (addressIsNew) write(this.address, session.address, session.address);
    if (nameIsNew || addressIsNew || !is("id")) this.#writeControls(session);
    if (!is("session_type")) this.#writeType(session.session_type);
    if (!is("server_name")) write(this.server, session.server_name, session.server_name);
    if (!is("client") || !is("user_agent")) write(this.agent, session.client, session.user_agent);
    if (!is("last_active_at")) this.#writeInstant(session.last_active_at);
    if (before === undefined || nameIsNew) this.element.className = this.isDeletable ? "row" : "row own";
    this.tick(now);
  }

  /**
   * Tells the time since the last request.
   * @param {number} now
   */
  tick(now) {
    if (this.session === undefined) return;
    const seconds = Math.max(0, Math.floor((now - this.session.last_active_at) / 1_000));
    const ago = inWords(seconds);
    if (ago !== this.#ago) this.time.firstChild.data = this.#ago = ago;
    const active = seconds < 60;
    if (active === this.#active) return;
    this.#active = active;
    this.dot.className = active ? "dot on" : "dot";
    if (active) this.dot.title = "Active in the last minute";
    else this.dot.removeAttribute("title");
  }

  /** @param {boolean} isPicked */
  pick(isPicked) {
    if (this.#picked !== isPicked) this.checkbox.checked = this.#picked = isPicked;
  }

  #writeName(name) {
    write(this.name, name, name);
    this.avatar.dataset.hue = hueOf(name);
    this.avatar.firstChild.data = initials(name);
  }

  #writeControls({ id, username, address }) {
    const own = username === VIEWER;
    this.checkbox.value = id;
    this.checkbox.setAttribute("aria-label", `Select session of ${username} from ${address}`);
    this.checkbox.disabled = own;
    if (own) this.checkbox.title = OWN;
    else this.checkbox.removeAttribute("title");
    this.you.hidden = !own;
    this.delete.hidden = own;
    this.delete.value = id;
    this.delete.setAttribute("aria-label", `Delete session of ${username} from ${address}`);
  }

  #writeType(type) {
    this.type.dataset.type = type;
    this.icon.setAttribute("href", `#icon-${type}`);
    this.label.firstChild.data = TYPE_LABELS[type];
  }

  #writeInstant(at) {
    const exact = new Date(at);
    const ahead = -exact.getTimezoneOffset();
    const here = new Date(at + ahead * 60_000).toISOString();
    const words = `${here.slice(0, 10)} ${here.slice(11, 19)} ${zone(ahead)}`;
    this.time.dateTime = exact.toISOString();
    if (words === this.#exactly) return;
    this.time.title = this.exact.firstChild.data = this.#exactly = words;
  }
}

function write(element, text, title) {
  element.firstChild.data = text;
  element.title = title;
}

/** `UTC`, `UTC+1`, `UTC-3:30`. */
function zone(minutes) {
  if (minutes === 0) return "UTC";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "-" : "+"}${hours}${rest === 0 ? "" : `:${String(rest).padStart(2, "0")}`}`;
}

function inWords(seconds) {
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3_600)} h ago`;
}

function initials(name) {
  const words = name.split(/[._@ -]/).filter((word) => word !== "");
  return words.slice(0, 2).map((word) => word[0].toUpperCase()).join("");
}

function hueOf(name) {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % 6;
}
