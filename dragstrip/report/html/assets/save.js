"use strict";
// Saves a picture: its data as CSV, itself as SVG or PNG with title, marks and legend.
window.savePicture = (() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const LINE_PX = 18;
  const LETTER_PX = 8.2;
  const EDGE_PX = 12;
  const SHARPER = 2;
  const SIGNS = { baseline: "●", challenger: "◆" };
  const UNITS = [[/ ms$/, "ms"], [/\/s$/, "per second"], [/\u00a0?%$/, "share"]];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const resolved = (text) => text.replace(/var\((--[\w-]+)\)/g, (_, name) => colour(name));

  function element(name, attributes, text = "") {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    made.textContent = text;
    return made;
  }

  function wrapped(text, width) {
    const most = Math.max(Math.floor((width - 2 * EDGE_PX) / LETTER_PX), 10);
    const lines = [""];
    for (const word of text.trim().split(/\s+/)) {
      if (lines.at(-1) && lines.at(-1).length + word.length >= most) lines.push("");
      lines.push(`${lines.pop()} ${word}`.trim());
    }
    return lines;
  }

  function svg(figure) {
    const drawn = figure.querySelector("svg.marks").cloneNode(true);
    const { width, height } = drawn.viewBox.baseVal;
    const made = element("svg", { xmlns: NAMESPACE, width, "font-family": "system-ui, sans-serif", "font-size": 13 });
    made.append(element("rect", { width: "100%", height: "100%", fill: colour("--paper") }));
    let y = EDGE_PX;
    const write = (text, fill, weight) => {
      for (const line of wrapped(text, width)) {
        made.append(element("text", { x: EDGE_PX, y: (y += LINE_PX), fill, "font-weight": weight }, line));
      }
    };
    write(figure.querySelector("h3").textContent, colour("--ink"), "bold");
    // What must be read before the figures goes with them.
    for (const one of [...document.querySelectorAll(".banner"), ...figure.querySelectorAll(".mark")]) {
      write(one.textContent, colour("--bad"), "bold");
    }
    for (const entry of figure.querySelectorAll(".legend li")) {
      const style = entry.firstElementChild.classList[1];
      const fill = colour(`--${style.replace("heat-", "")}`) || colour(style === "failed" ? "--bad" : "--soft");
      write(`${SIGNS[style] || "■"} ${entry.textContent}`, fill, "normal");
    }
    drawn.setAttribute("y", y + EDGE_PX / 2);
    drawn.setAttribute("width", width);
    drawn.setAttribute("height", height);
    made.append(drawn);
    made.setAttribute("height", y + height + EDGE_PX);
    return resolved(new XMLSerializer().serializeToString(made));
  }

  async function png(figure) {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg(figure))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width * SHARPER, image.height * SHARPER];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

  // The stored values, not their rounded words; a column's unit goes to its head.
  function fromTable(table) {
    const rows = [...table.rows].map((row) => [...row.cells]);
    const unit = (column) => {
      const cell = rows.slice(1).map((row) => row[column]).find((one) => one.dataset.value);
      return UNITS.find(([ending]) => cell && ending.test(cell.textContent.trim()))?.[1];
    };
    const heads = rows[0].map((cell, i) => cell.textContent + (unit(i) ? ` (${unit(i)})` : ""));
    return [heads, ...rows.slice(1).map((row) => row.map((one) => one.dataset.value || one.textContent))];
  }

  // Of a heat map, a row for each cell.
  function fromCells(stretches) {
    const rows = [["from (s)", "to (s)", "at least (ms)", "below (ms)", "requests", "failed"]];
    const bound = (bin) => (10 ** (bin / 10)).toPrecision(4);
    for (const one of stretches) {
      one.bins.forEach((bin, i) => rows.push([one.from, one.to, bound(bin), bound(bin + 1), one.counts[i], 0]));
      if (one.failed) rows.push([one.from, one.to, "", "", 0, one.failed]);
    }
    return rows;
  }

  function csv(figure, chart) {
    const stretches = chart.spec.data.values;
    const rows = stretches[0]?.bins ? fromCells(stretches) : fromTable(figure.querySelector("table.data"));
    return rows.map((row) => row.map((cell) => quoted(String(cell))).join(",")).join("\r\n") + "\r\n";
  }

  const FORMS = {
    csv: (figure, chart) => new Blob([csv(figure, chart)], { type: "text/csv;charset=utf-8" }),
    svg: (figure) => new Blob([svg(figure)], { type: "image/svg+xml" }),
    png,
  };

  return async (figure, chart, form) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await FORMS[form](figure, chart));
    link.download = `dragstrip-${chart.id}.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
})();
