// What is said of a plan as a whole: what refuses it, the codes of what is kept, and what was examined.

function refusal(each) {
  const lifts = each.lifted_by ? ` Lifted by: ${each.lifted_by}.` : "";
  return each.guard ? `Refused (${each.guard}): ${each.message}${lifts}` : each.message;
}

function showCodes(part) {
  $("codes").className = "chips";
  $("codes").replaceChildren(...Object.entries(part.kept_codes).map(([code, times]) => {
    const button = make("button", `${code} ${number(times)}`);
    button.type = "button";
    button.setAttribute("aria-pressed", view.codes.has(code));
    button.addEventListener("click", () => {
      if (!view.codes.delete(code)) view.codes.add(code);
      button.setAttribute("aria-pressed", view.codes.has(code));
      list.top();
      showList();
    });
    return button;
  }));
}

function showAbout(part) {
  const about = $("about");
  about.replaceChildren(make("h3", isOfBatches ? "The batch" : "What was examined"), make("pre", part.summary.map((line) => line.trim()).join("\n")));
  const table = (title, heads, rows) => {
    if (!rows.length) return;
    const table = make("table"), head = make("tr");
    head.append(...heads.map((text) => make("th", text)));
    table.append(head, ...rows.map((cells) => {
      const row = make("tr");
      row.append(...cells.map((cell) => make("td", typeof cell === "number" ? number(cell) : cell,
        typeof cell === "number" ? "number" : "")));
      return row;
    }));
    about.append(make("h3", title), table);
  };
  table("Owners", ["owner", "rows"], Object.entries(part.labels));
  const dependents = Object.entries(part.dependents);
  table("Dependent rows", ["table", "what becomes of them", "rows"],
    dependents.flatMap(([name, counts]) => Object.entries(counts).filter(([, times]) => times)
      .map(([verb, times]) => [name, verb, times])));
  if (part.dependent_rows.length) {
    const rest = part.dependent_rows_total - part.dependent_rows.length;
    about.append(make("pre", part.dependent_rows.join("\n") + (rest > 0 ? `\n… and ${number(rest)} more` : "")));
  }
  table("Rows to point at the file that was moved", ["file", "is now"], part.relinks);
  if (part.unlisted.length) {
    about.append(make("h3", "Columns that mention these files and are not listed"),
      ...part.unlisted.map((words) => make("pre", words)));
  }
  if (part.notes.length) {
    about.append(make("h3", isOfBatches ? "What a restore and a purge would do" : "Notes"), ...part.notes.map((note) => make("pre", note)));
  }
}
