"use strict";
// Asks every second how the race stands, shows it, and puts the report in its place at the end.
(() => {
  const POLL_MS = 1000;
  const TYPED_MS = 200;
  const HELD_MS = 5000;
  const CELLS_APART = 80;
  const SIDES = ["baseline", "challenger"];
  const live = document.getElementById("page").innerHTML;
  let pictures = "";
  let run;
  let reported;
  let asking = false;

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

  function table(rows) {
    const heads = ["response time", "p50", "p95", "p99"].map((one, column) => (
      element("th", one, { scope: "col", class: column ? "number" : "" })));
    const lines = rows.map(([label, ...cells]) => element("tr", [
      element("th", label, { scope: "row" }), ...cells.map((one) => element("td", one, { class: "number" })),
    ]));
    return element("table", [element("thead", [element("tr", heads)]), element("tbody", lines)]);
  }

  function bar(page) {
    const rate = page.lanes.map((lane) => lane.rows[0][1]).join(" · ");
    const failed = page.failures.map((one) => Number(one.count.replaceAll(",", "")));
    const shown = [
      ["Status", page.is_over ? "over" : "under way"],
      ["Slices", page.total ? `${page.done} of ${page.total}` : `${page.done}`],
      ["Rate", rate],
      ["Failures", String(failed.reduce((sum, one) => sum + one, 0))],
    ];
    fill(find("status"), shown.map((row) => element("div", pairs([row]))));
  }

  function lane(page, number) {
    const { side, name, is_on: isOn, rows, quantiles } = page.lanes[number];
    const head = [element("span", name), element("small", side)];
    if (isOn) head.push(element("span", "slice under way", { class: "on" }));
    const cells = page.slices.map((target, index) => element("span", "", {
      class: target !== number ? "other" : index === page.now ? "now" : index < page.done ? "done" : "",
    }));
    const own = page.slices.map((target, index) => [target, index]).filter(([one]) => one === number);
    const done = own.filter(([, index]) => index < page.done).length;
    const strip = element("div", cells, {
      class: cells.length > CELLS_APART ? "strip dense" : "strip", role: "img", "aria-label": `${done} of ${own.length} slices are over`,
    });
    fill(document.querySelector(`.lane.${SIDES[number]}`), [
      element("h2", head, { id: `name-${side}` }), strip, table(quantiles), element("dl", pairs(rows)),
    ]);
  }

  function light({ what, figure, bound, passed, fix }) {
    const said = [element("span", what), element("small", `${figure}; must be ${bound}`)];
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
    put("about", page.about);
    put("stage", page.stage);
    put("news", page.news);
    put("validity", page.validity);
    fill(find("banners"), page.banners.map((text) => element("div", text, { class: "banner", role: "note" })));
    bar(page);
    SIDES.forEach((_, number) => lane(page, number));
    fill(find("lights"), page.lights.map(light));
    find("trust").hidden = !page.lights.length && page.validity === "";
    find("failed").hidden = !page.failures.length;
    fill(find("failures"), page.failures.map(failure));
    find("written").hidden = !page.writes.length;
    const names = page.lanes.map((one) => element("th", one.name, { scope: "col", class: "number" }));
    fill(find("writers"), [element("tr", [element("th", "requests", { scope: "col" }), ...names])]);
    fill(find("writes"), page.writes.map(write));
    find("race").hidden = false;
  }

  let touched = -Infinity;
  for (const kind of ["pointermove", "keydown"]) {
    document.addEventListener(kind, (event) => {
      if (event.target.closest?.("#race figure")) touched = performance.now();
    });
  }

  async function draw(version) {
    const boxes = [find("lead"), find("pictures")];
    // Pictures that somebody looks closer at stay until they let go.
    if (version === pictures || performance.now() < touched + HELD_MS) return;
    const focused = document.activeElement.closest("#race figure") ? document.activeElement.id : "";
    pictures = version;
    const given = await (await ask("pictures")).json();
    const unfolded = document.querySelectorAll("#race details[open]");
    const open = new Set([...unfolded].map((one) => one.closest("figure").id));
    boxes.forEach((box, number) => {
      const own = given.charts.filter((chart) => chart.leads === !number);
      // Ours, from the report's template, which escapes what it is given.
      box.innerHTML = own.map((chart) => chart.html).join("");
    });
    for (const id of open) find(id)?.querySelector("details").setAttribute("open", "");
    await window.drawPictures(given);
    if (focused) find(focused)?.focus();
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

  async function ask(path, content) {
    const post = { method: "POST", headers: { "Content-Type": "application/json" } };
    const how = content === undefined ? { cache: "no-cache" } : { ...post, body: JSON.stringify(content) };
    const answer = await fetch(path, how);
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  }

  const GROUPS = { sides: "What races", load: "Load", rules: "Rule, written down before the race" };
  const HELP = "help-";

  function input({ key, value, choices }) {
    const common = { id: key, name: key, "aria-describedby": `${HELP}${key} wrong-${key}` };
    if (!choices.length) return element("input", "", { ...common, value, autocomplete: "off" });
    const options = choices.map((one) => element("option", one.shown, {
      value: one.value, "data-help": one.help, ...(one.value === value ? { selected: "" } : {}),
    }));
    return element("select", options, common);
  }

  function asked(field) {
    return element("div", [
      element("label", field.label, { for: field.key }), input(field),
      element("small", field.help, { id: `${HELP}${field.key}` }),
      element("small", "", { id: `wrong-${field.key}`, class: "wrong" }),
    ], { "data-field": field.key });
  }

  // What a choice is stands below it; a field that means nothing to a scenario is not there.
  function explain(idle) {
    for (const one of document.querySelectorAll("#form select")) {
      put(`${HELP}${one.id}`, one.selectedOptions[0].dataset.help);
    }
    for (const one of document.querySelectorAll("#form [data-field]")) {
      if (idle) one.hidden = idle.includes(one.dataset.field);
    }
  }

  function swap({ target }) {
    const [old, fresh] = SIDES.map((side) => find(`race.${side}`));
    [old.value, fresh.value] = [fresh.value, old.value];
    target.form.dispatchEvent(new Event("input"));
  }

  const answers = () => Object.fromEntries(new FormData(document.querySelector("#form form")));

  function tell({ cost, idle, problems, problem }) {
    explain(idle);
    if (cost) put("cost", cost);
    put("refusal", problem);
    for (const box of document.querySelectorAll("#form .wrong")) {
      const name = box.id.replace("wrong-", "");
      put(box.id, problems[name] ?? "");
      find(name).setAttribute("aria-invalid", String(name in problems));
    }
  }

  async function start(event) {
    event.preventDefault();
    const said = await (await ask("start", answers())).json();
    tell(said);
    asking = !said.started;
    if (said.started) wait({ is_racing: true, step: "getting ready" });
    const wrong = document.querySelector("#form [aria-invalid=true]");
    if (!said.started) (wrong ?? find("refusal")).focus();
  }

  async function offer() {
    const { fields, cost, idle } = await (await ask("form")).json();
    const groups = Object.entries(GROUPS).map(([name, title]) => element("fieldset", [
      element("legend", title), ...fields.filter((one) => one.group === name).map(asked),
    ]));
    const turn = element("button", "Swap targets", { type: "button", class: "plain" });
    turn.addEventListener("click", swap);
    groups[0].append(turn);
    const form = element("form", [
      ...groups,
      element("p", cost, { id: "cost", role: "status" }),
      element("p", "", { id: "refusal", role: "alert", tabindex: "-1" }),
      element("button", "Start", { type: "submit" }), element("span", "", { id: "step", role: "status" }),
    ]);
    let typed;
    form.addEventListener("submit", start);
    form.addEventListener("input", () => {
      explain();
      clearTimeout(typed);
      typed = setTimeout(async () => tell(await (await ask("check", answers())).json()), TYPED_MS);
    });
    document.title = "dragstrip: start a race";
    put("title", "Start a race");
    put("stage", "");
    find("form").replaceChildren(form);
    explain(idle);
  }

  // From Start until the race is stored, the form stays: what it asks for is made ready.
  function wait({ is_racing: isRacing, step, trouble }) {
    const button = document.querySelector("#form [type=submit]");
    if (!button) return;
    button.disabled = isRacing;
    put("step", isRacing ? step : "");
    if (trouble) asking = true;
  }

  async function again() {
    asking = true;
    begin({ run });
    await offer();
    find("title").focus();
  }

  // What a button does is decided by how the race stands; a page that only watches has none.
  function buttons({ control }) {
    const does = !control || asking ? "" : control.is_racing ? "stop" : run === null ? "" : "again";
    const box = find("buttons");
    if (box.dataset.does === does) return;
    box.dataset.does = does;
    const press = { stop: () => ask("stop", {}), again };
    const button = element("button", does, { type: "button", "data-does": does });
    button.addEventListener("click", press[does]);
    box.replaceChildren(...(does ? [button] : []));
  }

  // Locust's own pages ask Locust's process: not before somebody wants to see them, and no longer.
  function turnTo(name) {
    for (const tab of document.querySelectorAll("#tabs button")) {
      const isIt = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(isIt));
      tab.tabIndex = isIt ? 0 : -1;
      find(tab.getAttribute("aria-controls")).hidden = !isIt;
      if (isIt) tab.focus();
    }
    const frame = element("iframe", "", { src: "locust/", title: "Locust's own figures" });
    find("locust").replaceChildren(...(name === "locust" ? [
      element("p", "Locust's figures do not compare the targets: the tab Race does."), frame,
    ] : []));
  }

  for (const name of ["page", "locust"]) {
    const other = name === "page" ? "locust" : "page";
    find(`tab-${name}`).addEventListener("click", () => turnTo(name));
    find(`tab-${name}`).addEventListener("keydown", (event) => {
      if (["ArrowLeft", "ArrowRight"].includes(event.key)) turnTo(other);
    });
  }

  async function look() {
    const page = await (await ask("state")).json();
    if (page.control) wait(page.control);
    asking &&= !page.control.is_racing;
    if (!asking && page.run !== run) begin(page);
    buttons(page);
    if (asking) {
      put("trouble", page.control.trouble);
      return;
    }
    find("tabs").hidden = !page.control;
    if (page.control && find("trouble")) put("trouble", page.control.trouble);
    if (page.run === null) {
      if (!page.control) put("stage", "Waiting for a race to begin.");
      else if (!page.control.is_racing && !find("form").firstChild) await offer();
      return;
    }
    // While a race is over and one is under way, the next is not stored yet.
    if (reported === page.run || (page.is_over && page.control?.is_racing)) return;
    if (page.is_over) {
      await become(page);
      return;
    }
    if (!page.control) put("trouble", "");
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
