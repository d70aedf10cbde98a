/* LatentExplorer: drag z, see p(x | z); pick or draw x, see q(z | x).
   1 weights, 2 networks, 3 the state that all views share, 4 the plane, 5 pointer and
   keys, 6 posterior, 7 drawing pad, 8 the view, 9 ways in. What it shares with the
   other live pictures is in _common.js. */

// ---- 1. Weights ----

/** float16 bytes to Float32Array, through a table of all 65,536 values. */
function fromHalves(bytes) {
  const table = new Float32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    table[h] = exponent
      ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
      : sign * 2 ** -14 * (fraction / 1024);
  }
  return Float32Array.from(new Uint16Array(bytes.buffer), (h) => table[h]);
}

// ---- 2. Networks: y = activation(W x + b), layer after layer ----

const ACTIVATIONS = {
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  linear: (a) => a,
};

/** y = activation(W x + b); the rows of W lie one after another in memory. */
function layerForward({ weight, bias, activation }, x, y) {
  const n = x.length;
  const whole = n & ~3;
  for (let row = 0, k = 0; row < y.length; row++) {
    let a = 0, b = 0, c = 0, d = 0, j = 0;
    for (; j < whole; j += 4, k += 4) {
      a += weight[k] * x[j];
      b += weight[k + 1] * x[j + 1];
      c += weight[k + 2] * x[j + 2];
      d += weight[k + 3] * x[j + 3];
    }
    for (; j < n; j++, k++) a += weight[k] * x[j];
    y[row] = activation(bias[row] + (a + b + (c + d)));
  }
}

/** Takes its layers from the front of `floats`; returns x -> y, or null. */
function takeNetwork(shapes, floats) {
  if (!Array.isArray(shapes)) return null;
  const layers = shapes.map(([rows, columns, activation]) => {
    const weight = floats.next(rows * columns);
    const bias = floats.next(rows);
    return { weight, bias, activation: ACTIVATIONS[activation] };
  });
  return (x) =>
    layers.reduce((input, layer) => {
      const output = new Float32Array(layer.bias.length);
      layerForward(layer, input, output);
      return output;
    }, Float32Array.from(x));
}

function readNetworks(meta, bytes) {
  const all = fromHalves(bytes);
  let at = 0;
  const floats = { next: (size) => all.subarray(at, (at += size)) };
  const decoder = takeNetwork(meta.decoder, floats);
  return { decoder, encoder: takeNetwork(meta.encoder, floats) };
}

// ---- 3. The state that all views of one model share ----

const SPEED = 1.2; // Play, in units of z a second

function normal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

const TRAITS = "z axes picked drawing mu log_var eps path playing image image_z samples";

class Explorer extends State {
  constructor(model) {
    super(model, TRAITS.split(" "));
    this.meta = model.get("_meta");
    [this.rows, this.columns] = this.meta.shape;
    this.size = this.rows * this.columns;
    this.networks = readNetworks(this.meta, bytesOf(model.get("_weights")));
    this.points = floatsOf(model.get("_points"));
    this.labels = new Int16Array(bytesOf(model.get("_labels")).buffer);
    this.pixels = bytesOf(model.get("_pixels"));
    this.J = model.get("z").length;
    this.N = this.points.length / this.J;
    this.names = this.meta.classes;
    const digits = this.names.every((name) => /^\d$/.test(name));
    this.thing = digits ? "digit" : "point";
    this.short = this.names.every((name) => name.length <= 2);
    this.limit = this.findLimit();
    this.canEncode = this.meta.encoder !== "none";
    this.drawingHere = bytesOf(model.get("drawing"));
    this.strokes = []; // of the drawing, each a list of [column, row]
    this.penDown = false;
    if (this.get("playing")) this.play(true);
    if (this.networks.encoder && !this.get("mu").length && this.sourcePixels())
      this.encodeSource();
  }

  changed(name) {
    if (["playing", "path", "axes"].includes(name)) this.play(this.get("playing"));
    if ((name === "picked" || name === "drawing") && !this.placing) this.newSource(name);
    this.tell(name);
    if ((name === "mu" || name === "eps") && !this.penDown) this.tell("fall");
  }

  dispose() {
    this.play(false);
    super.dispose();
  }

  // -- z
  setZ(z) {
    this.put("z", Array.from(z, tidy));
  }

  moveZ(latent, value) {
    const z = this.get("z").slice();
    z[latent] = Math.max(-this.limit, Math.min(this.limit, value));
    this.setZ(z);
  }

  findLimit() {
    const farthest = this.points.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return Math.max(3.4, Math.ceil(10 * Math.min(farthest * 1.05, 6)) / 10);
  }

  point(index) {
    return Array.from(this.points.subarray(index * this.J, (index + 1) * this.J));
  }

  /** Row of the encoded point that lies nearest to z, in all latents. */
  nearest(z) {
    let best = 0;
    let least = Infinity;
    for (let i = 0, k = 0; i < this.N; i++) {
      let sum = 0;
      for (let j = 0; j < this.J; j++, k++) sum += (this.points[k] - z[j]) ** 2;
      if (sum < least) [best, least] = [i, sum];
    }
    return best;
  }

  nameOf(index) {
    return this.labels.length ? this.names[this.labels[index]] : "";
  }

  glyphOf(index) {
    if (!this.labels.length) return "";
    return this.short ? this.nameOf(index) : String(this.labels[index]);
  }

  // -- decoding and encoding, in the page or by the kernel
  decode(z) {
    return this.networks.decoder(z);
  }

  encode(x) {
    const heads = this.networks.encoder(x);
    return { mu: heads.slice(0, this.J), logVar: heads.slice(this.J) };
  }

  /** The image of z: floats in [0, 1] from the page, bytes from the kernel. */
  image() {
    if (!this.networks.decoder) return bytesOf(this.get("image"));
    return this.remember("image", [this.get("z")], () => this.decode(this.get("z")));
  }

