// One cell of a list: a group, a picture, a row, or what is kept.

function paint(element, cell) {
  const part = parts[view.part];
  element.classList.add(cell.kind);
  if (cell.kind === "kept") return paintKept(element, part, cell.at);
  const kept = unticked[view.part];
  const items = cell.kind === "group" ? cell.items : [cell.at];
  const ticked = items.filter((at) => !kept.has(at)), away = ticked.length;
  element.setAttribute("aria-checked", away === items.length ? "true" : away ? "mixed" : "false");
  element.append(make("span", undefined, "tick"));
  if (cell.kind === "group") {
    const sizes = ticked.map((at) => part.items[at][SIZE]).filter((size) => size >= 0);
    const size = sizes.length ? ` · ${bytes(sizes.reduce((total, each) => total + each, 0))}` : "";
    const sum = `${number(away)} of ${number(items.length)} ${isOfBatches ? "to come back" : "removed"}${size}`;
    element.append(make("span", cell.name, "name path"), make("span", sum, "sum"));
    return;
  }
  const item = part.items[cell.at], word = isOfBatches ? (away ? "comes back · " : "") : (away ? "" : "kept · ");
  element.title = pathOf(part, item);
  const more = [bytes(item[SIZE]), item[MODIFIED] ? day(item[MODIFIED]) : ""].filter(Boolean).join(" · ");
  const picture = pictureOf(part, String(cell.at), item[NAME]);
  if (cell.kind === "card") {
    const text = make("div", undefined, "text"), first = make("div", undefined, "more");
    if (word) first.append(make("span", word, "kept-word"));
    const about = [item[ABOUT], item[OWNER]].filter(Boolean).join(" · ");
    first.append(about || more);
    text.append(make("div", item[NAME], "name path"), first);
    if (about) text.append(make("div", more, "more"));
    if (item[DETAILS].length) text.append(make("div", item[DETAILS].join(" · "), "more"));
    element.prepend(picture);
    element.append(text);
  } else {
    const text = make("div", undefined, "text"), words = wordsOf(item).join(" · ");
    text.append(make("div", pathOf(part, item), "name path"));
    if (words) text.append(make("div", words, "more"));
    element.append(picture, text);
    if (word) element.append(make("span", word.slice(0, -3), "kept-word"));
    element.append(make("span", bytes(item[SIZE]), "size"), make("span", item[MODIFIED] ? day(item[MODIFIED]) : "", "date"));
  }
}

function paintKept(element, part, at) {
  const [name, code, reason, other] = part.kept[at];
  if (other) element.append(pictureOf(part, `kept-${at}`, name));
  const text = make("div", undefined, "text"), title = make("div", undefined, "name");
  title.append(make("span", code, "badge"), make("span", name, "path"));
  if (other) title.append(" ⇄ ", make("span", other, "path"));
  text.append(title, make("div", reason, "more"));
  element.append(text);
}

function pictureOf(part, key, name) {
  const box = make("div", undefined, "picture");
  if (Object.hasOwn(part.pictures, key)) {
    const image = make("img");
    image.alt = "";
    image.src = `data:image/jpeg;base64,${part.pictures[key]}`;
    box.append(image);
    return box;
  }
  const dot = name.lastIndexOf(".");
  const kind = dot > 0 && name.length - dot < 7 ? name.slice(dot + 1).toUpperCase() : "FILE";
  const text = make("div");
  text.append(make("b", kind));
  const why = part.job === "missing" && !isOfBatches && !Object.hasOwn(part.no_picture, key) ? "the file is missing"
    : Object.hasOwn(part.no_picture, key) ? part.no_picture[key] : "";
  if (why) text.append(make("br"), make("small", why));
  box.append(text);
  return box;
}
