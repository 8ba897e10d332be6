// Elements are made here and nowhere else, and text goes into them as text: what an archive says is never markup.

/** The element with this id, which the page has. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element. Properties are attributes, but for `on`: listeners by event. Null, undefined and false are left out.
 * Children are elements or strings.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else {
      made.setAttribute(key, value === true ? "" : value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A quiet button. */
export function button(text, onClick, properties = {}) {
  return element("button", { type: "button", class: "quiet", on: { click: onClick }, ...properties }, text);
}

/** Whether a link was clicked as one that opens here, not in another tab or window. */
export function opensHere(event) {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

/** A link to a state of this page, which opens without loading the page anew. */
export function stateLink(text, href, onOpen, properties = {}) {
  const click = (event) => {
    if (!opensHere(event)) return;
    event.preventDefault();
    onOpen(event);
  };
  return element("a", { href, on: { click }, ...properties }, text);
}

/** A link to where an article can be read; null unless it is one of the web: `javascript:` and its kind are no links. */
export function originalLink(url, title) {
  const address = webAddress(url);
  if (!address) return null;
  const properties = { href: address, target: "_blank", rel: "noopener noreferrer", class: "quiet" };
  return element("a", { ...properties, "aria-label": `Original of ${title}, opens in a new tab` }, "Original ↗");
}

/** The address if it is an absolute one of the web, else null. */
export function webAddress(url) {
  if (typeof url !== "string" || !/^https?:\/\//i.test(url.trim())) return null;
  try {
    return new URL(url).href;
  } catch {
    return null;
  }
}

/** Whether movement is welcome. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
