"use strict";
// Asks every second how the race stands, shows it, and puts the report in its place at the end.
(() => {
  const POLL_MS = 1000;
  const SIDES = ["baseline", "challenger"];
  const live = document.getElementById("page").innerHTML;
  let pictures = "";
  let run;
  let reported;

  const find = (id) => document.getElementById(id);

  function element(name, content = "", attributes = {}) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    // Names come from elsewhere: they are text, never markup.
    if (Array.isArray(content)) made.append(...content);
    else made.textContent = content;
    return made;
  }

  // What does not change is left alone: a screen reader would read it again.
  function put(id, content) {
    if (find(id).textContent !== content) find(id).textContent = content;
  }

  function fill(node, children) {
    const fresh = element("div", children).innerHTML;
    if (node.innerHTML !== fresh) node.replaceChildren(...children);
  }

  function pairs(rows) {
    return rows.flatMap(([label, value]) => [element("dt", label), element("dd", value)]);
  }

  function bar(page) {
    const rate = page.lanes.map((lane) => lane.rows[0][1]).join(" · ");
    const failed = page.failures.map((one) => Number(one.count.replaceAll(",", "")));
    const shown = [
      ["Status", page.is_over ? "over" : page.now === null ? "waiting" : "running"],
      ["Slice", `${Math.min(page.done + 1, page.slices.length)} of ${page.slices.length}`],
      ["Rate", rate],
      ["Failures", String(failed.reduce((sum, one) => sum + one, 0))],
    ];
    fill(find("status"), shown.map((row) => element("div", pairs([row]))));
  }

  function lane(page, number) {
    const { side, name, is_on: isOn, rows } = page.lanes[number];
    const head = [element("span", name), element("small", side)];
    if (isOn) head.push(element("span", "slice under way", { class: "on" }));
    const cells = page.slices.map((target, index) => element("span", "", {
      class: target !== number ? "other" : index === page.now ? "now" : index < page.done ? "done" : "",
    }));
    const own = page.slices.map((target, index) => [target, index]).filter(([one]) => one === number);
    const done = own.filter(([, index]) => index < page.done).length;
    const strip = element("div", cells, {
      class: "strip", role: "img", "aria-label": `${done} of ${own.length} slices are over`,
    });
    fill(document.querySelector(`.lane.${SIDES[number]}`), [
      element("h2", head, { id: `name-${side}` }), strip, element("dl", pairs(rows)),
    ]);
  }

  function light({ what, figure, bound, passed, fix }) {
    const said = [element("span", what), element("small", `${figure}; bound ${bound}`)];
    if (fix) said.push(element("small", fix));
    const sign = element("span", passed ? "●" : "✗", { class: "sign", "aria-hidden": "true" });
    const state = element("span", passed ? "holds: " : "fails: ", { class: "unseen" });
    return element("li", [sign, element("span", [state, ...said])], { class: passed ? "" : "broken" });
  }

  function failure({ target, reason, count, first_s: first, slice }) {
    const at = new Date(first * 1000);
    const time = element("time", at.toLocaleTimeString(), { datetime: at.toISOString() });
    return element("tr", [
      element("th", target, { scope: "row" }), element("td", reason),
      element("td", count, { class: "number" }), element("td", [time, `, slice ${slice}`]),
    ]);
  }

  function write({ what, sides }) {
    const cells = sides.map((one) => element("td", one, { class: "number" }));
    return element("tr", [element("th", what, { scope: "row" }), ...cells]);
  }

  function show(page) {
    document.title = `${page.stage} – ${page.title}`;
    put("title", page.title);
    put("stage", page.stage);
    put("news", page.news);
    put("validity", page.validity);
    fill(find("banners"), page.banners.map((text) => element("div", text, { class: "banner", role: "note" })));
    bar(page);
    SIDES.forEach((_, number) => lane(page, number));
    fill(find("lights"), page.lights.map(light));
    find("failed").hidden = !page.failures.length;
    fill(find("failures"), page.failures.map(failure));
    find("written").hidden = !page.writes.length;
    const names = page.lanes.map((one) => element("th", one.name, { scope: "col", class: "number" }));
    fill(find("writers"), [element("tr", [element("th", "messages", { scope: "col" }), ...names])]);
    fill(find("writes"), page.writes.map(write));
    find("race").hidden = false;
  }

  // A picture that somebody looks closer at stays until they let go.
  const isHeld = (figure) => figure.matches(":hover, :focus-within");

  async function draw(version) {
    const box = find("pictures");
    if (version === pictures || [...box.children].some(isHeld)) return;
    pictures = version;
    const given = await (await ask("pictures")).json();
    const open = new Set([...box.querySelectorAll("details[open]")].map((one) => one.closest("figure").id));
    // Ours, from the report's template, which escapes what it is given.
    box.innerHTML = given.charts.map((chart) => chart.html).join("");
    for (const id of open) find(id)?.querySelector("details").setAttribute("open", "");
    await window.drawPictures(given);
    document.documentElement.dataset.pictures = version;
  }

  async function become(page) {
    const text = await (await ask("report")).text();
    // Its style is this page's already.
    const bare = text.replace(/<style>[\s\S]*?<\/style>/, "");
    const report = new DOMParser().parseFromString(bare, "text/html");
    const parts = report.querySelectorAll("body > header, body > main, body > footer");
    bar(page);
    document.title = report.title;
    document.body.className = `live ${report.body.className}`;
    find("page").replaceChildren(...parts);
    reported = page.run;
    await window.drawPictures(JSON.parse(report.getElementById("data").textContent));
    document.documentElement.dataset.report = page.run;
  }

  function begin(page) {
    run = page.run;
    pictures = "";
    reported = undefined;
    delete document.documentElement.dataset.report;
    document.body.className = "live";
    find("page").innerHTML = live;
  }

  async function ask(path) {
    const answer = await fetch(path, { cache: "no-cache" });
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  }

  async function look() {
    const page = await (await ask("state")).json();
    if (page.run !== run) begin(page);
    if (page.run === null || reported === page.run) return;
    if (page.is_over) {
      await become(page);
      return;
    }
    put("trouble", "");
    show(page);
    await draw(page.pictures);
  }

  async function goOn() {
    try {
      await look();
    } catch (error) {
      if (find("trouble")) put("trouble", `Not up to date: ${error.message}`);
    }
    setTimeout(goOn, POLL_MS);
  }

  goOn();
})();
