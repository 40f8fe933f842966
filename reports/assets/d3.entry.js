// What the report's page uses of d3. See README.md beside this file for the command that makes d3.min.js.
export { select, selectAll, pointer } from "d3-selection";
export { scaleLinear } from "d3-scale";
export { axisBottom, axisLeft } from "d3-axis";
export { line, curveStepAfter, symbol, symbolDiamond, symbolStar, symbolCircle } from "d3-shape";
export { zoom, zoomIdentity } from "d3-zoom";
