// The page works without this script; it adds limits on the front, other axes, tips, zoom, copying and colours.
// With #selftest in the address it tries itself and writes what came of it to <pre id="selftest">.
(() => {
  "use strict";

  const selftest = location.hash === "#selftest";
  const errors = [];
  if (selftest) {
    addEventListener("error", (e) => errors.push(String(e.message)));
    addEventListener("unhandledrejection", (e) => errors.push(String(e.reason)));
    document.addEventListener("securitypolicyviolation", (e) => errors.push("policy: " + e.violatedDirective));
    const say = console.error;
    console.error = (...words) => { errors.push(words.join(" ")); say.apply(console, words); };
  }


  const { $, make, show, colours, copying, rows } = page;

  // Numbers as src/format.rs writes them; the self-test compares the two.
  const none = "–";
  const grouped = (text) => text.replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  const minus = (text) => text.replace(/^-/, "−");
  function number(x) {
    if (!Number.isFinite(x)) return none;
    if (x === 0) return "0";
    const [mantissa, e] = (x * (1 + 1e-15)).toExponential(2).split("e");
    const exponent = Number(e);
    if (exponent < -4 || exponent >= 9) return minus(mantissa + "e" + exponent);
    return minus(grouped(Number(mantissa + "e" + exponent).toFixed(Math.max(0, 2 - exponent))));
  }
  function si(x, unit) {
    if (!Number.isFinite(x)) return none;
    if (x === 0) return "0 " + unit;
    const [mantissa, e] = (x * (1 + 1e-15)).toExponential(2).split("e");
    const step = Math.max(-4, Math.min(4, Math.floor(Number(e) / 3)));
    return number(Number(mantissa + "e" + (Number(e) - 3 * step))) + " " + ["p", "n", "µ", "m", "", "k", "M", "G", "T"][step + 4] + unit;
  }
  function seconds(x) {
    if (!(Math.abs(x) >= 300)) return si(x, "s");
    return Math.abs(x) < 10800 ? number(x / 60) + " min" : number(x / 3600) + " h";
  }
  function percent(x) {
    if (!Number.isFinite(x)) return none;
    const rounded = (Math.sign(x) * Math.round(Math.abs(x * 100) * 10)) / 10;
    if (rounded === 0) return "0 %";
    if (Math.abs(rounded) >= 99.95) return minus(grouped(String(Math.sign(x) * Math.round(Math.abs(rounded))))) + " %";
    return minus(rounded.toFixed(rounded % 1 === 0 ? 0 : 1)) + " %";
  }
  const write = {
    energy_per_request_j: (x) => si(x, "J"),
    mean_latency_s: seconds,
    accuracy: percent,
    ipw: number,
    power_w: (x) => si(x, "W"),
    underuse: percent,
  };
  const say = (key, x) => (x === null || x === undefined ? none : write[key](x));

  // Tips follow the pointer over whatever has data-tip.
  function tips() {
    const tip = make("div", { id: "tip", role: "tooltip", hidden: "" });
    document.body.append(tip);
    document.addEventListener("pointermove", (e) => {
      const at = e.target.closest && e.target.closest("[data-tip]");
      tip.hidden = !at;
      if (!at) return;
      tip.textContent = at.dataset.tip;
      tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top = (e.clientY + tip.offsetHeight + 24 > innerHeight ? e.clientY - tip.offsetHeight - 10 : e.clientY + 18) + "px";
    });
  }

  // The map moves by dragging and its buttons; the wheel scrolls the page unless Ctrl is held.
  function map() {
    const figure = document.querySelector("figure.map");
    if (!figure) return;
    const svg = d3.select(figure.querySelector(".plot svg"));
    const inner = svg.select(".zoomable");
    const zoom = d3.zoom().scaleExtent([0.5, 5]).filter((e) => e.type !== "wheel" || e.ctrlKey)
      .on("zoom", (e) => inner.attr("transform", e.transform));
    svg.call(zoom).on("dblclick.zoom", null);
    show(figure.querySelector(".axes"));
    for (const button of figure.querySelectorAll("[data-zoom]")) {
      const factor = Number(button.dataset.zoom);
      button.addEventListener("click", () => (factor ? svg.call(zoom.scaleBy, factor) : svg.call(zoom.transform, d3.zoomIdentity)));
    }
  }

  // The front: sliders filter the dots and the table; the best plan within the limits is marked.
  function front(data) {
    const axes = new Map(data.axes.map((a) => [a.key, { label: a.label, better: a.better, low: a.better.startsWith("lower") }]));
    const points = data.ids.map((id, i) => {
      const p = { i, id, chosen: i === data.chosen, description: data.words[data.descriptions[i]], quality: data.words[data.qualities[i]] };
      for (const key of Object.keys(data.columns)) p[key] = data.columns[key][i];
      return p;
    });
    const state = { best: "energy_per_request_j", shown: 12, selected: null };
    const sliders = [
      { id: "deadline", key: "mean_latency_s", most: true },
      { id: "budget", key: "energy_per_request_j", most: true },
      { id: "floor", key: "accuracy", most: false },
    ].filter((s) => $(s.id));
    for (const s of sliders) {
      const values = points.map((p) => p[s.key]).filter((v) => v !== null);
      [s.from, s.to] = [Math.min(...values), Math.max(...values)];
      s.input = $(s.id);
      s.input.value = s.most ? 100 : 0;
    }
    // A slider at its open end limits nothing.
    const limit = (s) => {
      const at = Number(s.input.value);
      return at === (s.most ? 100 : 0) ? null : s.from + ((s.to - s.from) * at) / 100;
    };
    const within = (p) => sliders.every((s) => {
      const bound = limit(s);
      return bound === null || (p[s.key] !== null && (s.most ? p[s.key] <= bound : p[s.key] >= bound));
    });
    const order = (a, b) => {
      const [x, y] = [a[state.best], b[state.best]];
      if (x === null || y === null) return (x === null) - (y === null);
      return (axes.get(state.best).low ? x - y : y - x) || a.i - b.i;
    };

    const body = $("front-table").tBodies[0];
    const columns = ["energy_per_request_j", "mean_latency_s", "accuracy", "ipw", "power_w", "underuse"];
    function table(kept, best) {
      body.replaceChildren(...kept.slice(0, state.shown).map((p) => {
        const choose = make("button", { type: "button", class: "link", "aria-pressed": String(p.i === state.selected) }, p.id);
        choose.addEventListener("click", () => { state.selected = p.i; update(); });
        const marks = make("td");
        if (p.chosen) marks.append(make("span", { class: "badge ok" }, "this plan"), " ");
        if (p === best) marks.append(make("span", { class: "badge best" }, "★ best"));
        const tr = make("tr", { class: (p.chosen ? "chosen " : "") + (p.i === state.selected ? "selected" : "") },
          make("th", { scope: "row" }, choose), marks,
          ...columns.map((k) => make("td", p[k] === null ? { class: "n" } : { class: "n", "data-v": p[k] }, say(k, p[k]))),
          make("td", {}, p.description), make("td", {}, p.quality));
        return tr;
      }));
      const more = $("front-more");
      more.hidden = kept.length <= state.shown;
      more.textContent = "Show more plans (" + state.shown + " of " + kept.length + " shown)";
    }

    function verdict(kept, best) {
      const limits = sliders.filter((s) => limit(s) !== null)
        .map((s) => axes.get(s.key).label.toLowerCase() + (s.most ? " at most " : " at least ") + say(s.key, limit(s)));
      const words = grouped(String(kept.length)) + " of " + grouped(String(points.length)) + " plans" + (limits.length ? " with " + limits.join(" and ") : "") + ".";
      $("verdict").textContent = best
        ? words + " Best: " + best.id + " with " + columns.slice(0, 3).filter((k) => best[k] !== null).map((k) => say(k, best[k])).join(", ") + "."
        : words + " Loosen a limit to see some.";
      for (const s of sliders) $(s.id + "-value").textContent = limit(s) === null ? "any" : say(s.key, limit(s));
    }

    function detail(p) {
      const holder = $("front-detail");
      holder.replaceChildren();
      if (!p || !data.services.length) return;
      const titles = ["Service", "Model", "Weights", "Samples", "Placement", "Whole request", "Energy per request", "Accuracy"];
      const numeric = (i) => (i > 4 ? { class: "n" } : {});
      holder.append(make("div", { class: "scroll" }, make("table", { id: "front-services" },
        make("caption", {}, "What plan " + p.id + " does with each service"),
        make("thead", {}, make("tr", {}, ...titles.map((t, i) => make("th", { scope: "col", ...numeric(i) }, t)))),
        make("tbody", {}, ...data.services[p.i].map((s) => make("tr", {}, ...s.map((v, i) => {
          const words = i < 5 ? data.words[v] : say(["mean_latency_s", "energy_per_request_j", "accuracy"][i - 5], v);
          return i === 0 ? make("th", { scope: "row" }, words) : make("td", numeric(i), words);
        })))))));
    }

    const figures = [...document.querySelectorAll("[data-front]")];
    function update() {
      const kept = points.filter(within).sort(order);
      const best = kept.length && kept[0][state.best] !== null ? kept[0] : null;
      table(kept, best);
      verdict(kept, best);
      detail(points[state.selected] || best);
      for (const figure of figures) chart(figure, new Set(kept), best);
    }

    // Same measures as the static chart in src/svg/front.rs.
    function chart(figure, kept, best) {
      const [kx, ky] = [figure.dataset.x, figure.dataset.y];
      const seen = points.filter((p) => p[kx] !== null && p[ky] !== null);
      const extent = (key) => {
        const values = seen.map((p) => p[key]);
        const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
        const air = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high), 1e-9) * 0.1;
        return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
      };
      const x = d3.scaleLinear(extent(kx), [76, 504]);
      const y = d3.scaleLinear(extent(ky), [276, 18]);
      const unit = (key) => (v) => say(key, v) + (key === "ipw" ? " /W" : "");
      const svg = d3.select(figure.querySelector(".plot")).selectAll("svg").data([0]).join("svg");
      svg.attr("viewBox", "0 0 520 330").attr("role", "img")
        .attr("aria-label", kept.size + " of " + points.length + " plans: " + axes.get(ky).label + " against " + axes.get(kx).label);
      svg.selectAll("*").remove();
      const axis = (make, at, key, size) => {
        const g = svg.append("g").attr("class", "tick").attr("transform", at).call(make.ticks(5).tickFormat(unit(key)).tickSize(-size).tickPadding(8));
        g.select(".domain").remove();
        g.attr("font-size", null).attr("font-family", null).selectAll("line").attr("class", "grid").attr("stroke", null);
      };
      axis(d3.axisBottom(x), "translate(0 276)", kx, 258);
      axis(d3.axisLeft(y), "translate(76 0)", ky, 428);
      const title = (key) => axes.get(key).label + " (" + axes.get(key).better + ")";
      svg.append("text").attr("class", "axis").attr("x", 290).attr("y", 318).attr("text-anchor", "middle").text(title(kx));
      svg.append("text").attr("class", "axis").attr("transform", "translate(15 147) rotate(-90)").attr("text-anchor", "middle").text(title(ky));
      svg.append("path").attr("class", "front-line")
        .attr("d", d3.line((p) => x(p[kx]), (p) => y(p[ky])).curve(d3.curveStepAfter)(edge(seen.filter((p) => kept.has(p)), kx, ky)));
      const full = seen.length > 300 ? 2.8 : 4;
      const tip = (p) => p.id + ": " + columns.slice(0, 5).filter((k) => p[k] !== null).map((k) => axes.get(k).label + " " + say(k, p[k])).join(", ");
      const choose = (_, p) => { state.selected = p.i; update(); };
      svg.selectAll(".dot").data(seen.filter((p) => !p.chosen && p !== best)).join("circle")
        .attr("class", (p) => "dot" + (kept.has(p) ? "" : " out") + (p.i === state.selected ? " selected" : ""))
        .attr("cx", (p) => x(p[kx])).attr("cy", (p) => y(p[ky])).attr("r", (p) => (kept.has(p) ? full : 2))
        .attr("data-tip", tip).on("click", choose);
      const marks = seen.filter((p) => p.chosen || p === best).map((p) => ({
        ...p, words: p.chosen && p === best ? "this plan, best" : p.chosen ? "this plan" : "best: " + p.id, star: p === best && !p.chosen,
      }));
      svg.selectAll(".sign").data(marks).join("path").attr("class", (p) => "sign " + (p.star ? "best-mark" : "chosen"))
        .attr("d", (p) => d3.symbol(p.star ? d3.symbolStar : d3.symbolDiamond, 130)())
        .attr("transform", (p) => "translate(" + x(p[kx]) + " " + y(p[ky]) + ")").attr("data-tip", tip).on("click", choose);
      svg.selectAll(".mark").data(marks).join("text").attr("class", "mark").text((p) => p.words)
        .attr("text-anchor", (p) => (x(p[kx]) > 290 ? "end" : "start"))
        .attr("x", (p) => x(p[kx]) + (x(p[kx]) > 290 ? -12 : 12))
        .attr("y", (p) => y(p[ky]) + (y(p[ky]) < 40 || !p.chosen ? 17 : -8));
      figure.querySelector("figcaption").textContent = axes.get(ky).label + " against " + axes.get(kx).label.toLowerCase() +
        ": dots within the limits are full, others are small rings; the line joins plans that none beats in these two. Modelled.";
    }

    // Plans that none beats in two objectives, by the first of them.
    function edge(from, kx, ky) {
      const sign = (key) => (axes.get(key).low ? 1 : -1);
      const sorted = [...from].sort((a, b) => sign(kx) * (a[kx] - b[kx]) || sign(ky) * (a[ky] - b[ky]));
      let best = Infinity;
      return sorted.filter((p) => sign(ky) * p[ky] < best && ((best = sign(ky) * p[ky]), true));
    }

    for (const s of sliders) s.input.addEventListener("input", update);
    $("best").addEventListener("change", (e) => { state.best = e.target.value; update(); });
    $("reset").addEventListener("click", () => {
      for (const s of sliders) s.input.value = s.most ? 100 : 0;
      state.selected = null;
      update();
    });
    $("front-more").addEventListener("click", () => { state.shown *= 4; update(); });
    for (const figure of figures) {
      show(figure.querySelector(".axes"));
      for (const select of figure.querySelectorAll("[data-axis]")) {
        select.addEventListener("change", () => { figure.dataset[select.dataset.axis] = select.value; update(); });
      }
    }
    document.querySelector(".controls").addEventListener("submit", (e) => e.preventDefault());
    show(document.querySelector(".controls"));
    show($("verdict"));
    const more = document.querySelector("#front-holder .more");
    if (more) more.hidden = true;
    update();
    return { points, sliders, within, limit };
  }

  // Moves what a reader would move and writes down what happened.
  function tryItself(plans, formats) {
    const out = { errors, formats, tables: {}, charts: document.querySelectorAll(".plot svg").length };
    for (const table of document.querySelectorAll("table[id]")) {
      if (table.id !== "front-services") out.tables[table.id] = JSON.parse(JSON.stringify(rows(table))).length;
    }
    if (plans) {
      const move = (id, value) => { $(id).value = value; $(id).dispatchEvent(new Event("input", { bubbles: true })); };
      const count = () => $("front-table").tBodies[0].rows.length;
      const open = () => { for (let i = 0; i < 9 && !$("front-more").hidden; i++) $("front-more").click(); };
      open();
      out.all = count();
      for (const s of plans.sliders) {
        move(s.id, 50);
        const column = rows($("front-table")).map((r) => r[s.key]);
        out[s.id] = {
          limit: plans.limit(s),
          rows: count(),
          expected: plans.points.filter(plans.within).length,
          kept: column.every((v) => (s.most ? v <= plans.limit(s) : v >= plans.limit(s))),
          rings: document.querySelectorAll("[data-front='0'] .dot.out").length,
          best: document.querySelectorAll("#front-table .badge.best").length,
        };
        $("reset").click();
      }
      out.reset = count();
      const select = document.querySelector("[data-front='0'] [data-axis='x']");
      select.value = "ipw";
      select.dispatchEvent(new Event("change"));
      out.axis = document.querySelector("[data-front='0'] .axis").textContent;
      document.querySelector("#front-table button").click();
      out.detail = document.querySelectorAll("#front-services tbody tr").length;
    }
    $("theme").click();
    out.theme = document.documentElement.dataset.theme;
    // Errors of later tasks belong to the outcome.
    setTimeout(() => document.body.append(make("pre", { id: "selftest" }, JSON.stringify(out))), 300);
  }

  // Formats of the static table against this script's, before it is replaced.
  function sameFormats() {
    const table = $("front-table");
    if (!table) return 0;
    const keys = [...table.querySelectorAll("thead th")].map((th) => th.dataset.k);
    let same = 0;
    for (const cell of table.querySelectorAll("tbody [data-v]")) {
      const words = say(keys[cell.cellIndex], Number(cell.dataset.v));
      if (words === cell.textContent) same += 1;
      else console.error("format: " + words + " is not " + cell.textContent);
    }
    return same;
  }

  const data = JSON.parse($("report-data").textContent);
  const formats = selftest ? sameFormats() : 0;
  colours();
  copying();
  tips();
  map();
  const plans = data.ids.length ? front(data) : null;
  if (selftest) tryItself(plans, formats);
})();
