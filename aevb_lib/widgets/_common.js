/* What all live pictures share; Python puts this text before a picture's own.
   1 data, 2 the state that all views of one model share, 3 elements and words,
   4 drawing, 5 charts, 6 pointer and keys, 7 the view, 8 ways in. */

// ---- 1. Data: bytes from the kernel, or from the saved page, to typed arrays ----

const NONE = new Uint8Array(0);

/** An aligned copy of the bytes of a DataView, typed array or ArrayBuffer. */
function bytesOf(value) {
  if (!value) return new Uint8Array(0);
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
}

const floatsOf = (value) => new Float32Array(bytesOf(value).buffer);
const doublesOf = (value) => new Float64Array(bytesOf(value).buffer);

const sameNumbers = (a, b) =>
  a === b || (a.length === b.length && a.every((value, k) => value === b[k]));

// ---- 2. The state that all views of one model share ----

const SEND_EVERY = 50; // ms, to the kernel
const RETRY_AFTER = 5000; // ms, once the kernel is gone
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const tidy = (value) => Math.round(value * 1e4) / 1e4;

/** Calls `flush` soon, no more often than every SEND_EVERY ms, and after a failure
    (false) not for RETRY_AFTER ms. */
function throttled(flush) {
  let timer = null;
  let last = -Infinity;
  const run = () => {
    timer = null;
    last = performance.now() + (flush() === false ? RETRY_AFTER : 0);
  };
  const call = () => {
    const wait = Math.max(0, last + SEND_EVERY - performance.now());
    if (timer === null) timer = setTimeout(run, wait);
  };
  return { call, stop: () => clearTimeout(timer) };
}

/** The traits `names`: what was put here counts at once; the model gets it when it is
    sent, so that no late echo of an older value can take its place. */
class State {
  constructor(model, names) {
    this.model = model;
    this.unsent = new Map(); // what was put here since the last sending
    this.sender = throttled(() => this.send());
    this.views = new Set();
    this.memo = {};
    this.handlers = names.map((name) => {
      const handler = () => this.sending || this.changed(name);
      model.on(`change:${name}`, handler);
      return [`change:${name}`, handler];
    });
  }

  get(name) {
    return this.unsent.has(name) ? this.unsent.get(name) : this.model.get(name);
  }

  put(name, value) {
    if (value === this.get(name)) return;
    this.unsent.set(name, value);
    this.changed(name);
    this.sender.call();
  }

  send() {
    this.sending = true;
    for (const [name, value] of this.unsent) this.model.set(name, value);
    this.sending = false;
    this.unsent.clear();
    try {
      this.model.save_changes();
      return true;
    } catch {
      return false; // The kernel is gone. The page goes on.
    }
  }

  /** A trait has a new value, from here or from the kernel. */
  changed(name) {
    this.tell(name);
  }

  tell(what) {
    for (const view of this.views) view.touch(what);
  }

  /** make() once for the same keys, told apart by ===. */
  remember(name, keys, make) {
    const old = this.memo[name];
    if (old && old.keys.every((key, k) => key === keys[k])) return old.value;
    const value = make();
    this.memo[name] = { keys, value };
    return value;
  }

  dispose() {
    this.sender.stop();
    for (const [name, handler] of this.handlers) this.model.off(name, handler);
  }
}

/** Calls step(seconds, jump) in each animation frame while it runs: seconds since the
    last call. For those who ask for less motion once a second, with jump true. */
