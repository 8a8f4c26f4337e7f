"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;
  root.classList.add("js");

  // light and dark: the system's choice, until the switch is used
  const theme = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; showTheme(); });
  system.addEventListener("change", showTheme);
  showTheme();

  // tables: a button in each header sorts; what is not known comes last either way; short ones are read as they are
  const SORTED = 6;
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const valueOf = (row, at, numeric) => {
    const cell = row.cells[at];
    const by = cell.dataset.by ?? (numeric ? "" : cell.textContent.trim());
    return by === "" ? null : numeric ? Number(by) : by;
  };
  const sort = (table, header) => {
    const at = header.cellIndex, numeric = header.dataset.kind === "number";
    const down = header.getAttribute("aria-sort") === "ascending" || (numeric && !header.hasAttribute("aria-sort"));
    all("th[aria-sort]", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, at, numeric), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (numeric ? a - b : order.compare(a, b));
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  all("table").forEach((table) => {
    if (table.tBodies[0].rows.length < SORTED) return;
    all("thead th", table).forEach((header) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, header));
    });
  });

  // tables: a field that leaves the rows in which its words are
  all("table[data-filter]").forEach((table) => {
    const line = document.createElement("div"), field = document.createElement("input"), count = document.createElement("span");
    const label = document.createElement("label"), rows = [...table.tBodies[0].rows];
    line.className = "filter";
    field.type = "search";
    label.append(`Filter ${table.dataset.filter} `, field);
    count.setAttribute("role", "status");
    line.append(label, count);
    table.parentNode.before(line);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        shown += !row.hidden;
      });
      count.textContent = words.length ? `${shown} of ${rows.length}` : "";
    });
  });

  // what scrolls takes the keyboard
  const scrolls = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const wide = target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1;
      const name = target.querySelector("caption, title").textContent;
      for (const [key, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", name]]) {
        if (wide) target.setAttribute(key, value);
        else target.removeAttribute(key);
      }
    }
  });
  all(".wide").forEach((one) => scrolls.observe(one));

  // float and quantised over each other, divided where the slider stands
  all(".compare").forEach((compare) => {
    const slider = compare.querySelector(".divide");
    const move = () => {
      compare.style.setProperty("--at", `${slider.value}%`);
      slider.setAttribute("aria-valuetext", `${slider.value} % float, ${100 - slider.value} % quantised`);
    };
    slider.addEventListener("input", move);
    const panes = compare.querySelector(".panes");
    const drag = (event) => {
      if (!event.buttons || !compare.classList.contains("sliding")) return;
      const { left, width } = panes.getBoundingClientRect();
      slider.value = (100 * (event.clientX - left)) / width;
      move();
    };
    panes.addEventListener("pointerdown", drag);
    panes.addEventListener("pointermove", drag);
    move();
  });
  all(".cards").forEach((cards) => {
    const button = document.createElement("button");
    const show = (apart) => {
      all(".compare", cards).forEach((compare) => {
        compare.classList.toggle("sliding", !apart);
        compare.querySelector(".divide").hidden = apart;
      });
      button.setAttribute("aria-pressed", String(apart));
    };
    button.type = "button";
    button.className = "apart";
    button.textContent = "Side by side";
    button.addEventListener("click", () => show(button.getAttribute("aria-pressed") !== "true"));
    cards.before(button);
    show(false);
  });

  // the curves, read off at a confidence
  const at = (points, confidence) => points.reduce((a, b) => (Math.abs(b[0] - confidence) < Math.abs(a[0] - confidence) ? b : a));
  all(".threshold").forEach((view) => {
    const charts = view.querySelector(".curves"), reader = view.querySelector(".reader");
    if (!charts || !reader) return;
    const [before, after, [left, right]] = ["before", "after", "scale"].map((key) => JSON.parse(charts.dataset[key]));
    const slider = reader.querySelector("input"), shown = reader.querySelector("output"), said = reader.querySelector(".read");
    const read = () => {
      const confidence = Number(slider.value);
      const told = (name, [, precision, recall, f1]) =>
        `${name}: precision ${precision.toFixed(1)} %, recall ${recall.toFixed(1)} %, F1 ${f1.toFixed(1)} %`;
      shown.textContent = confidence.toFixed(3);
      said.textContent = [told("float", at(before, confidence)), told("quantised", at(after, confidence))].join(" · ");
      all(".reading", charts).forEach((line) => {
        for (const end of ["x1", "x2"]) line.setAttribute(end, left + confidence * (right - left));
      });
    };
    reader.hidden = false;
    slider.addEventListener("input", read);
    read();
  });

  // a bar of a tensor opens its row
  document.addEventListener("click", (event) => {
    const row = event.target.dataset?.for && document.getElementById(event.target.dataset.for);
    if (!row) return;
    row.hidden = false;
    const opened = row.querySelector("details");
    opened.open = true;
    all(".shown").forEach((other) => other.classList.remove("shown"));
    row.classList.add("shown");
    row.scrollIntoView({ block: "center" });
    opened.querySelector("summary").focus({ preventScroll: true });
  });

  // what a mark says, at once and not after a second
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.("svg g:has(> title), svg rect:has(> title), svg circle:has(> title)");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.querySelector("title").textContent;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)}px`;
  });

  // where one is on the page
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  all(".view").forEach((view) => seen.observe(view));

  // paper shows what is folded, but for the histograms of hundreds of tensors
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])").filter((one) => !one.closest(".tensors"));
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));
})();
