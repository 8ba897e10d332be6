// Runs before anything is drawn, so that a page that was made dark does not flash in white. No module: those wait.
"use strict";

(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem("semsearch.theme");
    } catch {
      return null; // storage may be forbidden: then the system's choice holds
    }
  }

  function remember(theme) {
    try {
      if (theme) localStorage.setItem("semsearch.theme", theme);
      else localStorage.removeItem("semsearch.theme");
    } catch {
      // the choice holds until the page is left
    }
  }

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function show() {
    const button = document.getElementById("theme-button");
    if (button) button.setAttribute("aria-pressed", String(isDark()));
  }

  const theme = chosen();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  addEventListener("DOMContentLoaded", () => {
    show();
    system.addEventListener("change", show);
    document.getElementById("theme-button").addEventListener("click", () => {
      const next = isDark() ? "light" : "dark";
      const asSystem = (next === "dark") === system.matches;
      if (asSystem) delete root.dataset.theme; // whoever chooses what the system has, follows the system again
      else root.dataset.theme = next;
      remember(asSystem ? null : next);
      show();
    });
  });
})();