function makeClock(step) {
  let stop = null;
  const jumps = () => {
    const timer = setInterval(() => step(1, true), 1000);
    return () => clearInterval(timer);
  };
  const frames = () => {
    let [last, frame] = [null, null];
    const tick = (now) => {
      frame = requestAnimationFrame(tick);
      if (last !== null) step(Math.min(0.1, (now - last) / 1000), false);
      last = now;
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  };
  return {
    run(on) {
      if (on) stop ??= calm() ? jumps() : frames();
      else {
        stop?.();
        stop = null;
      }
    },
  };
}

// ---- 3. Elements and words ----

/** An element with attributes and children; `testid` becomes data-testid. */
function make(tag, { testid, text, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  if (testid) node.dataset.testid = testid;
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter(Boolean));
  return node;
}

function makeSelect(testid, words, options) {
  const select = make("select", { testid, "aria-label": words });
  select.append(...options.map(([value, text]) => make("option", { value, text })));
  return select;
}

/** A labelled slider: { row, input, output }. `name` is shown, `words` are read out. */
function makeSlider(testid, name, words, { min, max, step = 0.01 }) {
  const input = make("input", { type: "range", min, max, step, testid, "aria-label": words });
  const output = make("output");
  return { input, output, row: make("label", {}, make("span", { text: name }), input, output) };
}

let sheetCount = 0;

/** z with its number below the line: z1 is the first latent. */
const latentName = (j) =>
  `z${String(j + 1).replace(/\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)))}`;
const shown = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
/** A number of nats: 3 decimals, fewer when it is large. */
const nats = (value) => shown(value, Math.abs(value) < 1e3 ? 3 : Math.abs(value) < 1e5 ? 1 : 0);
const spoken = (value, digits = 1) => value.toFixed(digits).replace("-", "minus ");
/** Words that are shown, as words to be read out. */
const aloud = (words) =>
  `${words.replaceAll("\u2212", "minus ").replaceAll("\u03bc", "mu").replaceAll("\u03c3", "sigma")}.`
    .replace("\n", ". ");

// ---- 4. Drawing ----

const FONT = "system-ui, sans-serif";
const TURN = 2 * Math.PI;

/** A canvas as large as its box, in device pixels; the pen counts in CSS pixels. */
function fitCanvas(pen, wide, high) {
  const ratio = window.devicePixelRatio || 1;
  pen.canvas.width = Math.round(wide * ratio);
  pen.canvas.height = Math.round(high * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

function strokeEllipse(pen, x, y, rx, ry) {
  pen.beginPath();
  pen.ellipse(x, y, rx, ry, 0, 0, TURN);
  pen.stroke();
}

function fillDot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, TURN);
  pen.fill();
}

/** An arrow with a head of at most 6 pixels. */
function arrow(pen, x0, y0, x1, y1) {
  const far = Math.hypot(x1 - x0, y1 - y0);
  line(pen, x0, y0, x1, y1);
  if (far < 1) return;
  const head = Math.min(6, 0.6 * far);
  const angle = Math.atan2(y1 - y0, x1 - x0);
  pen.beginPath();
  for (const turn of [-2.6, 0, 2.6]) {
    const reach = turn ? head : 0;
    pen.lineTo(x1 + reach * Math.cos(angle + turn), y1 + reach * Math.sin(angle + turn));
  }
  pen.stroke();
}

/** A rectangle of slanted lines; slope 1 rises to the right, -1 falls. */
function hatch(pen, x, y, wide, high, colour, slope = 1, gap = 7) {
  if (high <= 0) return;
  pen.save();
  pen.beginPath();
  pen.rect(x, y, wide, high);
  pen.clip();
  pen.fillStyle = pen.strokeStyle = colour;
  pen.globalAlpha = 0.14;
  pen.fillRect(x, y, wide, high);
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  for (let at = -wide; at < high + wide; at += gap)
    line(pen, x, y + at + (slope > 0 ? wide : 0), x + wide, y + at + (slope > 0 ? 0 : wide));
  pen.lineWidth = 2;
  pen.strokeRect(x, y, wide, high);
  pen.restore();
}

/** A mean as a triangle with its tip at (x, y), over a bar from low to high. */
function meanMark(pen, colours, x, y, low, high, colour) {
  pen.fillStyle = pen.strokeStyle = colour;
  pen.lineWidth = 2;
  line(pen, low, y + 15, high, y + 15);
  for (const end of [low, high]) line(pen, end, y + 11, end, y + 19);
  pen.beginPath();
  for (const corner of [-6, 0, 6]) pen.lineTo(x + corner, corner ? y + 10 : y);
  pen.closePath();
  pen.fill();
  pen.strokeStyle = colours.bg;
  pen.lineWidth = 1;
  pen.stroke();
}

/** Words in the picture, with a halo so that they can be read over points. */
function label(pen, colours, words, x, y, { align = "center", colour = colours.ink, size = 12 } = {}) {
  pen.font = `600 ${size}px ${FONT}`;
  pen.textAlign = align;
  pen.textBaseline = "middle";
  const wide = pen.measureText(words).width + 6;
  const side = pen.canvas.clientWidth;
  const left = align === "center" ? wide / 2 : align === "left" ? 3 : wide - 3;
  const right = align === "center" ? wide / 2 : align === "left" ? wide - 3 : 3;
  x = Math.max(left, Math.min(side - right, x));
  pen.strokeStyle = colours.bg;
  pen.lineWidth = 5;
  pen.lineJoin = "round";
  pen.strokeText(words, x, y);
  pen.fillStyle = colour;
  pen.fillText(words, x, y);
}

/** Ellipses of one and two sigma. */
function drawGaussian(pen, colours, x, y, rx, ry) {
  pen.fillStyle = pen.strokeStyle = colours.q;
  pen.lineWidth = 2;
  for (const k of [2, 1]) {
    pen.globalAlpha = 0.16;
    pen.beginPath();
    pen.ellipse(x, y, k * rx, k * ry, 0, 0, TURN);
    pen.fill();
    pen.globalAlpha = k === 1 ? 1 : 0.7;
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

// ---- 5. Charts: a canvas with two axes ----

/** Round numbers in [low, high], about `count` of them. */
function ticks(low, high, count = 5) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((k) => k * power >= raw * 0.999) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * step);
}

const tickWords = (value) => String(Number(value.toPrecision(6))).replace("-", "\u2212");

/** A power of ten: 0.01, 100, and from 10\u2074 and 10\u207b\u2074 on with its exponent. */
function powerWords(value) {
  const power = Math.round(Math.log10(value));
  if (Math.abs(power) < 4) return tickWords(value);
  const raised = (digit) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[digit];
  return `10${power < 0 ? "\u207b" : ""}${String(Math.abs(power)).replace(/\d/g, raised)}`;
}

/** x and y are [low, high]; `log` makes y logarithmic. `pad` is top, right, bottom, left
    in pixels. The box is a div of class lex-chart; its size is the chart's. */
class Chart {
  constructor(box, { x, y, xName = "", yName = "", log = false, pad = [12, 12, 34, 46] }) {
    this.box = box;
    Object.assign(this, { x, y, xName, yName, log, pad });
    const canvas = make("canvas", { "aria-hidden": "true" });
    box.append(canvas);
    this.pen = canvas.getContext("2d");
  }

  /** Call before drawing: takes the box's size and wipes the canvas. */
  start() {
    const [wide, high] = [this.box.clientWidth, this.box.clientHeight];
    if (wide !== this.wide || high !== this.high) {
      [this.wide, this.high] = [wide, high];
      fitCanvas(this.pen, wide, high);
    }
    this.pen.clearRect(0, 0, wide, high);
    this.pen.globalAlpha = 1;
    this.pen.setLineDash([]);
  }

  get left() { return this.pad[3]; }
  get right() { return this.wide - this.pad[1]; }
  get top() { return this.pad[0]; }
  get bottom() { return this.high - this.pad[2]; }

  px(x) {
    return this.left + ((x - this.x[0]) / (this.x[1] - this.x[0])) * (this.right - this.left);
  }

  py(y) {
    const [low, high, value] = this.log
      ? [Math.log(this.y[0]), Math.log(this.y[1]), Math.log(Math.max(y, 1e-300))]
      : [this.y[0], this.y[1], y];
    return this.bottom - ((value - low) / (high - low)) * (this.bottom - this.top);
  }

  /** [x, y] of a spot in CSS pixels, for a linear y. */
  at(px, py) {
    const across = (px - this.left) / (this.right - this.left);
    const up = (this.bottom - py) / (this.bottom - this.top);
    return [
      this.x[0] + across * (this.x[1] - this.x[0]),
      this.y[0] + up * (this.y[1] - this.y[0]),
    ];
  }

  /** Axes with round numbers and names; `yTicks` false leaves y without numbers. */
  axes(colours, { xTicks = ticks(...this.x), yTicks } = {}) {
    const { pen } = this;
    const powers = this.log && ticks(Math.log10(this.y[0]), Math.log10(this.y[1]), 4)
      .filter((k) => Math.abs(k - Math.round(k)) < 1e-9).map((k) => 10 ** k);
    yTicks ??= powers || ticks(...this.y);
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    line(pen, this.left, this.bottom, this.right, this.bottom);
    if (yTicks) line(pen, this.left, this.top, this.left, this.bottom);
    pen.font = `12px ${FONT}`;
    pen.fillStyle = colours.soft;
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const tick of xTicks) {
      line(pen, this.px(tick), this.bottom, this.px(tick), this.bottom + 4);
      pen.fillText(tickWords(tick), this.px(tick), this.bottom + 12);
    }
    pen.fillStyle = colours.ink;
    pen.fillText(this.xName, (this.left + this.right) / 2, this.bottom + 27);
    pen.textAlign = "right";
    pen.fillStyle = colours.soft;
    for (const tick of yTicks || []) {
      line(pen, this.left - 4, this.py(tick), this.left, this.py(tick));
      const words = powers ? powerWords(tick) : tickWords(tick);
      pen.fillText(words, this.left - 6, this.py(tick));
    }
    if (!this.yName) return;
    pen.save();
    pen.translate(9, (this.top + this.bottom) / 2);
    pen.rotate(-TURN / 4);
    pen.textAlign = "center";
    pen.fillStyle = colours.ink;
    pen.fillText(this.yName, 0, 0);
    pen.restore();
  }

  /** Runs `draw(pen)` inside the axes only. */
  inside(draw) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(this.left, this.top, this.right - this.left, this.bottom - this.top);
    pen.clip();
    draw(pen);
    pen.restore();
  }

  curve(xs, ys, colour, { width = 2, dash = [] } = {}) {
    this.inside((pen) => {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.setLineDash(dash);
      pen.beginPath();
      for (let k = 0; k < xs.length; k++) pen.lineTo(this.px(xs[k]), this.py(ys[k]));
      pen.stroke();
    });
  }

  /** The area between a curve and y = floor. */
  area(xs, ys, colour, { alpha = 0.2, floor = this.y[0] } = {}) {
    this.inside((pen) => {
      pen.fillStyle = colour;
      pen.globalAlpha = alpha;
      pen.beginPath();
      pen.moveTo(this.px(xs[0]), this.py(floor));
      for (let k = 0; k < xs.length; k++) pen.lineTo(this.px(xs[k]), this.py(ys[k]));
      pen.lineTo(this.px(xs[xs.length - 1]), this.py(floor));
      pen.fill();
    });
  }

  words(text, x, y, colours, options) {
    label(this.pen, colours, text, this.px(x), this.py(y), options);
  }
}

