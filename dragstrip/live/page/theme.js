"use strict";
// Light or dark, as chosen here or in Locust's own web UI, which keeps its choice in the same place.
(() => {
  const DARK = "(prefers-color-scheme: dark)";
  const system = matchMedia(DARK);
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule.media?.mediaText === DARK);
  const isDark = () => localStorage.theme === "dark" || (!("theme" in localStorage) && system.matches);

  function show() {
    for (const rule of rules) rule.media.mediaText = isDark() ? "screen" : "not all";
    document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
  }

  function turn() {
    localStorage.theme = isDark() ? "light" : "dark";
    show();
    // Locust's pages look where they begin.
    document.querySelector("#locust iframe")?.contentWindow.location.reload();
  }

  show();
  system.addEventListener("change", show);
  window.addEventListener("storage", show);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", turn);
    show();
  });
})();
