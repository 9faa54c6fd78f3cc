// What is shown comes from disks and databases: it is only ever set as text.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const [FOLDER, NAME, SIZE, MODIFIED, ENTRY, ABOUT, OWNER, DETAILS] = [0, 1, 2, 3, 4, 5, 6, 7];
const [GROUP_HEIGHT, ROW_HEIGHT, CARD_WIDTH, GAP] = [40, 56, 164, 10];
// Of what is kept, without and with a picture.
const [KEPT_HEIGHT, COMPARED_HEIGHT] = [86, 96];
const isNarrow = matchMedia("(max-width: 52rem)");
const parts = data.parts;
// For each plan the numbers of the items that are to be kept.
const isOfBatches = data.is_of_batches;
const isOfPlaybook = data.run !== "";
// In a quarantine, nothing comes back unless somebody ticks it.
const unticked = parts.map((part) => new Set(isOfBatches && part.items ? part.items.keys() : []));
const view = { part: 0, tab: "removed", filter: "", group: "folder", view: "sheet", codes: new Set() };

const HINT = isOfBatches ? "A click, or the arrow keys and the space bar, tick what is to come back."
  : "A click, or the arrow keys and the space bar, untick what is to be kept.";

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

const number = (value) => value.toLocaleString("en");
const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
const minute = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

function bytes(value) {
  if (value < 0) return "";
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (value < 1000) return `${unit === "B" || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} TB`;
}

function pathOf(part, item) {
  const folder = part.folders[item[FOLDER]];
  return folder ? `${folder}/${item[NAME]}` : item[NAME];
}

// What is known of an item beside its path, size and date.
const wordsOf = (item) => [item[ABOUT], item[OWNER], ...item[DETAILS]].filter(Boolean);

// The head of the page.

function showHead() {
  const sum = (name) => parts.reduce((total, part) => total + (part.found ? part.found[name] : 0), 0);
  const totals = [["rows", number(sum("records"))], ["files", number(sum("files"))], ["in all", bytes(sum("bytes"))]];
  $("totals").append(...totals.map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", name), make("dd", value));
    return pair;
  }));
  const hosts = new Set(parts.map((part) => part.host)).size;
  $("made").textContent = `Made ${minute(data.made)} · ${count(hosts, "host")}, ${count(parts.length, "job")} · `
    + `to be acted on until ${minute(data.good_until)}`;
  if (isOfBatches) {
    $("title").textContent = "What is kept in quarantine";
    document.title = "Media cleanup: what is kept in quarantine";
    $("made").textContent = `Made ${minute(data.made)} · ${count(parts.length, "batch")}`.replace("batchs", "batches");
    $("help-title").textContent = "Restore what you ticked";
    $("export").textContent = "Restore commands";
    $("of-plans").hidden = $("how").hidden = true;
    $("of-batches").hidden = false;
  }
  $("on-host").hidden = isOfPlaybook;
  $("by-playbook").hidden = !isOfPlaybook;
  $("jobs").append(...parts.map((part, at) => {
    const entry = make("li"), button = make("button");
    button.type = "button";
    button.append(make("b", part.heading), make("span", part.host));
    const state = part.message ? "could not be planned" : part.refused.length ? "refused" : foundWords(part);
    button.append(make("span", state, part.message || part.refused.length ? "bad" : ""));
    button.addEventListener("click", () => showPart(at));
    entry.append(button);
    return entry;
  }));
  $("absent").hidden = !data.absent.length;
  $("absent").textContent = `There is nothing of ${count(data.absent.length, "host")} on this page: ${data.absent.join(", ")}. `
    + "They come later in the run, or could not be reached.";
  showAge();
  setInterval(showAge, 60000);
}

function showAge() {
  const isOld = !isOfBatches && Date.now() / 1000 > data.good_until;
  $("age").hidden = !isOld;
  $("age").textContent = isOld ? "This page is too old to act on. Make it again; its list would be refused." : "";
  $("export").disabled = isOld || !parts.some((part) => part.kind);
}

function foundWords(part) {
  const found = part.found;
  const words = found.records ? [count(found.records, "row")] : [];
  if (found.files || !found.records) words.push(`${count(found.files, "file")}, ${bytes(found.bytes)}`);
  return words.join(" · ");
}

function share(part) {
  const [found, all] = part.job === "orphans"
    ? [part.found.files, part.examined.files] : [part.found.records, part.examined.records];
  return all ? ` · ${(100 * found / all).toFixed(1)} % of ${number(all)} examined` : "";
}

// One plan.