  /** True while the kernel owes an answer. */
  waiting() {
    const image = !this.networks.decoder && !sameNumbers(this.get("z"), this.get("image_z"));
    const kernelEncodes = this.meta.encoder === "kernel" && this.sourcePixels();
    return image || Boolean(kernelEncodes && !this.get("mu").length);
  }

  /** [{ eps, z, pixels }], z = mu + sigma * eps (eq. 4). */
  samples() {
    const [mu, logVar, noise] = ["mu", "log_var", "eps"].map((name) => this.get(name));
    if (!mu.length || !logVar.length) return [];
    const bytes = this.get("samples");
    return this.remember("samples", [mu, logVar, noise, bytes], () => {
      const images = this.networks.decoder ? null : bytesOf(bytes);
      return noise.map((eps, k) => {
        const z = mu.map((m, j) => m + Math.exp(logVar[j] / 2) * eps[j]);
        const pixels = images
          ? images.subarray(k * this.size, (k + 1) * this.size)
          : this.decode(z);
        return { eps, z, pixels };
      });
    });
  }

  // -- the source x of the posterior: a picked point, a drawing, or none
  sourcePixels() {
    const picked = this.get("picked");
    if (picked >= 0 && this.pixels.length)
      return this.pixels.subarray(picked * this.size, (picked + 1) * this.size);
    const drawing = bytesOf(this.get("drawing"));
    return drawing.length ? drawing : null;
  }

  setSource(picked, drawing) {
    const same =
      picked === this.get("picked") && sameNumbers(drawing, bytesOf(this.get("drawing")));
    if (!same) {
      this.placing = true;
      this.drawingHere = drawing;
      this.put("drawing", drawing);
      this.put("picked", picked);
      this.placing = false;
    }
    if (!drawing.length) this.strokes = [];
    this.encodeSource(same);
    this.tell("source");
  }

  /** q(z | x) of the source, here; or nothing until the kernel has encoded it. */
  encodeSource(same) {
    const x = this.sourcePixels();
    if (x && this.networks.encoder) {
      const { mu, logVar } = this.encode(Float32Array.from(x, (value) => value / 255));
      this.put("log_var", Array.from(logVar));
      this.put("mu", Array.from(mu));
      this.setZ(mu);
      return;
    }
    if (x && this.canEncode && same) return;
    for (const name of ["mu", "log_var"]) if (this.get(name).length) this.put(name, []);
    if (this.get("picked") >= 0) this.setZ(this.point(this.get("picked")));
  }

  pick(index) {
    this.put("playing", false);
    this.setSource(index, NONE);
  }

  clear() {
    this.setSource(-1, NONE);
  }

  again() {
    this.put("eps", this.get("eps").map((row) => row.map(() => tidy(normal()))));
  }

  drawn() {
    this.put("playing", false);
    const pixels = this.strokes.length
      ? normalise(this.strokes, this.rows, this.columns)
      : NONE;
    this.setSource(-1, pixels);
  }

  /** The kernel has set picked or drawing; a callable encoder does the rest there. */
  newSource(name) {
    const drawing = bytesOf(this.get("drawing"));
    if (name === "drawing") {
      if (sameNumbers(drawing, this.drawingHere)) return; // an echo
      this.drawingHere = drawing;
      this.strokes = [];
    }
    if (this.meta.encoder === "kernel") return;
    const picked = this.get("picked");
    if (name === "picked") this.setSource(picked, picked >= 0 ? NONE : drawing);
    else this.setSource(drawing.length ? -1 : picked, drawing);
  }

  // -- Play: along straight legs from stop to stop
  stops() {
    if (this.get("path") === "classes" && this.names.length > 1) return this.classMeans();
    const axes = this.get("axes");
    return Array.from({ length: 64 }, (_, k) => {
      const stop = this.get("z").slice();
      stop[axes[0]] = 2 * Math.cos((2 * Math.PI * k) / 64);
      if (axes.length > 1) stop[axes[1]] = 2 * Math.sin((2 * Math.PI * k) / 64);
      return stop;
    });
  }

  classMeans() {
    const sums = this.names.map(() => new Array(this.J).fill(0));
    const counts = this.names.map(() => 0);
    this.labels.forEach((label, i) => {
      counts[label]++;
      this.point(i).forEach((value, j) => (sums[label][j] += value));
    });
    return sums.map((sum, label) => sum.map((value) => value / counts[label]));
  }

  play(on) {
    cancelAnimationFrame(this.frame);
    this.route = null;
    if (!on) return;
    const stops = this.stops();
    const gaps = stops.map((stop) => Math.hypot(...stop.map((v, j) => v - this.get("z")[j])));
    let next = gaps.indexOf(Math.min(...gaps));
    let before = performance.now();
    this.route = stops;
    const step = (now) => {
      const z = this.get("z").slice();
      if (calm()) {
        if (now - before > 1200) {
          before = now;
          this.setZ(stops[next]);
          next = (next + Math.ceil(stops.length / 12)) % stops.length;
        }
      } else {
        let way = (SPEED * Math.min(100, now - before)) / 1000;
        before = now;
        for (let leg = 0; way > 0 && leg <= stops.length; leg++) {
          const gap = Math.hypot(...stops[next].map((v, j) => v - z[j]));
          const part = gap > way ? way / gap : 1;
          stops[next].forEach((v, j) => (z[j] += part * (v - z[j])));
          way -= gap;
          if (part === 1) next = (next + 1) % stops.length;
        }
        this.setZ(z);
      }
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }
}

// ---- 4. The plane: points, rings and axes below; z and q(z | x) above ----

class Plane {
  constructor(explorer, box) {
    this.explorer = explorer;
    this.layers = [0, 1].map(() => {
      const canvas = document.createElement("canvas");
      box.append(canvas);
      return canvas.getContext("2d");
    });
    this.hover = -1;
  }

