/* EvidenceExplorer: a cut through p(x, z) at the chosen x, its area and its shape.
   1 the state, 2 the view. x is one of the grid's rows. */

// ---- 1. The state ----

class Evidence extends State {
  constructor(model) {
    super(model, ["x_value"]);
    const { z, x } = model.get("_meta");
    Object.assign(this, { z, x });
    this.zs = Float64Array.from({ length: z.count }, (_, k) => z.low + k * z.step);
    this.xs = Float64Array.from({ length: x.count }, (_, k) => x.low + k * x.step);
    this.logJoint = doublesOf(model.get("_log_joint"));
    this.logEvidence = this.xs.map((_, row) => logSum(this.row(row)) + Math.log(z.step));
    this.evidence = this.logEvidence.map(Math.exp);
    this.top = this.logJoint.reduce((top, value) => Math.max(top, value), -Infinity);
    this.start = this.get("x_value");
    this.prior = this.findPrior();
    this.seen = this.findSeen();
    const peaks = this.xs.map((_, row) => this.row(row).reduce((a, b) => Math.max(a, b)));
    const most = Math.max(...this.evidence);
    this.tallest = peaks.reduce((tall, peak, row) => this.evidence[row] < 1e-3 * most
      ? tall : Math.max(tall, Math.exp(peak - this.logEvidence[row])), 0);
  }

  row(number) {
    return this.logJoint.subarray(number * this.z.count, (number + 1) * this.z.count);
  }

  /** p(z), summed over x; null where the grid of x does not hold p(x). */
  findPrior() {
    const { evidence, x, z } = this;
    const most = Math.max(...evidence);
    if (Math.max(evidence[0], evidence[x.count - 1]) > 2e-3 * most) return null;
    const prior = new Float64Array(z.count);
    for (let k = 0; k < this.logJoint.length; k++)
      prior[k % z.count] += Math.exp(this.logJoint[k]) * x.step;
    return prior;
  }

  /** The part of the z axis in which the joint can be seen, with some room. */
  findSeen() {
    const { z, zs, logJoint, top } = this;
    let [first, last] = [z.count - 1, 0];
    logJoint.forEach((value, k) => {
      if (value < top + Math.log(2e-3)) return;
      first = Math.min(first, k % z.count);
      last = Math.max(last, k % z.count);
    });
    const room = 0.08 * (zs[last] - zs[first]);
    return [Math.max(z.low, zs[first] - room), Math.min(z.high, zs[last] + room)];
  }

  get at() {
    const { low, step, count } = this.x;
    return Math.max(0, Math.min(count - 1, Math.round((this.get("x_value") - low) / step)));
  }

  moveTo(row) {
    this.put("x_value", this.xs[Math.max(0, Math.min(this.x.count - 1, Math.round(row)))]);
  }

  /** What the cut tells: p(x), the cut, and p(z|x) with its mean and deviation. */
  answer() {
    const row = this.at;
    return this.remember("answer", [row], () => {
      const { zs, z } = this;
      const logEvidence = this.logEvidence[row];
      const cut = this.row(row).map(Math.exp);
      const posterior = this.row(row).map((value) => Math.exp(value - logEvidence));
      const mean = posterior.reduce((sum, p, k) => sum + p * zs[k] * z.step, 0);
      const square = posterior.reduce((sum, p, k) => sum + p * (zs[k] - mean) ** 2 * z.step, 0);
      return { x: this.xs[row], evidence: this.evidence[row], logEvidence, mean,
        sd: Math.sqrt(square), cut, posterior };
    });
  }
}

// ---- 2. The view ----

/** A density: four decimals, or three digits and a power of ten. */
function smaller(value) {
  if (value >= 1e-3 || value === 0) return value.toFixed(4);
  const [digits, power] = value.toExponential(2).split("e-");
  return `${digits}\u00b710\u207b${power.replace(/\d/g, (digit) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit])}`;
}

class EvidenceView extends Sheet {
  constructor(state, el) {
    super(state, "evidence-explorer");
    this.build();
    this.connect();
    this.open(el, this.box);
  }

