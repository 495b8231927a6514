/* What a script adds to pages that work without one: theme, keys, the chart's cursor, copying, focus after a swap. */
"use strict";
(() => {
  const root = document.documentElement, THEMES = ["system", "light", "dark"];
  const read = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const write = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private windows refuse */ } };
  const show = (theme) => {
    if (theme === "system") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", theme);
    const button = document.getElementById("theme");
    if (button) { button.textContent = { system: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[theme]; button.setAttribute("aria-label", `Theme: ${theme}`); }
  };
  const theme = () => (THEMES.includes(read("theme")) ? read("theme") : "system");
  root.classList.add("script");
  show(theme());
  const say = (text) => { const place = document.getElementById("said"); if (place) place.textContent = text; };
  const element = (name, className, text) => { const made = document.createElement(name); if (className) made.className = className; if (text !== undefined) made.textContent = text; return made; };
  const drawn = (name, attributes) => { const made = document.createElementNS("http://www.w3.org/2000/svg", name); for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value); return made; };

  function chart() {
    const source = document.getElementById("chart-data"), area = document.getElementById("costs-area"), tip = document.getElementById("tip");
    if (!source || !area || area.dataset.ready) return;
    area.dataset.ready = "1";
    const { series, points } = JSON.parse(source.textContent), count = points.length;
    if (!count) return;
    let at = count - 1, shown = false;
    const layer = drawn("svg", { class: "marks", "aria-hidden": "true" });
    const cursor = drawn("rect", { class: "cursor", y: "0", height: "100%", width: `${100 / count}%`, visibility: "hidden" });
    layer.append(cursor); area.append(layer);
    const words = (point) => [point.title, point.total, point.note].filter(Boolean).join(", ");
    for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "aria-valuemin": "1", "aria-valuemax": String(count), "aria-orientation": "horizontal" })) area.setAttribute(name, value);
    const value = () => { area.setAttribute("aria-valuenow", String(at + 1)); area.setAttribute("aria-valuetext", words(points[at])); };
    const move = (to) => {
      at = Math.min(Math.max(to, 0), count - 1); shown = true; value();
      cursor.setAttribute("x", `${(at * 100) / count}%`); cursor.setAttribute("visibility", "visible");
      const point = points[at], list = element("ul");
      series.forEach((one, place) => {
        if (point.parts[place] === "0.00" || point.parts[place] === "0") return;
        const item = element("li"); item.append(element("span", `key ${one.colour}`), element("span", "", one.name), element("span", "", point.parts[place])); list.prepend(item);
      });
      tip.replaceChildren(element("b", "", point.title), element("span", "sum", point.total), ...(point.note ? [element("span", "quiet", point.note)] : []), list);
      tip.hidden = false;
      const box = area.getBoundingClientRect(), outer = tip.parentElement.getBoundingClientRect(), middle = box.left - outer.left + ((at + 0.5) / count) * box.width;
      const left = at < count / 2 ? middle + 14 : middle - tip.offsetWidth - 14;
      tip.style.left = `${Math.max(0, Math.min(left, outer.width - tip.offsetWidth))}px`;
    };
    const hide = () => { shown = false; tip.hidden = true; cursor.setAttribute("visibility", "hidden"); };
    const place = (event) => { const box = area.getBoundingClientRect(); return Math.floor(((event.clientX - box.left) / box.width) * count); };
    area.addEventListener("pointermove", (event) => move(place(event)));
    area.addEventListener("pointerleave", () => { if (document.activeElement !== area) hide(); });
    area.addEventListener("click", (event) => { if (event.pointerType === "touch") { move(place(event)); return; } go(points[Math.min(Math.max(place(event), 0), count - 1)].href); });
    area.addEventListener("focus", () => { if (area.matches(":focus-visible")) move(at); });
    area.addEventListener("blur", hide);
    area.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 7, PageDown: -7, Home: -count, End: count };
      if (event.key in steps) { event.preventDefault(); move(at + steps[event.key]); }
      else if (event.key === "Enter") go(points[at].href);
      else if (event.key === "Escape" && shown) hide();
    });
    value();
  }
  const go = (address) => { const link = element("a"); link.href = address; document.getElementById("page").append(link); if (window.htmx) window.htmx.process(link); link.click(); };

  function keysHelp() {
    const box = element("dialog", "help"), list = element("dl");
    box.setAttribute("aria-label", "Keys");
    for (const [keys, what] of [["/", "filter"], ["g then o c b a d s", "Overview, Costs, Budgets, Alerts, Data, Settings"], ["?", "this help"], ["← → on the chart", "a step; Page keys seven, Enter opens it"]]) { const term = element("dt"); term.append(element("kbd", "", keys)); list.append(term, element("dd", "", what)); }
    const close = element("button", "button", "Close"); close.addEventListener("click", () => box.close());
    box.append(element("h2", "", "Keys"), list, close); box.addEventListener("close", () => box.remove()); document.body.append(box); box.showModal();
  }
  let awaited = false;
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || document.querySelector("dialog[open]")) return;
    if (awaited) { awaited = false; const link = document.querySelector(`.top a[data-key="${CSS.escape(event.key)}"]`); if (link) { event.preventDefault(); link.click(); } return; }
    if (event.key === "g") { awaited = true; setTimeout(() => { awaited = false; }, 1500); }
    else if (event.key === "?") keysHelp();
    else if (event.key === "/") { const more = document.querySelector(".more"); if (more) { event.preventDefault(); more.open = true; document.getElementById("filter_value").focus(); } }
  }
  const copy = async (text, what) => { try { await navigator.clipboard.writeText(text); say(`${what} copied`); return true; } catch { return false; } };
  async function clicks(event) {
    const target = event.target;
    if (target.id === "theme") { const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]; write("theme", next); show(next); }
    else if (target.matches("[data-print]")) window.print();
    else if (target.matches("[data-copy]")) { if (await copy(target.closest(".copy").querySelector("code").textContent, "Text")) { target.textContent = "Copied"; setTimeout(() => { target.textContent = "Copy"; }, 1500); } }
    else if (target.matches("[data-copy-address]")) { if (await copy(location.href, "Link")) { const before = target.textContent; target.textContent = "Copied"; setTimeout(() => { target.textContent = before; }, 1500); } }
  }
  function changes(event) {
    const form = event.target.form;
    if (!form || !form.matches("[data-live]") || event.target.closest(".more-box")) return;
    if (event.target.name === "period" && event.target.value === "days") { form.querySelector(".more").open = true; document.getElementById("from").focus(); return; }
    form.requestSubmit();
  }
  function ready() { show(theme()); chart(); }
  document.addEventListener("DOMContentLoaded", () => {
    ready();
    document.addEventListener("keydown", keys); document.addEventListener("click", clicks); document.addEventListener("change", changes);
    // htmx copies elements and their attributes, and the policy forbids copies of inline styles
    for (const name of ["htmx:beforeRequest", "htmx:beforeHistorySave", "htmx:beforeSwap"]) document.body.addEventListener(name, () => { const tip = document.getElementById("tip"); if (tip) { tip.hidden = true; tip.removeAttribute("style"); } });
    // an answer that is an error is a page too
    document.body.addEventListener("htmx:beforeSwap", (event) => { const answer = event.detail.xhr; if (answer.status >= 400 && (answer.getResponseHeader("Content-Type") || "").startsWith("text/html")) { event.detail.shouldSwap = true; event.detail.isError = false; } });
    document.body.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target instanceof HTMLDataListElement) return; ready(); const focused = document.activeElement; if (!focused || focused === document.body) document.getElementById("main").focus({ preventScroll: true }); say(document.title); });
  });
})();
