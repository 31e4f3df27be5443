"use strict";
(() => {
  const PRINT_WIDTH = 640; // CSS pixels that fit A4 and Letter inside the margins
  const NARROW = 620;
  const root = document.documentElement;
  const canvases = [...document.querySelectorAll("[data-figure]")];
  let figures = {};
  let printing = false;

  const inflate = async (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  const rgba = (hex, alpha) => `rgba(${[1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join(",")},${alpha})`;

  const themed = (figure, width) => {
    const style = getComputedStyle(root);
    const colour = (role) => style.getPropertyValue(`--${role}`).trim();
    const { data, layout } = structuredClone(figure);
    for (const trace of data) {
      const { role, hollow, fill } = trace.meta || {};
      if (!role) continue;
      const c = colour(role);
      if (trace.line) trace.line.color = c;
      if (trace.marker) {
        if (!hollow) trace.marker.color = c;
        if (trace.marker.line) trace.marker.line.color = c;
      }
      if (trace.error_x) trace.error_x.color = c;
      if (fill) trace.fillcolor = rgba(c, fill);
      if (trace.type === "bar") trace.textfont = { color: colour("text") };
    }
    for (const note of layout.annotations || []) {
      if (note.name?.startsWith("role:")) note.font = { ...note.font, color: colour(note.name.slice(5)) };
    }
    layout.font = { ...layout.font, color: colour("text") };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("surface"), bordercolor: colour("rule"), font: { ...layout.hoverlabel?.font, color: colour("ink") } };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis/.test(key)) Object.assign(layout[key], { gridcolor: colour("grid"), linecolor: colour("axis"), zerolinecolor: colour("axis") });
    }
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("muted"), activecolor: colour("ink") };
    layout.width = width;
    if (width < NARROW) {
      layout.font.size = 11;
      layout.margin.l = Math.min(layout.margin.l, 118);
      for (const note of layout.annotations || []) note.font = { ...note.font, size: 11 };
    }
    return { data, layout };
  };

  const draw = async (canvas) => {
    const figure = figures[canvas.dataset.figure];
    const width = printing ? PRINT_WIDTH : Math.floor(canvas.clientWidth);
    if (!figure || !width) return;
    const { data, layout } = themed(figure, width);
    const config = { displaylogo: false, displayModeBar: figure.layout.dragmode === "zoom", modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], doubleClick: "reset" };
    await Plotly.react(canvas, data, layout, config);
    canvas.dataset.width = String(width);
    canvas.dataset.drawn = "yes";
  };

  const drawAll = () => Promise.all(canvases.map(draw));

  const start = async () => {
    try {
      const [code, data] = await Promise.all([inflate("packed-plotly"), inflate("packed-figures")]);
      const script = document.createElement("script");
      script.nonce = document.currentScript?.nonce || document.querySelector("script[nonce]").nonce;
      script.textContent = code;
      document.head.append(script);
      figures = JSON.parse(data);
      for (const canvas of canvases) {
        await draw(canvas);
        await new Promise((done) => setTimeout(done));
      }
      root.dataset.figures = "drawn";
      let pending;
      new ResizeObserver(() => {
        clearTimeout(pending);
        pending = setTimeout(() => {
          if (!printing && canvases.some((c) => Number(c.dataset.width) !== Math.floor(c.clientWidth))) drawAll();
        }, 120);
      }).observe(document.body);
    } catch (error) {
      root.dataset.figures = "failed";
      for (const canvas of canvases) {
        canvas.classList.add("failed");
        canvas.textContent = "This browser could not draw the figure; the numbers are in the tables.";
      }
      console.error(error);
    }
  };

  // Theme: the system's, unless the reader chose one here.
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = (value) => {
    try {
      if (value !== undefined) localStorage.setItem("hedgebasket-theme", value);
      return localStorage.getItem("hedgebasket-theme");
    } catch { return null; }
  };
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const paintToggle = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    toggle.setAttribute("aria-pressed", String(isDark()));
  };
  const chosen = new URLSearchParams(location.search).get("theme") || remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  paintToggle();
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    paintToggle();
    drawAll();
  });
  system.addEventListener("change", () => { paintToggle(); drawAll(); });

  // Printing: the light theme, at the width of the sheet, with everything folded out.
  let before = null;
  const toPaper = () => {
    if (printing) return;
    printing = true;
    before = { theme: root.dataset.theme, open: [...document.querySelectorAll("details")].map((d) => d.open) };
    root.dataset.theme = "light";
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
    drawAll();
  };
  const toScreen = () => {
    if (!printing) return;
    printing = false;
    if (before.theme) root.dataset.theme = before.theme; else delete root.dataset.theme;
    document.querySelectorAll("details").forEach((d, i) => { d.open = before.open[i]; });
    drawAll();
  };
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", toScreen);

  // Sorting and filtering.
  const key = (row, column) => {
    const raw = row.children[column].dataset.value;
    if (raw === undefined || raw === "") return null;
    return raw.trim() !== "" && !Number.isNaN(Number(raw)) ? Number(raw) : raw.toLowerCase();
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      const now = head.getAttribute("aria-sort");
      const falling = now ? now === "ascending" : numeric;
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].map((row, at) => ({ row, at, value: key(row, column) }));
      rows.sort((a, b) => {
        if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.at - b.at;
        const order = typeof a.value === "number" && typeof b.value === "number" ? a.value - b.value : String(a.value).localeCompare(String(b.value));
        return (falling ? -order : order) || a.at - b.at;
      });
      table.tBodies[0].append(...rows.map((r) => r.row));
    }));
  }
  for (const input of document.querySelectorAll("[data-filter]")) {
    const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
    const count = input.parentElement.querySelector(".count");
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) { row.hidden = !row.textContent.toLowerCase().includes(wanted); shown += !row.hidden; }
      count.textContent = `${shown} of ${rows.length} rows`;
    });
  }
  start();
})();