  // -- the page's elements
  build() {
    const { state } = this;
    const { x } = state;
    const keys = "Up and down arrow keys move x, with Shift farther. Home goes back to the start.";
    this.box = make("div", {
      class: "lex-chart lex-joint", testid: "joint", tabindex: 0, role: "slider",
      "aria-label": "x, where p(x, z) is cut", "aria-orientation": "vertical",
      "aria-valuemin": x.low, "aria-valuemax": x.high, "aria-describedby": `${this.id}-keys`,
    });
    const [side, cut] = ["evidence", "cut"].map((testid) =>
      make("div", { class: `lex-chart lex-${testid}`, testid }));
    this.slider = makeSlider("x", "x", "x", { min: 0, max: x.count - 1, step: 1 });
    this.readout = make("p", { class: "lex-readout", testid: "readout" }, this.buildTerms());
    this.root.append(
      make("p", { class: "lex-hint", text: "Drag the line up or down to choose x. The area of the cut is p(x); the cut divided by its area is p(z|x)." }),
      make("div", { class: "lex-cuts" }, this.box, side, cut, this.readout),
      make("div", { class: "lex-sliders" }, this.slider.row),
      make("div", { class: "lex-notes" }, make("p", { text: keys, id: `${this.id}-keys` })));
    const rows = [x.low, x.high];
    const plane = { x: state.seen, y: rows, xName: "z", yName: "x" };
    this.under = new Chart(this.box, plane); // what stays, drawn once
    this.over = new Chart(this.box, plane);
    this.side = new Chart(side, { x: [0, 1.2 * Math.max(...state.evidence)], y: rows,
      xName: "p(x)", pad: [12, 8, 34, 8] });
    this.cut = new Chart(cut, { x: state.seen, y: [0, 1.1 * state.tallest], xName: "z", yName: "density" });
    this.digits = Math.max(1, 2 - Math.floor(Math.log10(x.step * 100)));
  }

  buildTerms() {
    this.terms = {};
    const term = (key, name) => {
      this.terms[key] = make("b");
      return make("span", { class: `lex-term lex-of-${key}` }, this.terms[key], make("span", { text: name }));
    };
    return make("span", { class: "lex-sum" }, term("x", "x"), term("evidence", "p(x)"),
      term("logEvidence", "log p(x), nats"), term("mean", "mean of p(z|x)"), term("sd", "sd of p(z|x)"));
  }

  // -- listeners
  connect() {
    const { state } = this;
    for (const chart of [this.over, this.side])
      steerDrag(chart.box, this.signal, (_, py) =>
        state.moveTo((chart.at(0, py)[1] - state.x.low) / state.x.step));
    const step = (_, sign, far) => state.moveTo(state.at + sign * (far ? 10 : 1));
    const far = (sign) => () => step(0, sign, true);
    steerKeys(this.box, this.signal, step, {
      Home: () => state.put("x_value", state.start), PageUp: far(1), PageDown: far(-1),
    });
    this.on(this.slider.input, "input", () => state.moveTo(Number(this.slider.input.value)));
  }

  // -- drawing
  draw(dirty) {
    if (dirty.has("all") || dirty.has("theme")) this.drawJoint();
    this.drawLine();
    this.drawEvidence();
    this.drawCut();
    this.drawWords();
  }

  drawJoint() {
    const { state, colours, under } = this;
    const { z, x, logJoint, top } = state;
    const heat = state.remember("heat", [colours.p], () =>
      heatMap(z, x, (i, j) => Math.exp(logJoint[j * z.count + i] - top), colours.p));
    under.start();
    drawHeat(under, heat, z, x);
    under.axes(colours);
  }

  /** The line at x, and on it the posterior's mean, one deviation to each side. */
  drawLine() {
    const { over, colours } = this;
    const { x, mean, sd } = this.state.answer();
    const { pen } = over;
    over.start();
    const y = over.py(x);
    pen.strokeStyle = pen.fillStyle = colours.ink;
    pen.lineWidth = 1.5;
    line(pen, over.left, y, over.right, y);
    over.inside(() => {
      pen.lineWidth = 5;
      line(pen, over.px(mean - sd), y, over.px(mean + sd), y);
      fillDot(pen, over.px(mean), y, 5);
    });
    pen.lineWidth = 2.5;
    pen.fillStyle = colours.bg;
    fillDot(pen, over.left + 12, y, 7);
    strokeEllipse(pen, over.left + 12, y, 7, 7);
    label(pen, colours, `x = ${shown(x, this.digits)}`, over.left + 26, y - 12, { align: "left", size: 13 });
    label(pen, colours, "p(x, z)", over.right - 8, over.top + 10, { align: "right", colour: colours.p, size: 14 });
  }

  drawEvidence() {
    const { side, state, colours } = this;
    const { x, evidence } = state.answer();
    const { pen } = side;
    side.start();
    side.inside(() => {
      pen.fillStyle = pen.strokeStyle = colours.p;
      pen.beginPath();
      pen.moveTo(side.px(0), side.bottom);
      state.evidence.forEach((p, row) => pen.lineTo(side.px(p), side.py(state.xs[row])));
      pen.lineTo(side.px(0), side.top);
      pen.globalAlpha = 0.16;
      pen.fill();
    });
    side.curve(state.evidence, state.xs, colours.p, { width: 2.5 });
    side.axes(colours, { yTicks: false, xTicks: ticks(...side.x, 2) });
    const [px, py] = [side.px(evidence), side.py(x)];
    pen.strokeStyle = pen.fillStyle = colours.ink;
    pen.lineWidth = 1.5;
    line(pen, side.left, py, px, py);
    fillDot(pen, px, py, 5.5);
    label(pen, colours, smaller(evidence), px + 9, py - 13, { align: "left" });
  }