  resize(side) {
    this.side = side;
    for (const layer of this.layers) fitCanvas(layer, side, side);
  }

  // -- between z and pixels; with one latent the points spread over the height
  get scale() {
    return this.side / (2 * this.explorer.limit);
  }

  toPixels(z) {
    const [across, up] = this.explorer.get("axes");
    const high = up === undefined ? 0 : z[up];
    return [this.side / 2 + z[across] * this.scale, this.side / 2 - high * this.scale];
  }

  fromPixels(x, y) {
    const { limit } = this.explorer;
    const inside = (value) => Math.max(-limit, Math.min(limit, value));
    const [across, up] = this.explorer.get("axes");
    const z = this.explorer.get("z").slice();
    z[across] = inside((x - this.side / 2) / this.scale);
    if (up !== undefined) z[up] = inside((this.side / 2 - y) / this.scale);
    return z;
  }

  placePoints() {
    const { N, J, points, limit } = this.explorer;
    const [across, up] = this.explorer.get("axes");
    this.placed = new Float32Array(2 * N);
    for (let i = 0; i < N; i++) {
      const spread = limit * (((i * 0.618) % 1) - 0.5);
      const high = up === undefined ? spread : points[i * J + up];
      this.placed[2 * i] = this.side / 2 + points[i * J + across] * this.scale;
      this.placed[2 * i + 1] = this.side / 2 - high * this.scale;
    }
  }

  /** Row of the point within `reach` pixels of (x, y), or -1. */
  pointAt(x, y, reach) {
    if (!this.placed) return -1;
    let best = -1;
    let least = reach * reach;
    for (let i = 0; i < this.explorer.N; i++) {
      const gap = (this.placed[2 * i] - x) ** 2 + (this.placed[2 * i + 1] - y) ** 2;
      if (gap < least) [best, least] = [i, gap];
    }
    return best;
  }

