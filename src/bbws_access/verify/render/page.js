"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const environments = report.environments;
  const SVG = "http://www.w3.org/2000/svg";
  const POLICY_LIMIT = 10240;
  const DOCUMENTED = ["region", "env_name", "pitr_enabled", "cross_region_replication", "failover_region"];

  // --- Building ------------------------------------------------------------------------------------------

  // Texts go in as text nodes only, so nothing in the report is ever read as markup.
  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : String(value));
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  };
  const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const at = (id) => document.getElementById(id);
  const icon = (name) => draw("svg", { class: "icon", "aria-hidden": "true" }, draw("use", { href: `#icon-${name}` }));
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
  // Rounded before it is split: never 2 min 60 s.
  const seconds = (value) => {
    if (value < 59.95) return `${value.toFixed(1)} s`;
    const whole = Math.round(value);
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  };
  const holds = (criterion) => environments.every((name) => criterion.verdicts[name] && criterion.verdicts[name].passed);
  const bytes = (value) => (value < 1024 ? `${value} B` : `${(value / 1024).toFixed(1)} KB`);
  // A value as Terraform writes it.
  const literal = (value) => {
    if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{ ${Object.keys(value).sort().map((key) => `${key} = ${literal(value[key])}`).join(", ")} }`;
  };
  const written = (value) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : literal(value));
  // Text in which backquotes mark code.
  const prose = (text) => text.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? make("code", {}, part.slice(1, -1)) : part));
  // Long names break where a reader would break them.
  const breakable = (text) => text.split(/(?<=[/._])/).flatMap((part, index) => (index ? [make("wbr"), part] : [part]));

  const STATUS = {
    COMPLETE: ["pass", "good", "Complete"],
    FAILED: ["fail", "bad", "Failed"],
    RUNNING: ["wait", "", "Running"],
    PENDING: ["wait", "", "Pending"],
    SKIPPED: ["none", "", "Skipped"],
  };
  const badge = (status) => {
    const [sign, tone, word] = STATUS[status] || ["none", "", status];
    return make("span", { class: `badge ${tone}` }, icon(sign), word);
  };

  // --- Theme ---------------------------------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  const showTheme = () => { at("theme").lastElementChild.textContent = theme() === "dark" ? "Light" : "Dark"; };
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch { /* a browser that keeps nothing follows the system */ }
  at("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", theme()); } catch { /* as above */ }
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  showTheme();

  // --- Verdict -------------------------------------------------------------------------------------------

  const broken = report.criteria.filter((criterion) => !holds(criterion));
  const everyone = [...report.workers, ...report.supporting];
  const faulty = (worker) => worker.status === "COMPLETE" && worker.steps.some((step) => step.status !== "COMPLETE");
  const unfinished = everyone.filter((worker) => worker.status !== "COMPLETE");
  const complete = report.workers.filter((worker) => worker.status === "COMPLETE").length;

  const withFaults = report.workers.some(faulty) ? `, ${report.workers.filter(faulty).length} of them with faults` : "";

  const headline = () => {
    if (report.passed) return "Everything holds";
    const parts = [];
    if (broken.length) parts.push(`${count(broken.length, "criterion").replace("criterions", "criteria")} ${broken.length === 1 ? "does" : "do"} not hold`);
    if (unfinished.length) parts.push(`${count(unfinished.length, "worker")} did not complete`);
    const faults = everyone.filter(faulty).length;
    if (faults) parts.push(`${count(faults, "worker")} found faults`);
    return parts.join("; ") || "Nothing was verified";
  };
  const showVerdict = () => {
    const box = at("verdict");
    const tone = report.passed ? "good" : "bad";
    box.classList.add(report.passed ? "passes" : "fails");
    const links = broken.flatMap((criterion) =>
      environments.filter((name) => !(criterion.verdicts[name] || {}).passed).slice(0, 1)
        .map((name) => make("li", {}, make("a", { href: `#${cellId(criterion, name)}` }, prose(criterion.title)),
          make("span", { class: "muted" }, ` in ${list(environments.filter((other) => !(criterion.verdicts[other] || {}).passed))}`))));
    links.push(...everyone.filter((worker) => worker.status !== "COMPLETE" || faulty(worker)).map((worker) => make("li", {},
      make("a", { href: `#${worker.name}` }, worker.name), worker.message ? make("span", { class: "muted" }, `: ${worker.message}`) : null)));
    fill(box, {}, [
      make("span", { class: `sign ${tone}` }, icon(report.passed ? "pass" : "fail")),
      make("strong", {}, headline()),
      make("p", { class: "muted" }, `${complete} of ${count(report.workers.length, "worker")} complete${withFaults}, ` +
        `${report.criteria.length - broken.length} of ${report.criteria.length} criteria hold in ${list(environments.map((name) => name.toUpperCase()))}.`),
      links.length ? make("ul", {}, links) : null,
    ]);
    document.title = `${report.passed ? "✓" : "✗"} ${document.title}`;
    const number = (name, value, small) => make("div", {}, make("dt", {}, name), make("dd", {}, value, small ? make("small", {}, ` ${small}`) : null));
    const when = report.started.replace("T", " ").replace(/(:\d\d)(\.\d+)?(Z|\+00:00)$/, "$1");
    fill(at("numbers"), {}, [
      number("Verified, UTC", when.slice(0, 10), when.slice(11, 16)),
      number("Took", seconds(report.seconds)),
      ...environments.filter((name) => report.estimates[name])
        .map((name) => number(`Resources in ${name.toUpperCase()}`, report.estimates[name].resources.toLocaleString("en"))),
      number("Routes", String(report.routes.length)),
    ]);
    fill(at("made-with"), {}, Object.entries(report.versions).map(([name, version]) => make("span", {}, `${name} `, make("code", {}, version))));
  };

  // --- Workers -------------------------------------------------------------------------------------------

  const showWorkers = () => {
    const longest = Math.max(...everyone.map((worker) => worker.seconds), 0.001);
    const card = (worker) => {
      const bar = make("i");
      bar.style.width = worker.cached ? "0" : `${Math.max(1, (worker.seconds / longest) * 100)}%`;
      const failed = worker.status === "FAILED" || faulty(worker);
      return make("details", { class: "worker card", open: failed, id: worker.name },
        make("summary", {},
          make("div", { class: "who" }, make("div", { class: "name" }, worker.name), make("div", { class: "task" }, worker.task)),
          faulty(worker) ? make("span", { class: "badge bad" }, icon("fail"), "Complete, with faults") : badge(worker.status),
          make("span", { class: "time" }, worker.cached ? "cached" : seconds(worker.seconds)),
          failed && worker.message ? make("div", { class: "message bad" }, worker.message) : null,
          make("div", { class: "track", "aria-hidden": "true" }, bar)),
        make("div", { class: "body" },
          !failed && worker.message ? make("p", { class: "muted" }, worker.message) : null,
          steps(worker)));
    };
    fill(at("worker-list"), {}, [
      report.workers.map(card),
      report.supporting.length ? make("h3", {}, "Modules that they rest on") : null,
      report.supporting.map(card),
    ]);
  };

  const steps = (worker) => worker.steps.length === 0 ? make("p", { class: "empty" }, "It came to no step.") :
    make("div", { class: "sheet", tabindex: "0", role: "region", "aria-label": `Steps of ${worker.name}` }, make("table", { class: "steps" },
      make("thead", {}, make("tr", {}, ["Step", "Environment", "Status"].map((name) => make("th", { scope: "col" }, name)), make("th", { scope: "col", class: "number" }, "Time"))),
      make("tbody", {}, worker.steps.map((step) => make("tr", {},
        make("th", { scope: "row" }, step.name, step.detail ? make("div", { class: "muted" }, step.detail) : null),
        make("td", {}, step.environment || "all"),
        make("td", {}, badge(step.status)),
        make("td", { class: "number" }, step.cached ? "cached" : seconds(step.seconds)))))));

  // --- Criteria ------------------------------------------------------------------------------------------

  const cellId = (criterion, environment) => `criterion-${criterion.id}-${environment}`;
  let opened = null;

  const matches = (criterion, words) => {
    const findings = Object.values(criterion.verdicts).flatMap((verdict) => verdict.findings)
      .flatMap((finding) => [finding.message, finding.address, finding.file]);
    const text = [criterion.id, criterion.title, criterion.rule, criterion.worker, ...findings].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };

  const showCriteria = () => {
    const words = at("criteria-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const failing = at("criteria-failing").checked;
    const shown = report.criteria.filter((criterion) => (!failing || !holds(criterion)) && matches(criterion, words));
    const several = shown.length === 1 ? "criterion" : "criteria";
    at("criteria-count").textContent = shown.length === report.criteria.length ? `${shown.length} ${several}` : `${shown.length} of ${report.criteria.length}`;
    const group = (title, members) => members.length === 0 ? null : make("tbody", {},
      make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: environments.length + 1 }, title)),
      members.map((criterion) => make("tr", { "data-criterion": criterion.id },
        make("th", { scope: "row" }, prose(criterion.title)),
        environments.map((name) => make("td", { class: "cell" }, cell(criterion, name))))));
    opened = null;
    const left = report.not_judged.length
      ? make("p", { class: "lead" }, `Not judged, because not everything that they are about was asked for: ${list(report.not_judged)}.`) : "";
    at("matrix").replaceChildren(shown.length === 0
      ? make("p", { class: "card empty" }, failing && broken.length === 0 ? "Every criterion holds." : "No criterion matches.")
      : make("div", { class: "card" }, make("table", { class: "matrix" },
        make("caption", { class: "skip" }, "Criteria by environment"),
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Criterion"), environments.map((name) => make("th", { scope: "col", class: "cell" }, name)))),
        group("The foundations", shown.filter((criterion) => criterion.from_document)),
        group("Further", shown.filter((criterion) => !criterion.from_document)))), left);
  };

  const cell = (criterion, environment) => {
    const verdict = criterion.verdicts[environment];
    if (!verdict) return make("span", { class: "missing" }, make("span", { "aria-hidden": "true" }, "–"), make("span", { class: "skip" }, "not judged"));
    const meant = meantValue(verdict);
    const words = `${criterion.title}, ${environment}: ${meant ? `${meant}, as it is meant to be` : verdict.passed ? "holds" : "does not hold"}, ${verdict.looked_at_count} looked at`;
    return make("button", {
      type: "button", id: cellId(criterion, environment), class: meant ? "muted" : verdict.passed ? "good" : "bad", "aria-label": words,
      "aria-expanded": "false", onclick: (event) => toggle(event.currentTarget, criterion, environment), onkeydown: walk,
    }, meant || [icon(verdict.passed ? "pass" : "fail"), String(verdict.looked_at_count)]);
  };

  // What an environment is meant to have in place of what the title says, such as "off": no tick for what is not there.
  const meantValue = (verdict) => (verdict.passed && verdict.value ? verdict.value : null);

  const toggle = (button, criterion, environment) => {
    const again = opened && opened.button === button;
    if (opened) {
      opened.row.remove();
      opened.button.setAttribute("aria-expanded", "false");
      opened.button.removeAttribute("aria-controls");
      opened = null;
    }
    if (again) return;
    const row = make("tr", { class: "detail", id: "criterion-detail" }, make("td", { colspan: environments.length + 1 }, detail(criterion, environment)));
    button.closest("tr").after(row);
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", row.id);
    opened = { button, row };
  };

  const detail = (criterion, environment) => {
    const verdict = criterion.verdicts[environment];
    const nothing = verdict.looked_at_count === 0 && !verdict.passed && verdict.findings.length === 0;
    return make("div", { class: "detail-body" },
      make("div", { class: "headline" },
        make("strong", {}, prose(criterion.title), ` in ${environment.toUpperCase()}`),
        meantValue(verdict) ? make("span", { class: "badge" }, `${verdict.value}, as it is meant to be`)
          : make("span", { class: `badge ${verdict.passed ? "good" : "bad"}` }, icon(verdict.passed ? "pass" : "fail"), verdict.passed ? "Holds" : "Does not hold")),
      make("div", { class: "facts" },
        make("div", {}, make("h4", {}, "Rule"), make("p", {}, prose(criterion.rule))),
        make("div", {}, make("h4", {}, `Looked at: ${verdict.looked_at_count.toLocaleString("en")}`), make("p", {}, prose(criterion.looked_at)),
          criterion.worker ? make("p", { class: "muted" }, `Proved by ${criterion.worker}`) : null)),
      nothing ? make("p", { class: "bad" }, "There was nothing to look at, so nothing is proved.") : null,
      verdict.findings.length ? make("div", {}, make("h4", {}, count(verdict.findings.length, "finding")),
        make("ul", { class: "findings" }, verdict.findings.map((finding) => make("li", {},
          make("span", {}, finding.message),
          finding.address ? make("code", {}, breakable(finding.address)) : null,
          finding.value !== null && finding.value !== undefined ? make("span", { class: "muted" }, "found ", make("code", {}, finding.value)) : null,
          finding.file ? make("code", { class: "muted" }, breakable(finding.line ? `${finding.file}:${finding.line}` : finding.file)) : null)))) : null,
      verdict.evidence.length ? make("div", {}, make("h4", {}, "Evidence"),
        make("ul", { class: "evidence", tabindex: "0", "aria-label": "Evidence" }, verdict.evidence.map((line) => make("li", {}, line)))) : null);
  };

  const walk = (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    const rows = [...document.querySelectorAll("tr[data-criterion]")].map((row) => [...row.querySelectorAll(".cell")]);
    const y = rows.findIndex((cells) => cells.includes(event.currentTarget.parentElement));
    const x = rows[y].indexOf(event.currentTarget.parentElement);
    const next = rows[y + step[0]]?.[x + step[1]]?.querySelector("button");
    if (next) {
      event.preventDefault();
      next.focus();
    }
  };

  const followAddress = () => {
    const button = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (button && button.tagName === "DETAILS") button.open = true;
    if (button && button.closest(".matrix") && button.getAttribute("aria-expanded") === "false") {
      button.click();
      button.focus({ preventScroll: true });
      button.closest("tr").scrollIntoView({ block: "start" });
    }
  };

  // --- Pictures ------------------------------------------------------------------------------------------

  const arrowHead = (id) => draw("defs", {}, draw("marker", { id, viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "8", markerHeight: "8", markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" },
    draw("path", { class: "head", d: "M0 0.8 7.2 4 0 7.2z" })));
  const shorten = (text, room) => (text.length <= room ? text : `${text.slice(0, Math.max(1, room - 1))}…`);

  // An order in which few arrows point back (Eades, Lin and Smyth): modules may need each other in circles.
  const inOrder = (ids, edges) => {
    const left = new Set(ids);
    const [first, last] = [[], []];
    const degree = (id, from, to) => edges.filter((edge) => edge[from] === id && left.has(edge[to])).length;
    const take = (id, into) => { left.delete(id); into.push(id); };
    while (left.size) {
      const rest = [...left];
      const end = rest.find((id) => degree(id, "source", "target") === 0);
      const start = rest.find((id) => degree(id, "target", "source") === 0);
      if (end !== undefined) take(end, last);
      else if (start !== undefined) take(start, first);
      else {
        const weight = (id) => degree(id, "source", "target") - degree(id, "target", "source");
        take(rest.reduce((best, id) => (weight(id) > weight(best) ? id : best)), first);
      }
    }
    return [...first, ...last.reverse()];
  };

  // Boxes in ranks, so that every arrow points onwards: to the right, or down. Long arrows pass between boxes.
  const layered = (nodes, edges, size) => {
    const down = size.down === true;
    const [along, across] = down ? [size.height, size.width] : [size.width, size.height];
    const known = new Map(nodes.map((node) => [node.id, { ...node, needs: [], rank: 0 }]));
    const inside = edges.filter((edge) => edge.source !== edge.target && known.has(edge.source) && known.has(edge.target));
    const order = inOrder([...known.keys()], inside);
    const position = new Map(order.map((id, index) => [id, index]));
    for (const edge of inside) if (position.get(edge.source) < position.get(edge.target)) known.get(edge.source).needs.push(edge.target);
    const reach = new Map();
    for (const id of [...order].reverse()) {
      const node = known.get(id);
      const beyond = new Set(node.needs.flatMap((target) => [...reach.get(target)]));
      node.drawn = [...new Set(node.needs)].filter((target) => !beyond.has(target));
      reach.set(id, new Set([...node.needs, ...beyond]));
    }
    for (const id of order) for (const target of known.get(id).drawn) known.get(target).rank = Math.max(known.get(target).rank, known.get(id).rank + 1);
    // What nothing needs stands just before what it needs.
    const wanted = new Set([...known.values()].flatMap((node) => node.drawn));
    for (const node of known.values()) if (!wanted.has(node.id) && node.drawn.length) node.rank = Math.min(...node.drawn.map((target) => known.get(target).rank)) - 1;
    const ranks = [];
    const place = (item) => { (ranks[item.rank] ||= []).push(item); };
    for (const node of nodes) place(known.get(node.id));
    const lines = [];
    for (const node of nodes) {
      for (const target of known.get(node.id).drawn) {
        const chain = [known.get(node.id)];
        for (let rank = chain[0].rank + 1; rank < known.get(target).rank; rank++) {
          const bend = { bend: true, rank };
          place(bend);
          chain.push(bend);
        }
        chain.push(known.get(target));
        lines.push({ source: node.id, target, chain });
      }
    }
    const neighbours = new Map();
    for (const { chain } of lines) {
      chain.slice(1).forEach((item, index) => {
        for (const [one, other] of [[chain[index], item], [item, chain[index]]]) neighbours.set(one, [...(neighbours.get(one) || []), other]);
      });
    }
    const middle = (item) => item.start + item.extent / 2;
    const spread = () => {
      for (const rank of ranks) {
        let next = 0;
        for (const item of rank) {
          item.extent = item.bend ? 12 : across;
          item.start = next;
          next += item.extent + size.gap;
        }
        for (const item of rank) item.start -= (next - size.gap) / 2;
      }
    };
    spread();
    for (let sweep = 0; sweep < 12; sweep++) {
      for (const rank of sweep % 2 ? [...ranks].reverse() : ranks) {
        const wish = new Map(rank.map((item) => {
          const others = neighbours.get(item) || [];
          return [item, others.length ? others.reduce((sum, other) => sum + middle(other), 0) / others.length : middle(item)];
        }));
        rank.sort((a, b) => wish.get(a) - wish.get(b));
        spread();
      }
    }
    const all = ranks.flat();
    const first = Math.min(...all.map((item) => item.start));
    for (const item of all) {
      item.start -= first;
      item.depth = item.rank * (along + size.space);
      [item.x, item.y] = down ? [item.start, item.depth] : [item.depth, item.start];
    }
    const breadth = Math.max(...all.map((item) => item.start + item.extent));
    const length = ranks.length * (along + size.space) - size.space;
    const point = (depth, start) => (down ? `${start} ${depth}` : `${depth} ${start}`);
    return {
      nodes: nodes.map((node) => known.get(node.id)),
      lines,
      width: down ? breadth : length,
      height: down ? length : breadth,
      path: (chain) => chain.slice(1).reduce((path, item, index) => {
        const from = chain[index].depth + along;
        const half = (item.depth - from) / 2;
        const curve = `C${point(from + half, middle(chain[index]))} ${point(item.depth - half, middle(item))} ${point(item.depth, middle(item))}`;
        return `${path} ${curve}${item.bend ? ` L${point(item.depth + along, middle(item))}` : ""}`;
      }, `M${point(chain[0].depth + along, middle(chain[0]))}`),
    };
  };

  // --- The graph of modules and resources ----------------------------------------------------------------

  const graph = report.graph;
  const modules = graph.nodes.filter((node) => node.kind === "module");
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const home = (id) => { const node = byId.get(id); return node && (node.kind === "module" ? node.id : node.module); };
  const resourcesOf = (id) => graph.nodes.filter((node) => node.kind === "resource" && node.module === id);
  const moduleEdges = [...new Map(graph.edges.map((edge) => ({ source: home(edge.source), target: home(edge.target) }))
    .filter((edge) => edge.source && edge.target && edge.source !== edge.target).map((edge) => [`${edge.source} ${edge.target}`, edge])).values()];
  let chosen = null;

  const picture = (plan, size, box, marker, words) => draw("svg", {
    width: plan.width + 4, height: plan.height + 4, viewBox: `-2 -2 ${plan.width + 4} ${plan.height + 4}`, role: "group", "aria-label": words,
  }, arrowHead(marker), plan.lines.map((line) => draw("path", { class: "edge", d: plan.path(line.chain), "marker-end": `url(#${marker})`, "data-source": line.source, "data-target": line.target })),
  plan.nodes.map((node) => box(node, size)));

  const showModules = () => {
    if (modules.length === 0) {
      at("modules").replaceChildren(make("p", { class: "empty" }, "The graph is empty: no stack was planned."));
      return;
    }
    const size = { down: true, width: Math.max(118, ...modules.map((node) => node.label.length * 7.4 + 24)), height: 46, gap: 18, space: 40 };
    const plan = layered(modules, moduleEdges, size);
    at("modules").replaceChildren(picture(plan, size, (node) => draw("g", {
      role: "button", tabindex: "0", "aria-pressed": "false", "data-module": node.id, transform: `translate(${node.x} ${node.y})`,
      "aria-label": `${node.label}, ${count(resourcesOf(node.id).length, "resource")}`,
      onclick: () => choose(node.id),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(node.id); } },
    }, draw("rect", { width: size.width, height: size.height, rx: 8 }),
    draw("text", { class: "title", x: 12, y: 19 }, node.label),
    draw("text", { class: "small", x: 12, y: 36 }, resourcesOf(node.id).length ? count(resourcesOf(node.id).length, "resource") : "nothing planned")), "head-modules", "Modules, each pointing at what it needs"));
    const choice = at("module-choice");
    fill(choice, {}, modules.map((node) => make("option", { value: node.id }, `${node.label} (${resourcesOf(node.id).length})`)));
    choice.addEventListener("change", () => choose(choice.value));
    choose([...modules].sort((a, b) => resourcesOf(a.id).length - resourcesOf(b.id).length).find((node) => resourcesOf(node.id).length > 3)?.id || modules[0].id);
  };

  const choose = (id) => {
    chosen = id;
    at("module-choice").value = id;
    for (const box of at("modules").querySelectorAll("[data-module]")) box.setAttribute("aria-pressed", String(box.dataset.module === id));
    for (const line of at("modules").querySelectorAll(".edge")) {
      const near = line.dataset.source === id || line.dataset.target === id;
      line.classList.toggle("near", near);
      line.classList.toggle("far", !near);
    }
    const box = [...at("modules").querySelectorAll("[data-module]")].find((each) => each.dataset.module === id).getBoundingClientRect();
    const frame = at("modules").getBoundingClientRect();
    at("modules").scrollLeft += box.x + box.width / 2 - frame.x - frame.width / 2;
    showModule(byId.get(id));
  };

  const label = (id) => byId.get(id)?.label || id;
  const showModule = (module) => {
    const inside = resourcesOf(module.id);
    const needs = [...new Set(moduleEdges.filter((edge) => edge.source === module.id).map((edge) => edge.target))];
    const needed = [...new Set(moduleEdges.filter((edge) => edge.target === module.id).map((edge) => edge.source))];
    const ids = new Set(inside.map((node) => node.id));
    const inner = graph.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target));
    const names = (targets) => targets.length ? targets.map((target) => make("a", { href: "#modules", onclick: (event) => { event.preventDefault(); choose(target); } }, label(target))) : [make("span", { class: "muted" }, "nothing")];
    const parts = (node) => node.label.replace(/^aws_/, "").split(/\.(.*)/);
    let map = null;
    if (inner.length && inside.length <= 60) {
      const tied = inside.filter((node) => inner.some((edge) => edge.source === node.id || edge.target === node.id));
      const size = { width: Math.max(90, ...tied.map((node) => Math.max(parts(node)[0].length * 6.1, parts(node)[1].length * 7) + 24)), height: 42, gap: 10, space: 44 };
      const plan = layered(tied, inner, size);
      map = make("div", { class: "picture scroll", tabindex: "0", role: "region", "aria-label": `Graph of the resources of ${module.label}` },
        picture(plan, size, (node) => draw("g", { transform: `translate(${node.x} ${node.y})` },
          draw("title", {}, node.id), draw("rect", { width: size.width, height: size.height, rx: 6 }),
          draw("text", { class: "small", x: 11, y: 17 }, parts(node)[0]),
          draw("text", { class: "line", x: 11, y: 33 }, parts(node)[1])), "head-resources", `Resources of ${module.label}`));
    }
    const cellOf = (name, ids_) => make("td", { "data-name": name }, ids_.length ? ids_.map((id) => label(id)).sort().map((text) => make("div", {}, breakable(text))) : "–");
    at("module").replaceChildren(make("div", { class: "module card" },
      make("div", { class: "module-head" }, make("strong", {}, module.label), make("span", { class: "muted" }, count(inside.length, "resource")),
        make("span", { class: "links" }, make("span", { class: "muted" }, "needs"), names(needs)),
        make("span", { class: "links" }, make("span", { class: "muted" }, "needed by"), names(needed))),
      map,
      inside.length ? make("details", { class: "every", open: inside.length < 8 }, make("summary", {}, "Every resource, and what it needs"), make("table", { class: "stacks" },
        make("thead", {}, make("tr", {}, ["Resource", "Needs", "Needed by"].map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, inside.map((node) => make("tr", {}, make("th", { scope: "row" }, make("code", {}, breakable(node.label))),
          cellOf("needs", graph.edges.filter((edge) => edge.source === node.id).map((edge) => edge.target)),
          cellOf("needed by", graph.edges.filter((edge) => edge.target === node.id).map((edge) => edge.source))))))) : make("p", { class: "empty" }, "It has no resources of its own.")));
  };

  // --- The flow ------------------------------------------------------------------------------------------

  let flowEnvironment = environments.at(-1);
  const planned = (environment, type) => everyone.flatMap((worker) => worker.resources[environment] || []).filter((resource) => resource.type === type);
  const inGraph = (type) => graph.nodes.filter((node) => node.type === type);
  const values = (environment) => report.environment_values[environment] || {};
  const bare = (environment, text) => {
    const project = values(environment).project_name || "bbws-access";
    return text.replace(new RegExp(`^(/aws/\\w+/)?${project.replace(/[^\w-]/g, "")}-${environment}-`), "").replace(/^(ddb|lambda|s3|sns|queue|key|role|alarm)-/, "");
  };
  const named = (environment, type) => [...new Set(planned(environment, type).map((resource) => bare(environment, resource.name || resource.address.replace(/^.*\["(.*)"\]$/, "$1"))))].sort();

  // `together`: one box for all services, where there is no room for one each.
  const flowOf = (environment, together) => {
    const services = [...new Set(report.routes.map((route) => route.service))].sort();
    const tables = named(environment, "aws_dynamodb_table");
    const buckets = named(environment, "aws_s3_bucket");
    const replicated = values(environment).cross_region_replication === true;
    const main = buckets.filter((name) => !name.includes("replica"));
    const nodes = [];
    const edges = [];
    const add = (id, rank, title, lines, from) => {
      nodes.push({ id, rank, title, lines });
      for (const source of from) if (nodes.some((node) => node.id === source)) edges.push([source, id]);
    };
    add("people", 0, "People", ["and other services"], []);
    if (planned(environment, "aws_cognito_user_pool").length || inGraph("aws_cognito_user_pool").length) add("cognito", 1, "Cognito", ["sign-in, tokens"], ["people"]);
    add("api", 1, "API Gateway", [count(report.routes.length, "route"), "/v1"], ["people"]);
    if (nodes.some((node) => node.id === "cognito")) add("token-claims", 2, "token-claims", ["before each token"], ["cognito"]);
    add("authorizer", 2, "authorizer", ["who may do what"], ["api"]);
    const boxes = together ? [["services", "services", services]]
      : services.map((service) => [`service ${service}`, service, [count(report.routes.filter((route) => route.service === service).length, "route")]]);
    if (services.length) for (const [id, title, lines] of boxes) add(id, 2, title, lines, ["api"]);
    if (tables.length) add("tables", 3, "DynamoDB", tables, ["token-claims", "authorizer", ...boxes.map(([id]) => id)]);
    if (main.length) add("archive", 3, "S3, audit", main, services.includes("audit") ? [together ? "services" : "service audit"] : []);
    if (replicated && tables.length) add("table-replicas", 4, "Replica tables", [values(environment).failover_region || ""], ["tables"]);
    if (replicated && main.length) add("archive-replica", 4, "S3, replica", buckets.filter((name) => name.includes("replica")), ["archive"]);
    const under = [
      ["Watching", [["aws_cloudwatch_log_group", "log group"], ["aws_cloudwatch_metric_alarm", "alarm"], ["aws_cloudwatch_dashboard", "dashboard"], ["aws_sns_topic", "alert topic"]]],
      ["Access", [["aws_iam_role", "role"], ["aws_kms_key", "key"]]],
    ].map(([title, kinds]) => [title, kinds.map(([type, noun]) => [planned(environment, type).length, noun]).filter(([number]) => number).map(([number, noun]) => count(number, noun))])
      .filter(([, parts]) => parts.length);
    return { nodes, edges, under, region: values(environment).region, failover: replicated ? values(environment).failover_region : null };
  };

  const showFlow = () => {
    const room = at("flow").clientWidth - (innerWidth <= 640 ? 14 : 34);
    const wide = room >= 720;
    const flow = flowOf(flowEnvironment, !wide);
    const ranks = [0, 1, 2, 3, 4].map((rank) => flow.nodes.filter((node) => node.rank === rank)).filter((nodes) => nodes.length);
    const tall = (node) => 34 + node.lines.length * 16;
    let height = 0;
    if (wide) {
      const space = 56;
      const width = Math.min(196, (room - space * (ranks.length - 1)) / ranks.length);
      const heights = ranks.map((nodes) => nodes.reduce((sum, node) => sum + tall(node) + 22, -22));
      height = Math.max(...heights);
      const left = (room - (ranks.length * (width + space) - space)) / 2;
      ranks.forEach((nodes, column) => {
        let y = (height - heights[column]) / 2;
        for (const node of nodes) {
          Object.assign(node, { x: left + column * (width + space), y, width, height: tall(node) });
          y += node.height + 22;
        }
      });
    } else {
      let y = 0;
      for (const nodes of ranks) {
        const width = Math.min(170, (room - (nodes.length - 1) * 8) / nodes.length);
        const left = (room - nodes.length * (width + 8) + 8) / 2;
        const most = Math.max(...nodes.map(tall));
        nodes.forEach((node, index) => Object.assign(node, { x: left + index * (width + 8), y, width, height: most }));
        y += most + 34;
      }
      height = y - 34;
    }
    const byName = new Map(flow.nodes.map((node) => [node.id, node]));
    const curve = ([from, to]) => {
      const [a, b] = [byName.get(from), byName.get(to)];
      if (wide) {
        const [x1, y1, x2, y2] = [a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2];
        return `M${x1} ${y1} C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
      }
      const [x1, y1, x2, y2] = [a.x + a.width / 2, a.y + a.height, b.x + b.width / 2, b.y];
      return `M${x1} ${y1} C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;
    };
    const bands = flow.under.map(([title, parts], index) => {
      const y = height + 30 + index * (wide ? 42 : 58);
      const text = parts.join(" · ");
      return draw("g", { transform: `translate(0 ${y})` }, draw("rect", { width: room, height: wide ? 34 : 50, rx: 8 }),
        draw("text", { class: "title", x: 14, y: wide ? 22 : 20 }, title),
        draw("text", { class: "small", x: wide ? 110 : 14, y: wide ? 22 : 38 }, shorten(text, Math.floor((room - (wide ? 120 : 24)) / 5.6))));
    });
    const whole = height + (bands.length ? 22 + bands.length * (wide ? 42 : 58) : 0);
    const words = flow.edges.map(([from, to]) => `${byName.get(from).title} to ${byName.get(to).title}`).join(", ");
    at("flow").replaceChildren(
      draw("svg", { width: room, height: whole + 4, viewBox: `-2 -2 ${room + 4} ${whole + 4}`, role: "img", "aria-label": `In ${flowEnvironment}: ${words}` },
        arrowHead("head-flow"),
        flow.edges.map((edge) => draw("path", { class: "edge", d: curve(edge), "marker-end": "url(#head-flow)" })),
        flow.nodes.map((node) => draw("g", { transform: `translate(${node.x} ${node.y})`, class: node.rank === 4 ? "outside" : null },
          draw("rect", { width: node.width, height: node.height, rx: 8 }),
          draw("text", { class: "title", x: 12, y: 22 }, shorten(node.title, Math.floor((node.width - 16) / 7.3))),
          node.lines.map((line, index) => draw("text", { class: "small", x: 12, y: 40 + index * 16 }, shorten(line, Math.floor((node.width - 16) / 6.1)))))),
        bands),
      make("p", { class: "legend" }, flow.region ? `Everything is in ${flow.region}${flow.failover ? `; dashed boxes are in ${flow.failover}` : "; nothing is replicated to another region"}.` : ""));
  };

  const showFlowChoice = () => {
    fill(at("flow-environment"), {}, environments.map((name) => make("button", {
      type: "button", "aria-pressed": String(name === flowEnvironment),
      onclick: (event) => {
        flowEnvironment = name;
        for (const button of at("flow-environment").children) button.setAttribute("aria-pressed", String(button === event.currentTarget));
        showFlow();
      },
    }, name.toUpperCase())));
  };

  // --- Environments --------------------------------------------------------------------------------------

  const showValues = () => {
    const names = [...new Set([...DOCUMENTED, ...environments.flatMap((name) => Object.keys(values(name))).sort()])];
    const differs = (key) => new Set(environments.map((name) => JSON.stringify(values(name)[key] ?? null))).size > 1;
    const present = names.filter((key) => environments.some((name) => key in values(name)));
    const shown = at("values-different").checked ? present.filter(differs) : present;
    at("values").replaceChildren(shown.length === 0 ? make("p", { class: "card empty" }, "All environments have the same values.") :
      make("div", { class: "card" }, make("table", { class: "values stacks" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Variable"), environments.map((name) => make("th", { scope: "col" }, name.toUpperCase())))),
        make("tbody", {}, shown.map((key) => make("tr", { class: differs(key) ? "differs" : null }, make("th", { scope: "row" }, make("code", {}, breakable(key))),
          environments.map((name) => make("td", { "data-name": name }, make("code", {}, written(values(name)[key]))))))))));
  };

  const showOnly = () => {
    const where = new Map();
    for (const worker of everyone) {
      for (const name of environments) {
        for (const resource of worker.resources[name] || []) {
          const address = resource.address;
          if (!where.has(address)) where.set(address, new Set());
          where.get(address).add(name);
        }
      }
    }
    const groups = new Map();
    for (const [address, names] of where) {
      if (names.size === environments.length) continue;
      const key = environments.filter((name) => names.has(name)).map((name) => name.toUpperCase());
      const title = `Only in ${list(key)}`;
      groups.set(title, [...(groups.get(title) || []), address]);
    }
    at("only").replaceChildren(...[...groups].sort().map(([title, addresses]) => make("details", { class: "only card" },
      make("summary", {}, title, make("small", {}, count(addresses.length, "resource"))),
      make("ul", { class: "evidence", tabindex: "0", "aria-label": title }, addresses.sort().map((address) => make("li", {}, address))))));
  };

  // --- Routes --------------------------------------------------------------------------------------------

  const marked = (text, words) => {
    const places = words.map((word) => [text.toLowerCase().indexOf(word), word.length]).filter(([start]) => start >= 0).sort((a, b) => a[0] - b[0]);
    const parts = [];
    let end = 0;
    for (const [start, length] of places) {
      if (start < end) continue;
      parts.push(...breakable(text.slice(end, start)), make("mark", {}, text.slice(start, start + length)));
      end = start + length;
    }
    return [...parts, ...breakable(text.slice(end))];
  };

  const showRoutes = () => {
    const words = at("routes-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = report.routes.filter((route) => words.every((word) => [route.method, route.path, route.service, route.access].join(" ").toLowerCase().includes(word)));
    at("routes-count").textContent = shown.length === report.routes.length ? count(shown.length, "route") : `${shown.length} of ${report.routes.length}`;
    at("route-list").replaceChildren(shown.length === 0 ? make("p", { class: "card empty" }, "No route matches.") :
      make("div", { class: "card" }, make("table", { class: "route-table stacks" },
        make("thead", {}, make("tr", {}, ["Method", "Path", "Service", "Needs"].map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, shown.map((route) => make("tr", {},
          make("td", {}, make("span", { class: "method" }, marked(route.method.toUpperCase(), words))),
          make("th", { scope: "row" }, make("code", {}, marked(route.path, words))),
          make("td", { "data-name": "service" }, marked(route.service, words)),
          make("td", { "data-name": "needs" }, marked(route.access, words))))))));
  };

  // --- Size ----------------------------------------------------------------------------------------------

  const showSize = () => {
    const known = environments.filter((name) => report.estimates[name]);
    if (known.length === 0) {
      at("estimates").replaceChildren(make("p", { class: "card empty" }, "Nothing was planned, so nothing can be estimated."));
      return;
    }
    const head = (first, last) => make("thead", {}, make("tr", {}, make("th", { scope: "col" }, first), known.map((name) => make("th", { scope: "col", class: "number" }, name.toUpperCase())), last ? make("th", { scope: "col" }, last) : null));
    const numbers = (read) => known.map((name) => make("td", { class: "number", "data-name": name }, read(name)));
    // A role has the environment in its name, and is the same role in each.
    const lengths = new Map(known.map((name) => [name, Object.fromEntries(
      Object.entries(report.estimates[name].policy_characters).map(([role, length]) => [bare(name, role), length]))]));
    const roles = [...new Set(known.flatMap((name) => Object.keys(lengths.get(name))))].sort();
    const most = (role) => Math.max(...known.map((name) => lengths.get(name)[role] || 0));
    const meter = (value) => {
      const bar = make("i", { class: value > POLICY_LIMIT * 0.8 ? "near" : null });
      bar.style.width = `${Math.min(100, (value / POLICY_LIMIT) * 100)}%`;
      return make("td", { class: "meter" }, make("div", { class: "track", role: "img", "aria-label": `${Math.round((value / POLICY_LIMIT) * 100)} per cent of the limit` }, bar));
    };
    at("estimates").replaceChildren(
      make("h3", {}, "Resources and the API's document"),
      make("div", { class: "card" }, make("table", { class: "meters stacks" }, head("", null), make("tbody", {},
        make("tr", {}, make("th", { scope: "row" }, "All resources"), numbers((name) => report.estimates[name].resources.toLocaleString("en"))),
        make("tr", {}, make("th", { scope: "row" }, "Document that API Gateway imports"), numbers((name) => bytes(report.estimates[name].api_document_bytes))),
        everyone.map((worker) => make("tr", {}, make("th", { scope: "row" }, "Resources of ", make("code", {}, worker.module)),
          numbers((name) => String((worker.resources[name] || []).length))))))),
      make("h3", {}, "Policies"),
      make("p", { class: "lead" }, `Characters of each role's inline policies together. AWS takes ${POLICY_LIMIT.toLocaleString("en")}.`),
      make("div", { class: "card" }, roles.length === 0 ? make("p", { class: "empty" }, "No role has a policy.") : make("table", { class: "meters stacks" }, head("Role", "Part of the limit"),
        make("tbody", {}, [...roles].sort((a, b) => most(b) - most(a) || (a < b ? -1 : 1)).map((role) => make("tr", {}, make("th", { scope: "row" }, role),
          numbers((name) => role in lengths.get(name) ? lengths.get(name)[role].toLocaleString("en") : "–"), meter(most(role))))))));
  };

  // --- Where the reader is -------------------------------------------------------------------------------

  const followReader = () => {
    const links = [...document.querySelectorAll("nav a")];
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links) {
          const here = link.hash === `#${entry.target.id}`;
          if (here) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      }
    }, { rootMargin: "-25% 0px -70% 0px" });
    for (const section of document.querySelectorAll("main > section")) seen.observe(section);
  };

  showVerdict();
  showWorkers();
  showCriteria();
  showFlowChoice();
  showFlow();
  showModules();
  showValues();
  showOnly();
  showRoutes();
  showSize();
  followReader();
  followAddress();

  at("criteria-search").addEventListener("input", showCriteria);
  at("criteria-failing").addEventListener("change", showCriteria);
  at("routes-search").addEventListener("input", showRoutes);
  at("values-different").addEventListener("change", showValues);
  addEventListener("hashchange", followAddress);
  // A link to where the address already leads changes nothing that could be heard.
  at("verdict").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash === location.hash) followAddress();
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) {
      width = innerWidth;
      showFlow();
    }
  });
})();
