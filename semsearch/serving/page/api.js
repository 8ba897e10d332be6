// Asks the server. What comes back is JSON, or one of two errors.

/** The server said no: `status`, its message as `detail`, and the seconds to wait if it named them. */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.errors = Array.isArray(problem.errors) ? problem.errors : [];
    this.retryAfter = retryAfter;
  }

  /** Whether the same question may be answered a little later. */
  get passes() {
    return this.status === 429 || this.status === 503;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** Ask for `path` below the API. Lists become parameters that are repeated; null, false and undefined are left out. */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (Array.isArray(value)) value.forEach((one) => query.append(name, one));
    else if (value !== null && value !== undefined && value !== false) query.set(name, value);
  }
  let response;
  let text;
  try {
    response = await fetch(`api/v1/${path}${query.size ? `?${query}` : ""}`, {
      headers: { Accept: "application/json" },
      cache: "no-store",
      signal,
    });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("The server does not answer.");
  }
  const body = parsed(text);
  if (!response.ok || body === null) {
    const seconds = Number.parseFloat(response.headers.get("Retry-After"));
    throw new Refused(response.status, body ?? {}, Number.isFinite(seconds) ? seconds : null);
  }
  return body;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
