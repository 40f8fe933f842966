// What both pages do: colours by choice, tables as JSON.
const page = (() => {
  "use strict";

  const $ = (id) => document.getElementById(id);
  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const show = (element) => { if (element) element.hidden = false; };

  // Colours: the system's, light or dark.
  function colours() {
    const button = $("theme");
    show(button.parentElement);
    const order = ["system", "light", "dark"];
    let now = 0;
    const set = (i) => {
      now = i;
      if (i === 0) delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = order[i];
      button.textContent = "Colours: " + order[i];
    };
    let kept = null;
    try { kept = localStorage.getItem("wattline-colours"); } catch { /* a file may not keep anything */ }
    set(Math.max(0, order.indexOf(kept)));
    button.addEventListener("click", () => {
      set((now + 1) % 3);
      try { localStorage.setItem("wattline-colours", order[now]); } catch { /* as above */ }
    });
  }

  // What stands under a value explains it and is no part of it.
  const words = (cell) => (cell.querySelector(".under") ? cell.firstChild.textContent : cell.textContent);

  // Rows of a table as objects, with exact numbers.
  function rows(table) {
    const keys = [...table.querySelectorAll("thead th")].map((th) => th.dataset.k);
    return [...table.tBodies[0].rows].map((tr) => {
      const row = {};
      [...tr.cells].forEach((cell, i) => { row[keys[i]] = "v" in cell.dataset ? Number(cell.dataset.v) : words(cell); });
      return row;
    });
  }
  function copying() {
    for (const button of document.querySelectorAll("[data-copy]")) show(button);
    // On the document, since tables may come and go.
    document.addEventListener("click", async (e) => {
      const button = e.target.closest("[data-copy]");
      if (!button) return;
      const text = JSON.stringify(rows($(button.dataset.copy)), null, 1);
      let done = true;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        // Pages opened from a file may lack the clipboard: the old way.
        const area = make("textarea", { "aria-hidden": "true" });
        area.value = text;
        document.body.append(area);
        area.select();
        done = document.execCommand("copy");
        area.remove();
      }
      button.textContent = done ? "Copied" : "Could not copy";
      setTimeout(() => { button.textContent = "Copy JSON"; }, 1500);
    });
  }

  return { $, make, show, colours, copying, rows };
})();
