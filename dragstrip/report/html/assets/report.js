"use strict";
// Draws the pictures, and tells the values of the stop nearest to the pointer or under the cursor.
(() => {
  let data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const CLOSER = 0.7;
  const SMALLEST_DRAG_PX = 8;
  const drawn = new Map();

  // Sizes follow the reader's font size, as the rest of the page does.
  const scaleBy = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

  function theme() {
    const sized = structuredClone(data.theme);
    for (const part of Object.values(sized)) {
      for (const name of ["labelFontSize", "titleFontSize", "fontSize"]) {
        if (part && part[name]) part[name] *= scaleBy;
      }
    }
    return sized;
  }

  function element(name, text) {
    const made = document.createElement(name);
    // Names come from elsewhere: they are text, never markup.
    made.textContent = text;
    return made;
  }

  class Picture {
    constructor(chart) {
      this.chart = chart;
      this.box = document.getElementById(`chart-${chart.id}`);
      this.at = -1;
      this.domain = chart.zoom;
    }

    async draw() {
      const spec = { ...this.chart.spec, height: this.chart.spec.height * scaleBy };
      // The library names what it draws into after itself, and the box has a name already.
      const canvas = this.box.appendChild(element("div", ""));
      const made = await vegaEmbed(canvas, spec, {
        mode: "vega-lite", renderer: "svg", actions: false, tooltip: false,
        ast: true, defaultStyle: false, config: theme(),
      });
      this.view = made.view;
      this.svg = this.box.querySelector("svg");
      canvas.removeAttribute("role");
      canvas.setAttribute("aria-hidden", "true");
      this.listen();
    }

    // Where the plot's corner is within the picture, and how the picture is scaled on the page.
    frame() {
      const [left, top] = this.view.origin();
      const padding = this.view.padding();
      const rect = this.svg.getBoundingClientRect();
      const factor = rect.width / this.svg.viewBox.baseVal.width;
      return { rect, factor, left: left + padding.left, top: top + padding.top };
    }

    // Where a stop is along its axis, in the plot's own pixels.
    place(stop) {
      const scale = this.view.scale(this.chart.walk);
      return scale(stop.at) + (scale.bandwidth ? scale.bandwidth() / 2 : 0);
    }

    pointed(event) {
      const { rect, factor, left, top } = this.frame();
      return {
        x: (event.clientX - rect.left) / factor - left,
        y: (event.clientY - rect.top) / factor - top,
      };
    }

    nearest(point) {
      let best = -1;
      let least = Infinity;
      this.chart.stops.forEach((stop, i) => {
        const away = Math.abs(this.place(stop) - point[this.chart.walk]);
        if (away < least) [best, least] = [i, away];
      });
      return best;
    }

    go(i) {
      if (i < 0 || i >= this.chart.stops.length) return;
      this.at = i;
      this.view.signal("cursor", i).runAsync();
      const stop = this.chart.stops[i];
      this.box.setAttribute("aria-valuenow", i + 1);
      const said = stop.values.map(([name, value]) => `${name} ${value}`).join("; ");
      this.box.setAttribute("aria-valuetext", `${stop.title}. ${said}`);
    }

    leave() {
      this.at = -1;
      this.view.signal("cursor", -1).runAsync();
      tip.hidden = true;
    }

    tell(x, y) {
      const stop = this.chart.stops[this.at];
      const list = document.createElement("dl");
      for (const [name, value] of stop.values) {
        list.append(element("dt", name), element("dd", value));
      }
      tip.replaceChildren(element("strong", stop.title), list);
      tip.hidden = false;
      const { width, height } = tip.getBoundingClientRect();
      const room = document.documentElement.clientWidth;
      const right = x + 16 + width > room;
      tip.style.left = `${Math.max(4, right ? x - 16 - width : x + 16)}px`;
      tip.style.top = `${Math.max(4, Math.min(y - height / 2, window.innerHeight - height - 4))}px`;
    }

    tellHere() {
      const { rect, factor, left, top } = this.frame();
      const place = this.place(this.chart.stops[this.at]) * factor;
      const isX = this.chart.walk === "x";
      const x = rect.left + left * factor + (isX ? place : (rect.width - left * factor) / 2);
      const y = rect.top + top * factor + (isX ? rect.height / 3 : place);
      this.tell(x, y);
    }

    // The horizontal axis's own unit, in which steps of a zoom are equal.
    toLinear(value) { return this.chart.log ? Math.log(value) : value; }
    fromLinear(value) { return this.chart.log ? Math.exp(value) : value; }

    show(low, high) {
      const [first, last] = this.chart.zoom.map((end) => this.toLinear(end));
      const width = Math.min(Math.max(high - low, (last - first) / 1000), last - first);
      const start = Math.min(Math.max((low + high - width) / 2, first), last - width);
      const domain = [this.fromLinear(start), this.fromLinear(start + width)];
      for (const one of this.chart.is_over_time ? drawn.values() : [this]) {
        if (one.chart.is_over_time === this.chart.is_over_time) one.narrow(domain);
      }
    }

    narrow(domain) {
      this.domain = domain;
      this.view?.signal("low", domain[0]).signal("high", domain[1]).runAsync();
    }

    zoom(how, around = 0.5) {
      if (!this.chart.zoom) return;
      const [low, high] = (how === "all" ? this.chart.zoom : this.domain).map((end) => this.toLinear(end));
      const step = { in: CLOSER, out: 1 / CLOSER, all: 1 }[how];
      const middle = low + (high - low) * around;
      this.show(middle - (middle - low) * step, middle + (high - middle) * step);
    }

    zoomTo(from, to) {
      const width = this.view.signal("width");
      const [low, high] = this.domain.map((end) => this.toLinear(end));
      const at = (pixel) => low + (high - low) * Math.min(Math.max(pixel / width, 0), 1);
      this.show(at(Math.min(from, to)), at(Math.max(from, to)));
    }

    listen() {
      const { box } = this;
      box.addEventListener("pointermove", (event) => {
        if (this.drag) this.stretch(event);
        this.go(this.nearest(this.pointed(event)));
        if (this.at >= 0) this.tell(event.clientX, event.clientY);
      });
      box.addEventListener("pointerleave", () => { if (!this.drag) this.leave(); });
      box.addEventListener("keydown", (event) => this.press(event));
      box.addEventListener("blur", () => this.leave());
      const figure = box.closest("figure");
      for (const button of figure.querySelectorAll("[data-save]")) {
        button.addEventListener("click", () => window.savePicture(figure, this.chart, button.dataset.save));
      }
      if (!this.chart.zoom) return;
      box.classList.add("zooms");
      box.addEventListener("pointerdown", (event) => this.grasp(event));
      box.addEventListener("pointerup", (event) => this.release(event));
      box.addEventListener("pointercancel", () => this.drop());
      box.addEventListener("dblclick", () => this.zoom("all"));
      box.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const width = this.view.signal("width");
        const around = Math.min(Math.max(this.pointed(event).x / width, 0), 1);
        this.zoom(event.deltaY < 0 ? "in" : "out", around);
      }, { passive: false });
      for (const button of figure.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => this.zoom(button.dataset.zoom));
      }
    }

    press(event) {
      const last = this.chart.stops.length - 1;
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
      const zooms = { "+": "in", "=": "in", "-": "out", 0: "all" };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") this.leave();
      else if (event.key === "Home") this.go(0);
      else if (event.key === "End") this.go(last);
      else if (event.key in steps) {
        const from = this.at < 0 && steps[event.key] < 0 ? last + 1 : this.at;
        this.go(Math.min(Math.max(from + steps[event.key], 0), last));
      } else if (event.key in zooms) this.zoom(zooms[event.key]);
      else return;
      event.preventDefault();
      if (event.key in steps || event.key === "Home" || event.key === "End") this.tellHere();
    }

    grasp(event) {
      // A finger scrolls the page.
      if (event.pointerType === "touch" || event.button !== 0) return;
      this.box.setPointerCapture(event.pointerId);
      this.drag = { from: this.pointed(event).x, startX: event.clientX, brush: element("div", "") };
      this.drag.brush.className = "brush";
      this.box.append(this.drag.brush);
    }

    stretch(event) {
      const left = this.box.getBoundingClientRect().left;
      const { startX, brush } = this.drag;
      brush.style.left = `${Math.min(startX, event.clientX) - left}px`;
      brush.style.width = `${Math.abs(event.clientX - startX)}px`;
    }

    release(event) {
      if (!this.drag) return;
      const { from, startX } = this.drag;
      this.drop();
      if (Math.abs(event.clientX - startX) >= SMALLEST_DRAG_PX) this.zoomTo(from, this.pointed(event).x);
    }

    drop() {
      this.drag?.brush.remove();
      this.drag = undefined;
    }
  }

  async function drawAll() {
    for (const one of drawn.values()) one.view?.finalize();
    drawn.clear();
    for (const chart of data.charts) {
      try {
        drawn.set(chart.id, new Picture(chart));
        await drawn.get(chart.id).draw();
      } catch (error) {
        document.getElementById(`chart-${chart.id}`).textContent = "This picture could not be drawn.";
        console.error(error);
      }
    }
    document.documentElement.dataset.drawn = "yes";
  }

  // A link to what is folded unfolds it.
  function unfold() {
    const target = document.getElementById(location.hash.slice(1));
    target?.querySelector(":scope > details")?.setAttribute("open", "");
  }
  window.addEventListener("hashchange", unfold);
  unfold();

  // The live page draws its pictures again as the race goes on.
  window.drawPictures = (given) => {
    data = given;
    return drawAll();
  };
  drawAll();
})();