// ---- 6. Pointer and keys ----

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1] };

/** A press on `box`, and each move until it ends, calls move(x, y, first) in pixels. */
function steerDrag(box, signal, move) {
  let grip = null;
  const at = (event) => {
    const frame = box.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const on = (name, handler) => box.addEventListener(name, handler, { signal });
  on("pointerdown", (event) => {
    if (grip !== null || event.button > 0) return;
    box.focus({ preventScroll: true, focusVisible: false });
    box.setPointerCapture(event.pointerId);
    grip = event.pointerId;
    move(...at(event), true);
  });
  on("pointermove", (event) => event.pointerId === grip && move(...at(event), false));
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
    on(name, (event) => event.pointerId === grip && (grip = null));
}

/** Arrow keys call step(axis, sign, far): axis 0 across, 1 up; far with Shift. Other
    keys call `others[key]`. What is not listed is left to the page. */
function steerKeys(box, signal, step, others = {}) {
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ARROWS[event.key];
    if (way) step(way[0], way[1], event.shiftKey);
    else if (others[event.key]) others[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });
}

// ---- 7. The view: one root, drawn once in an animation frame ----

/** A picture's view extends it: its constructor builds, then calls open(). `draw(dirty)`
    draws what was touched; `spokenState()` says it in words. */
