// What has the focus, and what could have it.
({
  name(e) {
    const words = (e.getAttribute("aria-label") || e.textContent).trim().replace(/\s+/g, " ").slice(0, 40);
    return e.localName + (e.id ? "#" + e.id : "") + " \u201c" + words + "\u201d";
  },
  now() {
    const e = document.activeElement;
    if (!e || e === document.body || e === document.documentElement) { this.clear(); return {}; }
    const style = getComputedStyle(e);
    const again = (window.tabbed ||= new Set()).has(e);
    window.tabbed.add(e);
    return { what: this.name(e), again, outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 };
  },
  clear() { delete window.tabbed; },
  all() {
    const found = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
    return found.filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ checkVisibilityCSS: true })).map((e) => this.name(e));
  },
})
