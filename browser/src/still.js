// Elements whose style lets them move, and animations that run.
(() => {
  const long = (text) => text.split(",").some((t) => parseFloat(t) > 0);
  const moves = [...document.querySelectorAll("*")].filter((e) => {
    const style = getComputedStyle(e);
    return long(style.transitionDuration) || (style.animationName !== "none" && long(style.animationDuration)) || style.scrollBehavior === "smooth";
  });
  return moves.map((e) => e.localName + "." + (e.getAttribute("class") || "")).concat(document.getAnimations().map(() => "an animation that runs"));
})()
