// Keeps the page fresh: fetches the changing part, and changes only what differs, so that focus, scroll and open
// details stay. Everything is readable without it.
(() => {
  "use strict";
  const { $, show, colours, copying } = page;
  const EVERY_MS = 1000;

  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.id === b.id;

  // Makes `old` what `fresh` is.
  function become(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.isEqualNode(fresh)) return;
    // Readers open details, and the script shows the buttons.
    const kept = old.localName === "details" ? ["open"] : old.dataset.copy ? ["hidden"] : [];
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !kept.includes(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    const [has, wants] = [[...old.childNodes], [...fresh.childNodes]];
    if (has.length === wants.length && has.every((node, i) => alike(node, wants[i]))) {
      has.forEach((node, i) => become(node, wants[i]));
    } else {
      old.replaceChildren(...wants);
    }
  }

  let paused = false;
  let silent = 0;
  const pause = $("pause");
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
    if (!paused) look();
  });

  const stale = $("stale");
  async function look() {
    try {
      const answer = await fetch("main", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
      if (paused) return;
      become($("live"), fresh);
      document.title = fresh.dataset.title;
      for (const button of document.querySelectorAll("[data-copy]")) show(button);
      silent = 0;
      stale.hidden = true;
    } catch {
      silent += 1;
      // One lost answer is no news.
      if (silent > 2) {
        stale.textContent = "The planner does not answer any more: what stands here is old.";
        stale.hidden = false;
      }
    }
    window.looks = (window.looks || 0) + 1;
  }

  colours();
  copying();
  (async function again() {
    if (!paused && !document.hidden) await look();
    setTimeout(again, EVERY_MS);
  })();
})();