function showPart(at) {
  Object.assign(view, { part: at, tab: "removed", filter: "" });
  view.codes.clear();
  const part = parts[at];
  $("filter").value = "";
  [...$("jobs").querySelectorAll("button")].forEach((button, index) => {
    if (index === at) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  $("heading").textContent = `${part.heading} on ${part.host}`;
  $("plan").textContent = part.message ? "" : isOfBatches ? `${foundWords(part)} · ${part.summary.join(" · ")}` : `${foundWords(part)}${share(part)} · plan ${part.plan_id} · `
    + (part.is_permanent ? "deleted for good" : "moved into quarantine");
  const refusals = part.message ? [{ message: part.message, lifted_by: "" }] : part.refused;
  $("refused").replaceChildren(...refusals.map((each) => make("p", refusal(each), "refusal")));
  const hasPictures = Object.keys(part.pictures || {}).some((key) => !key.startsWith("kept"));
  view.view = hasPictures ? "sheet" : "table";
  const groups = [["folder", "folder"], ["age", "age"], ["size", "size"]];
  if (part.job !== "orphans" && !isOfBatches) groups.push(["owner", "owner"]);
  view.group = part.job === "missing" && Object.keys(part.labels || {}).length ? "owner" : "folder";
  $("group").replaceChildren(...groups.map(([value, text]) => {
    const option = make("option", text);
    option.value = value;
    option.selected = value === view.group;
    return option;
  }));
  showTab("removed");
}

function showTab(tab) {
  view.tab = tab;
  const part = parts[view.part], isPlan = !part.message;
  const tabs = isPlan
    ? [["removed", `${isOfBatches ? "In the batch" : "Would be removed"} (${number(part.items_total)})`],
      ["kept", `${isOfBatches ? "Would not come back" : "Kept"} (${number(part.kept_total)})`],
      ["about", "About"]] : [];
  $("tabs").replaceChildren(...tabs.map(([name, text]) => {
    const button = make("button", text);
    button.type = "button";
    button.setAttribute("aria-pressed", name === tab);
    button.addEventListener("click", () => {
      showTab(name);
      $("tabs").querySelector('[aria-pressed="true"]').focus();
    });
    return button;
  }));
  $("tabs").hidden = !isPlan;
  $("tools").hidden = $("list").hidden = $("count").hidden = $("detail").hidden = !isPlan || tab === "about";
  $("group-by").hidden = $("views").hidden = tab !== "removed";
  $("codes").hidden = tab !== "kept" || !isPlan;
  $("about").hidden = tab !== "about" || !isPlan;
  $("detail").textContent = tab === "removed" && isPlan && !isNarrow.matches ? HINT : "";
  if (isPlan && tab === "kept") showCodes(part);
  if (isPlan && tab === "about") showAbout(part);
  list.top();
  showList();
}

// The lists.

const list = new List($("list"), paint, toggle, describe);

const AGES = [[7, "up to a week old"], [31, "up to a month old"], [366, "up to a year old"],
  [Infinity, "older than a year"], [NaN, "age unknown"]];
const SIZES = [[Infinity, "larger than 100 MB"], [1e8, "up to 100 MB"], [1e7, "up to 10 MB"], [1e6, "up to 1 MB"],
  [1e5, "up to 100 kB"], [NaN, "size unknown"]];

function smallest(groups, value) {
  return groups.reduce((best, each) => value <= each[0] && !(best[0] <= each[0]) ? each : best, [NaN, groups.at(-1)[1]])[1];
}

const groupOf = {
  folder: (part, item) => part.folders[item[FOLDER]] || "the media root",
  age: (part, item) => smallest(AGES, item[MODIFIED] ? (data.made - item[MODIFIED]) / 86400 : NaN),
  size: (part, item) => smallest(SIZES, item[SIZE] < 0 ? NaN : item[SIZE]),
  owner: (part, item) => item[OWNER] || "no owner",
};

// Folders are in the order of the plan; the owners with the most items come first.
function inOrder(groups) {
  const names = { age: AGES, size: SIZES }[view.group];
  if (names) return names.map(([, name]) => [name, groups.get(name)]).filter(([, items]) => items);
  return view.group === "owner" ? [...groups].sort((one, other) => other[1].length - one[1].length) : [...groups];
}

function showList() {
  const part = parts[view.part];
  if (part.message || view.tab === "about") return;
  for (const button of $("views").children) button.setAttribute("aria-pressed", button.dataset.view === view.view);
  if (view.tab === "kept") showKept(part);
  else showRemoved(part);
  showChosen();
}

function showRemoved(part) {
  const wanted = view.filter.toLowerCase(), groups = new Map();
  let shown = 0;
  part.items.forEach((item, at) => {
    if (wanted && ![pathOf(part, item), ...wordsOf(item)].join(" ").toLowerCase().includes(wanted)) return;
    const name = groupOf[view.group](part, item);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(at);
    shown++;
  });
  const width = $("list").clientWidth - 4, cells = [];
  const columns = view.view === "sheet" ? Math.max(1, Math.floor((width + GAP) / (CARD_WIDTH + GAP))) : 1;
  const cardWidth = Math.floor((width - GAP * (columns - 1)) / columns);
  // A line for the name, one for date and size, and one each for what else there is.
  const has = (...places) => part.items.some((item) => places.some((place) => item[place].length));
  const cardHeight = 188 + (has(ABOUT, OWNER) ? 18 : 0) + (has(DETAILS) ? 18 : 0);
  let y = 0;
  for (const [name, items] of inOrder(groups)) {
    cells.push({ kind: "group", name, items, x: 0, y, width, height: GROUP_HEIGHT });
    y += GROUP_HEIGHT + (view.view === "sheet" ? GAP : 0);
    items.forEach((at, index) => {
      const column = index % columns;
      if (view.view === "table") cells.push({ kind: "row", at, x: 0, y, width, height: ROW_HEIGHT });
      else cells.push({ kind: "card", at, x: column * (cardWidth + GAP), y, width: cardWidth, height: cardHeight });
      if (column === columns - 1 || index === items.length - 1) y += view.view === "table" ? ROW_HEIGHT : cardHeight + GAP;
    });
  }
  const rest = part.items_total - part.items.length;
  $("count").textContent = `${count(shown, "item")} shown`
    + (rest > 0 ? `; ${number(rest)} more are part of the plan and not listed here` : "")
    + (part.is_itemized ? "" : ". The plan is too large for single items to be kept: list them in the option keep.");
  showEmpty(cells, part.items_total, isOfBatches ? "This batch is empty." : "Nothing would be removed.");
  list.show(cells, y);
}

function showEmpty(cells, total, words) {
  const why = !total ? words : view.filter || view.codes.size ? "Nothing here matches the filter." : "There is no room to list it.";
  $("list").dataset.empty = cells.length ? "" : why;
}

function showKept(part) {
  const wanted = view.filter.toLowerCase(), cells = [], width = $("list").clientWidth - 4;
  let y = 0;
  part.kept.forEach(([name, code, reason, other], at) => {
    if (view.codes.size && !view.codes.has(code)) return;
    if (wanted && !`${name} ${reason} ${other}`.toLowerCase().includes(wanted)) return;
    const height = other ? COMPARED_HEIGHT : KEPT_HEIGHT;
    cells.push({ kind: "kept", at, x: 0, y, width, height });
    y += height;
  });
  const rest = part.kept_total - part.kept.length;
  $("count").textContent = `${count(cells.length, "item")} shown${rest > 0 ? `; ${number(rest)} more are not listed here` : ""}`;
  const nothing = !isOfBatches ? "Nothing is kept." : part.refused.length ? "It is not known what would come back."
    : "All of it would come back.";
  showEmpty(cells, part.kept_total, nothing);
  list.show(cells, y);
}

function toggle(cell) {
  const part = parts[view.part], kept = unticked[view.part];
  if (cell.kind === "kept" || !part.is_itemized) return;
  const items = cell.kind === "group" ? cell.items : [cell.at];
  const keeps = items.some((at) => !kept.has(at));
  for (const at of items) {
    if (keeps) kept.add(at);
    else kept.delete(at);
  }
  list.draw();
  showChosen();
}

function describe(cell) {
  const part = parts[view.part];
  if (cell.kind === "group") $("detail").textContent = cell.name;
  else if (cell.kind === "kept") {
    const [name, code, reason, other] = part.kept[cell.at];
    $("detail").textContent = `${name}${other ? ` ⇄ ${other}` : ""} · ${code}: ${reason}`;
  } else {
    const item = part.items[cell.at], why = part.no_picture[String(cell.at)];
    const isOfCompanion = !isOfBatches && part.job === "missing" && Object.hasOwn(part.pictures, String(cell.at));
    const words = [pathOf(part, item), ...wordsOf(item), item[SIZE] >= 0 ? `${number(item[SIZE])} bytes` : "",
      item[MODIFIED] ? minute(item[MODIFIED]) : "", reasonOf(part), why ? `no picture: ${why}` : "",
      isOfCompanion ? "the picture is that of its companion file" : ""];
    $("detail").textContent = words.filter(Boolean).join(" · ");
  }
}

function reasonOf(part) {
  if (isOfBatches) return "";
  return { orphans: "nothing references it", missing: "its file does not exist", incomplete: "never attached to anything" }[part.job];
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
}

function start() {
  if (!isOfBatches) document.body.classList.add("of-plans");
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  $("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  let typed;
  $("filter").addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => { view.filter = $("filter").value; list.top(); showList(); }, 120);
  });
  $("group").addEventListener("change", () => { view.group = $("group").value; list.top(); showList(); });
  $("views").addEventListener("click", (event) => {
    if (!event.target.dataset.view) return;
    view.view = event.target.dataset.view;
    list.top();
    showList();
  });
  $("export").addEventListener("click", () => isOfBatches ? $("how").click() : save());
  $("how").addEventListener("click", () => {
    const part = parts[view.part] || {};
    $("command").textContent = `media-cleanup ${part.job || "JOB"} ${quoted(part.site || "SITE")} --keep keep.yml`;
    $("asks").textContent = isOfPlaybook ? "With --check it only shows what would come back."
      : "On the host, each command shows what it would restore, and asks.";
    $("lasting").value = isOfBatches ? restoring() : lasting();
    $("help").showModal();
  });
  new ResizeObserver(() => showList()).observe($("list"));
  showHead();
  if (parts.length) showPart(0);
  else $("heading").textContent = isOfBatches ? "Nothing is kept in quarantine." : "There is no job.";
  showChosen();
}

start();
