// paper is light, whatever the screen is
"use strict";
(() => {
  const root = document.documentElement;
  let before = null;
  matchMedia("print").addEventListener("change", ({ matches }) => {
    if (matches) before = root.dataset.theme;
    root.dataset.theme = matches ? "light" : before;
  });
})();