class Sheet {
  constructor(state, testid) {
    this.state = state;
    this.id = `lex-${++sheetCount}`;
    this.stopper = new AbortController();
    this.signal = this.stopper.signal;
    this.dirty = new Set();
    this.root = make("div", { class: "lex lex-theme", testid });
    this.root.dataset.lmSuppressShortcuts = "true"; // the notebook leaves our keys to us
    this.root.state = state;
    this.live = make("div", { class: "lex-unseen", role: "status", "aria-live": "polite", testid: "live" });
  }

  /** Shows the root in el; `box` is the part whose size the drawing follows. */
  open(el, box) {
    this.root.append(this.live);
    el.append(this.root);
    this.box = box;
    const repaint = () => this.touch("theme");
    this.on(matchMedia("(prefers-color-scheme: dark)"), "change", repaint);
    this.on(this.root, "transitionend", (event) => event.target === this.root && repaint());
    this.themes = new MutationObserver(repaint);
    this.themes.observe(document.body, { attributeFilter: ["class", "data-jp-theme-light", "data-jp-theme-name"] });
    this.sizes = new ResizeObserver(() => this.touch("all"));
    this.sizes.observe(box);
    this.state.views.add(this);
    this.touch("all");
  }

  on(node, name, handler) {
    node?.addEventListener(name, handler, { signal: this.signal });
  }

