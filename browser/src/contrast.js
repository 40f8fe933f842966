// Each text of the page against what is painted under it. Colours of any notation become bytes through a canvas.
(() => {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const cache = new Map();
  const bytes = (colour) => {
    if (!cache.has(colour)) {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = colour;
      pixel.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
      cache.set(colour, [r, g, b, a / 255]);
    }
    return cache.get(colour);
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  // Backgrounds of an element and its parents, down to the first that hides the rest.
  const under = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = bytes(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), bytes(getComputedStyle(document.documentElement).colorScheme === "dark" ? "#000" : "#fff"));
  };
  // What a shape is filled with; a pattern counts as its first piece.
  const filled = (shape) => {
    let style = getComputedStyle(shape);
    const alpha = Number(style.fillOpacity) * Number(style.opacity);
    const pattern = style.fill.match(/url\("?#([^")]+)"?\)/);
    if (pattern) style = getComputedStyle(document.getElementById(pattern[1]).firstElementChild);
    if (style.fill === "none") return null;
    const [r, g, b, a] = bytes(style.fill);
    return [r, g, b, a * alpha];
  };
  const underSvg = (text) => {
    const style = getComputedStyle(text);
    if (style.paintOrder.startsWith("stroke") && style.stroke !== "none") return bytes(style.stroke);
    text.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = text.getBoundingClientRect();
    const layers = [];
    let base = text.closest("svg").parentElement;
    for (const at of document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)) {
      if (at === text || text.contains(at) || at.localName === "text" || at.localName === "tspan") continue;
      if (!(at instanceof SVGElement)) { base = at; break; }
      if (at instanceof SVGSVGElement) continue;
      const colour = filled(at);
      if (!colour || colour[3] === 0) continue;
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), under(base));
  };
  const faint = new Set();
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const style = getComputedStyle(element);
    const svg = element instanceof SVGElement;
    const back = svg ? underSvg(element) : under(element);
    const ink = over(svg ? filled(element) || [0, 0, 0, 0] : bytes(style.color), back);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    looked += 1;
    const seen = ratio(ink, back);
    if (seen < least - 0.005) {
      const say = (c) => "rgb(" + c.slice(0, 3).map(Math.round).join(" ") + ")";
      faint.add(seen.toFixed(2) + " to 1, " + least + " wanted: \u201c" + node.data.trim().slice(0, 40) + "\u201d " + element.localName + "." + (element.getAttribute("class") || "") + " " + say(ink) + " on " + say(back));
    }
  }
  return { looked, faint: [...faint] };
})()