  /** The cut, hatched, and the posterior; the prior dashed. */
  drawCut() {
    const { cut: chart, state, colours } = this;
    const { zs, prior } = state;
    const { cut, posterior, mean, sd } = state.answer();
    const { pen } = chart;
    chart.start();
    if (prior) chart.curve(zs, prior, colours.noise, { width: 1.5, dash: [5, 4] });
    chart.area(zs, posterior, colours.p, { alpha: 0.2 });
    chart.area(zs, cut, colours.p, { alpha: 0.45 });
    chart.curve(zs, cut, colours.p, { width: 1.25 });
    chart.curve(zs, posterior, colours.p, { width: 2.5 });
    chart.axes(colours);
    pen.strokeStyle = pen.fillStyle = colours.ink;
    pen.lineWidth = 4;
    const floor = chart.bottom - 1;
    line(pen, chart.px(mean - sd), floor, chart.px(mean + sd), floor);
    fillDot(pen, chart.px(mean), floor, 5);
    this.nameCurves(chart);
  }

  nameCurves(chart) {
    const { state, colours } = this;
    const { zs, prior, seen } = state;
    const { cut, posterior, mean, evidence } = state.answer();
    const top = posterior.reduce((a, b) => Math.max(a, b));
    const flank = (part) => zs[posterior.findLastIndex((value) => value > part * top)];
    const room = 0.02 * (seen[1] - seen[0]);
    const name = (text, z, y, options) => chart.words(text, z, Math.min(y, 0.94 * chart.y[1]), colours, options);
    const [p, size] = [colours.p, 13];
    const roomy = chart.wide > 420;
    name(roomy ? "p(z|x): area 1" : "p(z|x)", flank(0.5) + room, 0.8 * top, { align: "left", colour: p, size });
    const { pen } = chart;
    const [x, y] = [chart.px(flank(0.5) + room), chart.py(Math.min(0.8 * top, 0.94 * chart.y[1])) + 18];
    const [spot, height] = [flank(0.85), cut.reduce((a, b) => Math.max(a, b))];
    pen.strokeStyle = pen.fillStyle = colours.ink;
    pen.lineWidth = 1;
    line(pen, x, y + 3, chart.px(spot), chart.py(0.5 * height));
    fillDot(pen, chart.px(spot), chart.py(0.5 * height), 2);
    label(pen, colours, roomy ? `p(x, z): area ${smaller(evidence)}` : "p(x, z)", x, y, { align: "left" });
    if (prior) {
      const away = mean > 0 ? -1.2 : 1.2;
      const near = zs.findIndex((z) => z >= away);
      if (away > seen[0] && away < seen[1])
        name("prior p(z)", away, prior[near] + 0.03 * chart.y[1], { align: away < 0 ? "right" : "left", colour: colours.noise });
    }
  }

  drawWords() {
    const { state, terms, digits } = this;
    const { x, evidence, logEvidence, mean, sd } = state.answer();
    terms.x.textContent = shown(x, digits);
    terms.evidence.textContent = smaller(evidence);
    terms.logEvidence.textContent = nats(logEvidence);
    terms.mean.textContent = shown(mean, 3);
    terms.sd.textContent = shown(sd, 3);
    Object.assign(this.readout.dataset, { x, evidence, logEvidence, mean, sd });
    this.slider.input.value = state.at;
    this.slider.output.textContent = shown(x, digits);
    this.slider.input.setAttribute("aria-valuetext", spoken(x, digits));
    this.box.setAttribute("aria-valuenow", x);
    this.box.setAttribute("aria-valuetext", this.spokenState());
  }

  spokenState() {
    const { x, evidence, logEvidence, mean, sd } = this.state.answer();
    return aloud(`x ${shown(x, this.digits)}. p(x) ${smaller(evidence)}, log p(x) ${nats(logEvidence)}. ` +
      `Posterior mean ${shown(mean, 3)}, standard deviation ${shown(sd, 3)}`);
  }
}

const makeState = (model) => new Evidence(model);
const makeView = (state, el) => new EvidenceView(state, el);
export default widgetOf(makeState, makeView);
export const openSaved = savedOf(makeState, makeView);
