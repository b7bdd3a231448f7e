/**
 * A session as the tables show it.
 * @typedef {{ id: number, username: string, session_type: string, address: string, server_name: string,
 *   user_agent: string, client: string, created_at: number, last_active_at: number }} Session
 */

/** The name of who looks: sessions of this name cannot be selected or deleted. */
export const VIEWER = "Admin";

/** Rows of one request. */
export const PAGE = 100;

const parameters = new URLSearchParams(location.search);

/** What the driver asks of this page beyond showing itself: `hold`, `live` or nothing. */
export const part = parameters.get("bench");

/** The sort of the list as REST writes it, such as `-last_active`. */
export const sort = parameters.get("sort") ?? "-last_active";

/**
 * Reads part of the list over REST.
 * @param {number} first
 * @param {number} limit
 * @returns {Promise<{ total: number, sessions: Session[] }>}
 */
export async function readSessions(first, limit) {
  const response = await fetch(`/api/v1/sessions?sort=${sort}&first=${first}&limit=${limit}`);
  if (!response.ok) throw new Error(`the list answered ${response.status}`);
  const { total, sessions } = await response.json();
  for (const session of sessions) {
    session.created_at = Date.parse(session.created_at);
    session.last_active_at = Date.parse(session.last_active_at);
  }
  return { total, sessions };
}

/**
 * Ends a session.
 * @param {number} id
 */
export async function deleteSession(id) {
  await fetch(`/api/v1/sessions/${id}`, { method: "DELETE" });
}

/** The session types in words. */
export const TYPE_LABELS = { rest: "REST API", browser: "Browser", other: "Other" };

/**
 * An instant as the tables of the grids write it.
 * @param {number} at
 */
export function instant(at) {
  return new Date(at).toISOString();
}

/** Says that rows stand and that their controls work. */
export function alive() {
  document.documentElement.dataset.hydrated = "";
}

/**
 * Draws at once, or when the driver says so: then what is drawn is in memory already.
 * @param {() => void} draw
 */
export function drawWhenAsked(draw) {
  if (part !== "hold") return draw();
  window.draw = draw;
  document.documentElement.dataset.held = "";
}