  drawBase(colours) {
    const pen = this.layers[0];
    const { side } = this;
    pen.clearRect(0, 0, side, side);
    this.drawRings(pen, colours);
    this.placePoints();
    const { N, labels, names } = this.explorer;
    pen.font = `600 12px ${FONT}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.globalAlpha = N > 400 ? 0.8 : 1;
    for (let i = 0; i < N; i++) {
      const x = this.placed[2 * i];
      const y = this.placed[2 * i + 1];
      pen.fillStyle = labels.length ? colours.glyph(labels[i], names.length) : colours.noise;
      if (labels.length) pen.fillText(this.explorer.glyphOf(i), x, y);
      else fillDot(pen, x, y, 2.5);
    }
    pen.globalAlpha = 1;
    this.drawNames(pen, colours);
  }

  drawRings(pen, colours) {
    const middle = this.side / 2;
    const flat = this.explorer.get("axes").length < 2;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    line(pen, 0, middle, this.side, middle);
    if (!flat) line(pen, middle, 0, middle, this.side);
    pen.strokeStyle = colours.p;
    pen.setLineDash([6, 4]);
    for (const radius of [1, 2, 3]) {
      const r = radius * this.scale;
      if (flat) for (const x of [middle - r, middle + r]) line(pen, x, 0, x, this.side);
      else strokeEllipse(pen, middle, middle, r, r);
    }
    pen.setLineDash([]);
  }

  drawNames(pen, colours) {
    const [across, up] = this.explorer.get("axes");
    const middle = this.side / 2;
    for (const radius of [1, 2, 3]) {
      const r = up === undefined ? radius * this.scale : radius * this.scale * Math.SQRT1_2;
      const y = up === undefined ? this.side - 10 : middle + r;
      label(pen, colours, String(radius), middle + r, y);
    }
    label(pen, colours, latentName(across), this.side - 12, middle - 12);
    if (up !== undefined) label(pen, colours, latentName(up), middle + 14, 10);
  }

  /** `fallen(k)`: how far sample k has come on its way from eps to z, 0 to 1. */
  drawAbove(colours, fallen) {
    const pen = this.layers[1];
    pen.clearRect(0, 0, this.side, this.side);
    const { explorer } = this;
    if (explorer.route) this.drawRoute(pen, colours);
    for (const index of [this.hover, explorer.get("picked")]) {
      if (index < 0) continue;
      pen.strokeStyle = index === this.hover ? colours.soft : colours.q;
      pen.lineWidth = 2;
      const [x, y] = [this.placed[2 * index], this.placed[2 * index + 1]];
      strokeEllipse(pen, x, y, 11, 11);
    }
    const q = this.posterior();
    if (q) {
      const marks = this.sampleMarks(fallen);
      drawGaussian(pen, colours, q.x, q.y, q.rx, q.ry);
      for (const mark of marks) drawMark(pen, colours, mark);
      this.drawZ(pen, colours, ...this.toPixels(explorer.get("z")));
      if (Math.max(q.rx, q.ry) < 8) this.drawLens(pen, colours, q, marks);
    } else this.drawZ(pen, colours, ...this.toPixels(explorer.get("z")));
  }

  drawRoute(pen, colours) {
    pen.strokeStyle = colours.soft;
    pen.lineWidth = 1.5;
    pen.setLineDash([2, 5]);
    pen.beginPath();
    for (const stop of this.explorer.route) pen.lineTo(...this.toPixels(stop));
    pen.closePath();
    pen.stroke();
    pen.setLineDash([]);
  }

  drawZ(pen, colours, x, y) {
    const inside = (v) => Math.max(9, Math.min(this.side - 9, v));
    [x, y] = [inside(x), inside(y)];
    pen.strokeStyle = colours.bg;
    pen.lineWidth = 7;
    strokeEllipse(pen, x, y, 8, 8);
    pen.strokeStyle = colours.p;
    pen.lineWidth = 3;
    strokeEllipse(pen, x, y, 8, 8);
  }

  /** q(z | x) on the plane: centre and radii of one sigma, in pixels. */
  posterior() {
    const [mu, logVar] = [this.explorer.get("mu"), this.explorer.get("log_var")];
    if (!mu.length || !logVar.length) return null;
    const [across, up] = this.explorer.get("axes");
    const [x, y] = this.toPixels(mu);
    const rx = Math.exp(logVar[across] / 2) * this.scale;
    const ry = up === undefined ? this.side / 16 : Math.exp(logVar[up] / 2) * this.scale;
    return { x, y, rx, ry };
  }

  sampleMarks(fallen) {
    return this.explorer.samples().map(({ eps, z }, k) => {
      const part = fallen(k);
      const [x0, y0] = this.toPixels(eps);
      const [x1, y1] = this.toPixels(z);
      const ease = 1 - (1 - part) ** 3;
      return { x: x0 + ease * (x1 - x0), y: y0 + ease * (y1 - y0), part };
    });
  }

  /** A small q is drawn again, enlarged, in the corner that lies farthest. */
  drawLens(pen, colours, q, marks) {
    const radius = Math.max(46, 0.12 * this.side);
    const margin = radius + 6;
    const cx = q.x > this.side / 2 ? margin : this.side - margin;
    const cy = q.y > this.side / 2 ? margin : this.side - margin;
    const raw = (0.36 * radius) / Math.max(q.rx, q.ry);
    const zoom = raw > 10 ? Math.round(raw) : Math.round(raw * 10) / 10;
    pen.strokeStyle = colours.q;
    pen.lineWidth = 1;
    const angle = Math.atan2(cy - q.y, cx - q.x);
    const from = [q.x + 14 * Math.cos(angle), q.y + 14 * Math.sin(angle)];
    line(pen, ...from, cx - radius * Math.cos(angle), cy - radius * Math.sin(angle));
    pen.save();
    pen.beginPath();
    pen.arc(cx, cy, radius, 0, TURN);
    pen.fillStyle = colours.bg;
    pen.fill();
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.clip();
    drawGaussian(pen, colours, cx, cy, q.rx * zoom, q.ry * zoom);
    for (const mark of marks) {
      const [x, y] = [cx + (mark.x - q.x) * zoom, cy + (mark.y - q.y) * zoom];
      drawMark(pen, colours, { ...mark, x, y });
    }
    const [zx, zy] = this.toPixels(this.explorer.get("z"));
    pen.strokeStyle = colours.p;
    pen.lineWidth = 2;
    strokeEllipse(pen, cx + (zx - q.x) * zoom, cy + (zy - q.y) * zoom, 5, 5);
    pen.restore();
    label(pen, colours, `${zoom}\u00d7`, cx, cy + radius - 13);
  }
}

/** A sample: grey while it is noise, blue where it has landed. */
function drawMark(pen, colours, { x, y, part }) {
  pen.fillStyle = part < 1 ? colours.noise : colours.q;
  pen.strokeStyle = colours.bg;
  pen.lineWidth = 1;
  fillDot(pen, x, y, 4);
  pen.stroke();
}

// ---- 5. Pointer and keys on the plane ----

const TAP = { mouse: 4, pen: 8, touch: 12 }; // pixels that a tap may wander

function steerPlane(view, box, signal) {
  const { explorer, plane } = view;
  let grip = null;
  const at = (event) => {
    const frame = box.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const on = (name, handler) => box.addEventListener(name, handler, { signal });
  on("pointerdown", (event) => {
    if (grip || event.button > 0) return;
    box.focus({ preventScroll: true, focusVisible: false });
    box.setPointerCapture(event.pointerId);
    const [x, y] = at(event);
    grip = { id: event.pointerId, x, y, wander: TAP[event.pointerType] ?? 8, moved: false };
    explorer.put("playing", false);
    explorer.setZ(plane.fromPixels(x, y));
  });
  on("pointermove", (event) => {
    const [x, y] = at(event);
    if (!grip) return view.setHover(event.pointerType === "mouse" ? plane.pointAt(x, y, 12) : -1);
    if (event.pointerId !== grip.id) return;
    grip.moved ||= Math.hypot(x - grip.x, y - grip.y) > grip.wander;
    view.setHover(-1);
    explorer.setZ(plane.fromPixels(x, y));
  });
  on("pointerup", (event) => {
    if (!grip || event.pointerId !== grip.id) return;
    const hit = grip.moved ? -1 : plane.pointAt(grip.x, grip.y, 4 + grip.wander * 2);
    grip = null;
    if (hit >= 0) explorer.pick(hit);
  });
  const drop = (event) => {
    if (grip && event.pointerId === grip.id) grip = null;
  };
  on("pointercancel", drop);
  on("lostpointercapture", drop);
  on("pointerleave", () => view.setHover(-1));
  on("keydown", (event) => planeKey(explorer, event));
}

function planeKey(explorer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  const axes = explorer.get("axes");
  if (arrow) {
    explorer.put("playing", false);
    const latent = axes[arrow[0]];
    const step = event.shiftKey ? 0.5 : 0.1;
    if (latent !== undefined) explorer.moveZ(latent, explorer.get("z")[latent] + arrow[1] * step);
  } else if (event.key === "Home") explorer.setZ(new Array(explorer.J).fill(0));
  else if (event.key === "Enter") explorer.pick(explorer.nearest(explorer.get("z")));
  else if (event.key === " ") explorer.put("playing", !explorer.get("playing"));
  else if (event.key === "Escape") explorer.clear();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// ---- 6. Posterior: words and the samples' way in ----

const FALL = 700; // ms that a sample falls
const STAGGER = 70; // ms between two

const twoDigits = (value) => String(Number(value.toPrecision(2)));

/** All latents up to four, else those on the plane. */
function latentsToName(explorer) {
  if (explorer.J > 4) return explorer.get("axes");
  return Array.from({ length: explorer.J }, (_, j) => j);
}

function sourceName(explorer) {
  const picked = explorer.get("picked");
  if (picked < 0) return explorer.get("drawing").byteLength ? "your drawing" : "";
  const name = explorer.nameOf(picked);
  return name ? `${explorer.thing} ${name}` : `point ${picked}`;
}

function posteriorWords(explorer) {
  const [mu, logVar] = [explorer.get("mu"), explorer.get("log_var")];
  const source = sourceName(explorer);
  if (!mu.length || !logVar.length) {
    if (source && explorer.canEncode && explorer.meta.encoder === "kernel")
      return `The kernel encodes ${source}`;
    return source ? `x: ${source}` : "";
  }
  const latents = latentsToName(explorer);
  const list = (format) => latents.map(format).join(", ");
  const names = latents.length < explorer.J ? `${list(latentName)}: ` : "";
  const sigma = list((j) => twoDigits(Math.exp(logVar[j] / 2)));
  const of = source ? ` of ${source}` : "";
  return `q(z | x)${of}\n${names}\u03bc = (${list((j) => shown(mu[j]))}), \u03c3 = (${sigma})`;
}

function fallClock() {
  let start = -Infinity;
  return {
    begin: (now) => (start = calm() ? -Infinity : now),
    part: (k, now) => Math.max(0, Math.min(1, (now - start - k * STAGGER) / FALL)),
    running: (now, count) => now - start < FALL + count * STAGGER,
  };
}

// ---- 7. Drawing pad: strokes, made like MNIST's digits ----

const PEN = { radius: 1.15, soft: 0.9 }; // in pixels of a 28 x 28 field

/** Ink of all strokes at every pixel, 0 to 255, from the distance to their lines. */
function rasterise(strokes, rows, columns, unit) {
  const ink = new Uint8Array(rows * columns);
  const [radius, soft] = [PEN.radius * unit, PEN.soft * unit];
  const reach = radius + soft;
  for (const stroke of strokes) {
    for (let k = 0; k < stroke.length; k++) {
      const [x0, y0] = stroke[k];
      const [x1, y1] = stroke[Math.min(k + 1, stroke.length - 1)];
      const [dx, dy] = [x1 - x0, y1 - y0];
      const square = dx * dx + dy * dy || 1;
      const first = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
      const last = Math.min(rows - 1, Math.ceil(Math.max(y0, y1) + reach));
      const left = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
      const right = Math.min(columns - 1, Math.ceil(Math.max(x0, x1) + reach));
      for (let row = first; row <= last; row++) {
        for (let column = left; column <= right; column++) {
          const [px, py] = [column + 0.5 - x0, row + 0.5 - y0];
          const along = Math.max(0, Math.min(1, (px * dx + py * dy) / square));
          const far = Math.hypot(px - along * dx, py - along * dy);
          const value = Math.max(0, Math.min(1, (reach - far) / (2 * soft)));
          const at = row * columns + column;
          ink[at] = Math.max(ink[at], Math.round(255 * value));
        }
      }
    }
  }
  return ink;
}

function centreOfMass(ink, columns) {
  let [mass, x, y] = [0, 0, 0];
  ink.forEach((value, at) => {
    mass += value;
    x += value * ((at % columns) + 0.5);
    y += value * (Math.floor(at / columns) + 0.5);
  });
  return mass ? [x / mass, y / mass] : [columns / 2, ink.length / columns / 2];
}

/** Strokes to pixels as MNIST's: in a 20 x 20 box of the 28 x 28 field, the centre
    of mass in the middle. */
function normalise(strokes, rows, columns) {
  const unit = Math.min(rows, columns) / 28;
  const xs = strokes.flat().map(([x]) => x);
  const ys = strokes.flat().map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const span = Math.max(right - left, bottom - top);
  const scale = span > unit ? (20 - 2 * PEN.radius) * unit / span : 1;
  let moveX = columns / 2 - (scale * (left + right)) / 2;
  let moveY = rows / 2 - (scale * (top + bottom)) / 2;
  const ink = () => {
    const place = ([x, y]) => [scale * x + moveX, scale * y + moveY];
    return rasterise(strokes.map((stroke) => stroke.map(place)), rows, columns, unit);
  };
  const [x, y] = centreOfMass(ink(), columns);
  moveX += columns / 2 - x;
  moveY += rows / 2 - y;
  return ink();
}

const PAD_SCALE = 6;

class Pad {
  constructor(view, canvas, signal) {
    this.view = view;
    this.explorer = view.explorer;
    this.canvas = canvas;
    const { rows, columns } = this.explorer;
    canvas.width = columns * PAD_SCALE;
    canvas.height = rows * PAD_SCALE;
    this.pen = canvas.getContext("2d");
    this.cursor = [columns / 2, rows / 2];
    this.pressed = false;
    this.pointer = null;
    const on = (name, handler) => canvas.addEventListener(name, handler, { signal });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
      on(name, (event) => event.pointerId === this.pointer && this.up());
    on("keydown", (event) => this.key(event));
    on("focus", () => view.touch("pad"));
    on("blur", () => {
      this.lift();
      view.touch("pad");
    });
  }

  at(event) {
    const frame = this.canvas.getBoundingClientRect();
    const [wide, high] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const x = (event.clientX - frame.left - this.canvas.clientLeft) / wide;
    const y = (event.clientY - frame.top - this.canvas.clientTop) / high;
    return [x * this.explorer.columns, y * this.explorer.rows];
  }

  down(event) {
    if (this.pointer !== null || event.button > 0) return;
    this.canvas.focus({ preventScroll: true, focusVisible: false });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.begin(this.at(event));
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const parts = event.getCoalescedEvents?.() ?? [];
    for (const part of parts.length ? parts : [event]) this.extend(this.at(part));
    this.view.touch("stroke");
  }

  up() {
    this.pointer = null;
    this.lift();
  }

  // -- a stroke, from the pointer or from the keys
  begin(point) {
    this.explorer.penDown = true;
    this.explorer.strokes.push([point]);
    this.view.touch("stroke");
  }

  extend(point) {
    this.explorer.strokes.at(-1)?.push(point);
  }

  lift() {
    if (!this.explorer.penDown) return;
    this.explorer.penDown = false;
    this.explorer.drawn();
    this.explorer.tell("fall");
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.step(arrow[0] ? [0, -arrow[1]] : [arrow[1], 0]);
    else if (event.key === " ") this.toggle();
    else if (event.key === "Backspace") {
      this.lift();
      this.explorer.strokes.pop();
      this.explorer.drawn();
    } else if (event.key === "Escape" || event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([dx, dy]) {
    const { rows, columns, penDown } = this.explorer;
    const unit = Math.min(rows, columns) / 28;
    const inside = (value, most) => Math.max(unit, Math.min(most - unit, value));
    const [x, y] = this.cursor;
    this.cursor = [inside(x + dx * unit * 2, columns), inside(y + dy * unit * 2, rows)];
    if (penDown) this.extend(this.cursor);
    this.view.touch(penDown ? "stroke" : "pad");
  }

  toggle() {
    if (this.explorer.penDown) this.lift();
    else this.begin(this.cursor);
    this.view.say(this.explorer.penDown ? "Pen down." : "Pen up.");
  }

  clear() {
    this.explorer.penDown = false;
    this.explorer.clear();
  }

  draw(colours) {
    const { pen, canvas, explorer } = this;
    const { rows, columns, strokes } = explorer;
    const unit = Math.min(rows, columns) / 28;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    const drawing = explorer.get("drawing");
    if (!strokes.length && drawing.byteLength) paintScaled(pen, bytesOf(drawing), rows, columns);
    pen.setTransform(PAD_SCALE, 0, 0, PAD_SCALE, 0, 0);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2 * (PEN.radius + 0.3) * unit;
    pen.lineCap = pen.lineJoin = "round";
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(...stroke[0]);
      for (const point of stroke) pen.lineTo(...point);
      pen.stroke();
    }
    if (!canvas.matches(":focus-visible")) return;
    pen.strokeStyle = explorer.penDown ? "#fff" : "#56b4e9";
    pen.lineWidth = 0.4 * unit;
    const [x, y] = this.cursor;
    pen.strokeRect(x - unit * 1.4, y - unit * 1.4, unit * 2.8, unit * 2.8);
  }
}

// ---- 8. The view ----

/** A canvas of one pixel a pixel; the style enlarges it. */
function makePicture(explorer, className, testid, words) {
  const canvas = make("canvas", { class: className, testid, role: "img", "aria-label": words });
  canvas.width = explorer.columns;
  canvas.height = explorer.rows;
  canvas.getContext("2d", { willReadFrequently: true });
  return canvas;
}

/** Floats in [0, 1] or bytes, black to white. */
function toImage(pixels, rows, columns) {
  const image = new ImageData(columns, rows);
  const words = new Uint32Array(image.data.buffer);
  const scale = pixels instanceof Uint8Array ? 1 : 255;
  for (let k = 0; k < words.length; k++) {
    const grey = Math.max(0, Math.min(255, Math.round(scale * pixels[k])));
    words[k] = 0xff000000 | (grey * 0x10101);
  }
  return image;
}

function paint(canvas, pixels) {
  const full = pixels && pixels.length === canvas.width * canvas.height;
  const pen = canvas.getContext("2d");
  canvas.classList.toggle("lex-empty", !full);
  if (full) pen.putImageData(toImage(pixels, canvas.height, canvas.width), 0, 0);
  else pen.clearRect(0, 0, canvas.width, canvas.height);
}

function paintScaled(pen, pixels, rows, columns) {
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(toImage(pixels, rows, columns), 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, pen.canvas.width, pen.canvas.height);
}

const REDRAWS = {
  z: ["above", "image", "words"],
  axes: ["base", "above", "words", "numbers"],
  picked: ["above", "numbers", "strip"],
  source: ["above", "pad", "strip", "numbers"],
  drawing: ["pad", "strip", "numbers"],
  mu: ["above", "strip", "numbers"],
  log_var: ["above", "strip", "numbers"],
  eps: ["above", "strip"],
  samples: ["above", "strip"],
  fall: ["above", "strip"],
  image: ["image"],
  image_z: ["image"],
  playing: ["play", "above"],
  path: ["play", "above"],
  stroke: ["stroke", "pad"],
  pad: ["pad"],
  hover: ["above"],
  theme: ["base", "above", "pad", "strip"],
  all: ["base", "above", "image", "words", "numbers", "strip", "pad", "play"],
};

class View extends Sheet {
  constructor(explorer, el) {
    super(explorer, "latent-explorer");
    this.explorer = explorer;
    this.root.explorer = explorer;
    this.fall = fallClock();
    this.build();
    this.connect();
    this.open(el, this.box);
  }

  // -- the page's elements
  build() {
    const { explorer } = this;
    const parts = [
      make("p", { class: "lex-hint", text: this.hint() }),
      make("div", { class: "lex-main" }, ...this.buildPlane(), this.buildSide()),
      explorer.J > 2 && this.buildSliders(),
      (explorer.canEncode || explorer.pixels.length > 0) && this.buildPosterior(),
    ];
    this.root.append(...parts.filter(Boolean));
    this.plane = new Plane(explorer, this.box);
  }

  hint() {
    const { canEncode, thing, pixels, meta } = this.explorer;
    const drag = "Drag over the plane: the decoder turns each z into an image.";
    if (!canEncode) return drag;
    const pick = pixels.length ? `Click a ${thing}, or draw one below,` : "Draw below";
    return `${drag} ${pick} to see its q(z\u00a0|\u00a0x).`;
  }

  buildPlane() {
    const { explorer } = this;
    const keys =
      `Arrow keys move z, with Shift farther. Enter picks the nearest ${explorer.thing}, ` +
      "Space plays or pauses, Home goes to the origin, Escape clears.";
    this.box = make("div", {
      class: "lex-chart lex-plane", testid: "plane", tabindex: 0, role: "application",
      "aria-roledescription": "two-dimensional slider", "aria-label": "Latent plane",
      "aria-describedby": `${this.id}-keys`,
    });
    const legend = explorer.short
      ? ""
      : ` ${explorer.names.map((name, k) => `${k} ${name}`).join(", ")}.`;
    const rings = explorer.J > 1 ? "Rings: radius 1, 2, 3" : "Lines: distance 1, 2, 3";
    const notes = make("div", { class: "lex-notes" },
      make("p", { text: `${rings} of the prior N(0, I).${legend}` }),
      make("p", { text: keys, id: `${this.id}-keys` }));
    return [this.box, notes];
  }

  buildSide() {
    const { explorer } = this;
    this.image = makePicture(explorer, "lex-image", "decoded", "Decoded image");
    this.readout = make("p", { class: "lex-readout", testid: "readout" });
    this.status = make("p", { class: "lex-note lex-status", testid: "status" });
    this.playButton = make("button", { type: "button", class: "lex-play", testid: "play" });
    this.pathSelect = makeSelect("path", "Path of Play", [
      ...(explorer.names.length > 1 ? [["classes", "class to class"]] : []),
      ["circle", explorer.J > 1 ? "circle" : "to and fro"],
    ]);
    const controls = make("div", { class: "lex-controls" }, this.playButton, this.pathSelect);
    const words = make("div", {}, this.readout, this.status, controls);
    if (explorer.J > 2) words.append(this.buildAxes());
    return make("div", { class: "lex-side" }, this.image, words);
  }

  buildAxes() {
    const options = Array.from({ length: this.explorer.J }, (_, j) => [j, latentName(j)]);
    this.axisSelects = ["across", "up"].map((name) =>
      makeSelect(`axis-${name}`, `Latent ${name} the plane`, options));
    const [across, up] = this.axisSelects;
    return make("div", { class: "lex-controls lex-axes" },
      make("label", {}, "across", across), make("label", {}, "up", up));
  }

  buildSliders() {
    const { J, limit } = this.explorer;
    this.sliders = Array.from({ length: J }, (_, j) =>
      makeSlider(`slider-${j}`, latentName(j), `z${j + 1}`, { min: -limit, max: limit }));
    return make("div", { class: "lex-sliders", testid: "sliders" },
      ...this.sliders.map(({ row }) => row));
  }

  buildPosterior() {
    const { explorer } = this;
    const { canEncode, thing } = explorer;
    this.numbers = make("p", { class: "lex-numbers", testid: "posterior-text" });
    this.original = makePicture(explorer, "lex-thumb lex-original", "original", "x, encoded");
    this.thumbs = !canEncode ? [] : explorer.get("eps").map((_, k) =>
      makePicture(explorer, "lex-thumb", `sample-${k}`, `Decoded sample ${k + 1}`));
    this.random = explorer.pixels.length
      ? make("button", { type: "button", testid: "random", text: `Random ${thing}` }) : null;
    this.again = canEncode
      ? make("button", { type: "button", testid: "again", text: "Sample again" }) : null;
    const strip = make("div", {}, this.numbers,
      make("div", { class: "lex-line" },
        make("figure", {}, this.original, make("figcaption", { text: "x" })),
        canEncode && make("figure", {}, make("div", { class: "lex-samples" }, ...this.thumbs),
          make("figcaption", { text: "decoded samples z ~ q(z | x)" }))),
      make("div", { class: "lex-controls" }, this.again, this.random));
    return make("section", {
      class: `lex-posterior${canEncode ? " lex-with-pad" : ""}`, "aria-label": "Posterior",
    }, canEncode && this.buildPad(), strip);
  }

  buildPad() {
    this.padCanvas = make("canvas", {
      class: "lex-pad", testid: "pad", tabindex: 0, role: "application",
      "aria-label": "Drawing pad. Draw with the pointer; or arrow keys move the pen, " +
        "Space puts it down or lifts it, Backspace takes a stroke back, Escape clears.",
    });
    this.clearButton = make("button", { type: "button", testid: "clear", text: "Clear" });
    return make("div", {}, make("p", { class: "lex-title", text: `Draw a ${this.explorer.thing}` }),
      this.padCanvas, make("div", { class: "lex-controls" }, this.clearButton));
  }

  // -- listeners
  connect() {
    const { explorer } = this;
    const on = (...listener) => this.on(...listener);
    steerPlane(this, this.box, this.signal);
    if (this.padCanvas) this.pad = new Pad(this, this.padCanvas, this.signal);
    on(this.playButton, "click", () => explorer.put("playing", !explorer.get("playing")));
    on(this.pathSelect, "change", () => explorer.put("path", this.pathSelect.value));
    on(this.again, "click", () => explorer.again());
    on(this.random, "click", () => explorer.pick(Math.floor(Math.random() * explorer.N)));
    on(this.clearButton, "click", () => this.pad.clear());
    this.axisSelects?.forEach((select, k) => on(select, "change", () => this.chooseAxis(k)));
    this.sliders?.forEach(({ input }, j) =>
      on(input, "input", () => {
        explorer.put("playing", false);
        explorer.moveZ(j, Number(input.value));
      }));
  }

  chooseAxis(which) {
    const axes = this.explorer.get("axes").slice();
    const chosen = Number(this.axisSelects[which].value);
    if (axes[1 - which] === chosen) axes[1 - which] = axes[which];
    axes[which] = chosen;
    this.explorer.put("axes", axes);
  }

  setHover(index) {
    if (this.plane.hover === index) return;
    this.plane.hover = index;
    this.box.style.cursor = index >= 0 ? "pointer" : "";
    this.touch("hover");
  }

  // -- drawing, once in an animation frame
  touch(what) {
    for (const part of REDRAWS[what]) this.dirty.add(part);
    if (what === "theme" || what === "all") this.colours = null;
    if (what === "fall") this.fall.begin(performance.now());
    if (what === "z" || what === "mu" || what === "playing") this.sayLater();
    this.wake();
  }

  /** The theme's colours, and one for each class's glyphs. */
  readColours() {
    const light = Number(getComputedStyle(this.root).getPropertyValue("--lex-glyph-light")) || 0.56;
    const glyph = (label, count) => {
      const lift = label % 2 ? 0.06 : -0.06; // neighbours differ in lightness as well
      return `oklch(${light + lift} 0.1 ${(360 * label) / Math.max(count, 1) + 20})`;
    };
    return { ...super.readColours(), glyph };
  }

  tick(now) {
    if (this.box.clientWidth && this.dirty.has("stroke")) this.explorer.drawn();
    super.tick(now);
  }

  draw(dirty, now) {
    const side = this.box.clientWidth;
    if (this.plane.side !== side) {
      this.plane.resize(side);
      dirty.add("base").add("above");
    }
    const fallen = (k) => this.fall.part(k, now);
    if (dirty.has("image")) paint(this.image, this.explorer.image());
    if (dirty.has("base")) this.plane.drawBase(this.colours);
    if (dirty.has("above")) this.plane.drawAbove(this.colours, fallen);
    if (dirty.has("words")) this.drawWords();
    if (dirty.has("strip")) this.drawStrip(fallen);
    if (dirty.has("numbers")) this.drawNumbers();
    if (dirty.has("pad")) this.pad?.draw(this.colours);
    if (dirty.has("play")) this.drawPlay();
    if (dirty.has("image") || dirty.has("numbers")) this.drawStatus();
    if (this.fall.running(now, this.thumbs?.length ?? 0)) this.touchFalling();
  }

  touchFalling() {
    this.dirty.add("above").add("strip");
    this.wake();
  }

  drawWords() {
    const { explorer } = this;
    const z = explorer.get("z");
    const latents = latentsToName(explorer);
    const values = latents.map((j) => shown(z[j])).join(", ");
    const names = latents.length < z.length ? `(${latents.map(latentName).join(", ")})` : "z";
    const name = explorer.nameOf(explorer.nearest(z));
    const near = name ? `Nearest ${explorer.thing === "digit" ? "digit" : "class"}: ${name}` : "";
    this.readout.textContent = `${names} = (${values})\n${near}`;
    this.sliders?.forEach(({ input, output }, j) => {
      if (Number(input.value) !== z[j]) input.value = z[j];
      output.textContent = shown(z[j]);
    });
    this.axisSelects?.forEach((select, k) => (select.value = explorer.get("axes")[k]));
  }

  drawStrip(fallen) {
    if (!this.original) return;
    const samples = this.explorer.samples();
    paint(this.original, this.explorer.sourcePixels());
    this.thumbs.forEach((thumb, k) =>
      paint(thumb, samples[k] && fallen(k) === 1 ? samples[k].pixels : null));
  }

  drawNumbers() {
    if (!this.numbers) return;
    const { canEncode, thing, pixels } = this.explorer;
    const start = canEncode
      ? `No x yet. ${pixels.length ? `Click a ${thing} on the plane, or draw one` : "Draw one"}.`
      : `Click a ${thing} on the plane to see the image that it stands for.`;
    this.numbers.textContent = posteriorWords(this.explorer) || start;
    if (this.again) this.again.disabled = !this.explorer.get("mu").length;
  }

  drawPlay() {
    const playing = this.explorer.get("playing");
    this.playButton.textContent = playing ? "\u25ae\u25ae Pause" : "\u25b6 Play";
    this.pathSelect.value = this.explorer.get("path");
  }

  /** After 0.6 s without an answer from the kernel, says so. */
  drawStatus() {
    clearTimeout(this.late);
    if (!this.explorer.waiting()) this.status.textContent = "";
    else
      this.late = setTimeout(() => {
        if (this.explorer.waiting())
          this.status.textContent = "Waiting for the kernel. The picture shown is of an earlier z.";
      }, 600);
  }

  spokenState() {
    const { explorer } = this;
    if (explorer.get("playing")) return "Playing along the path.";
    const z = explorer.get("z");
    const latents = latentsToName(explorer);
    const values = latents.map((j) => `z${j + 1} ${spoken(z[j])}`).join(", ");
    const name = explorer.nameOf(explorer.nearest(z));
    const kind = explorer.thing === "digit" ? "digit" : "class";
    const near = name ? ` Nearest ${kind} ${name}.` : "";
    const posterior = posteriorWords(explorer);
    this.image.setAttribute("aria-label", `Decoded image at ${values}.${near}`);
    return `${values}.${near}${posterior ? ` ${aloud(posterior)}` : ""}`;
  }

  dispose() {
    super.dispose();
    if (!this.explorer.views.size) this.explorer.put("playing", false);
    clearTimeout(this.late);
  }
}

// ---- 9. Ways in: a notebook's widget, or a saved page ----

const makeExplorer = (model) => new Explorer(model);
const makeView = (explorer, el) => new View(explorer, el);
const UNSAVED = { playing: false, image: NONE, image_z: [], samples: NONE };

export default widgetOf(makeExplorer, makeView);
export const openSaved = savedOf(makeExplorer, makeView, UNSAVED);