  touch(what) {
    this.dirty.add(what);
    if (what === "theme" || what === "all") this.colours = null;
    else this.sayLater();
    this.wake();
  }

  /** The theme's colours: bg, ink, soft, line, q, p, noise. */
  readColours() {
    const style = getComputedStyle(this.root);
    const names = ["bg", "ink", "soft", "line", "q", "p", "noise"];
    return Object.fromEntries(
      names.map((name) => [name, style.getPropertyValue(`--lex-${name}`).trim()]));
  }

  wake() {
    this.frame ??= requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.frame = null;
    if (!this.box.clientWidth) return; // hidden; the size observer calls again
    const dirty = this.dirty;
    this.dirty = new Set();
    this.colours ??= this.readColours();
    this.draw(dirty, now);
  }

  // -- words for a screen reader, half a second after the last move
  say(words) {
    clearTimeout(this.speech);
    this.live.textContent = words;
  }

  sayLater() {
    clearTimeout(this.speech);
    this.speech = setTimeout(() => this.say(this.spokenState()), 500);
  }

  dispose() {
    this.state.views.delete(this);
    this.stopper.abort();
    this.themes.disconnect();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.speech);
    this.root.remove();
  }
}

// ---- 8. Ways in: a notebook's widget, or a saved page ----

/** What anywidget wants, one call a model: its views share the state. */
const widgetOf = (makeState, makeView) => () => {
  let state = null;
  return {
    initialize({ model }) {
      state = makeState(model);
      return () => state.dispose();
    },
    render({ el }) {
      const view = makeView(state, el);
      return () => view.dispose();
    },
  };
};

/** A model without a kernel: get, set, on, off, and nothing to save to. */
function savedModel(state) {
  const handlers = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      handlers.get(`change:${name}`)?.forEach((handler) => handler());
    },
    on(name, handler) {
      handlers.set(name, (handlers.get(name) ?? new Set()).add(handler));
    },
    off: (name, handler) => handlers.get(name)?.delete(handler),
    save_changes() {},
  };
}

/** The traits in a saved page's script element; bytes arrive as base64. */
function savedTraits(script) {
  const traits = {};
  for (const [name, value] of Object.entries(JSON.parse(script.textContent))) {
    const packed = value?.base64;
    traits[name] = packed === undefined
      ? value
      : Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  }
  return traits;
}

/** A saved page calls openSaved(el, script), which a picture makes with this. */
const savedOf = (makeState, makeView, more = {}) => (el, script) =>
  makeView(makeState(savedModel({ ...more, ...savedTraits(script) })), el);
