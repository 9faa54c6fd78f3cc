// What is chosen on the page, and what it exports: a list of what is kept, or commands that restore.

function showChosen() {
  const kept = unticked.reduce((total, some) => total + some.size, 0);
  const all = parts.reduce((total, part) => total + (part.items_total || 0), 0);
  if (isOfBatches) $("chosen").textContent = `${number(all - kept)} of ${count(all, "item")} to come back`;
  else $("chosen").textContent = `${number(all - kept)} of ${count(all, "item")} to be removed, ${number(kept)} kept by you`;
}

function checksum(text) {
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ((sum ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

function entriesOf(at) {
  const part = parts[at];
  return [...unticked[at]].sort((one, other) => one - other)
    .map((item) => part.items[item][ENTRY] || pathOf(part, part.items[item]));
}

function exported() {
  const jobs = parts.flatMap((part, at) => {
    if (part.message) return [];
    const keep = entriesOf(at);
    const about = [part.host, part.site, part.job, part.heading, part.plan_id, part.plan];
    const [host, site, job, heading, plan_id, plan] = about;
    const sum = checksum([...about, ...keep].join("\n"));
    return [{ host, site, job, heading, plan_id, plan, keep, count: keep.length, checksum: sum }];
  });
  const about = "What a reviewer keeps of the plans of a page. Pass it on as it is: -e media_cleanup_keep=FILE, or --keep FILE.";
  return JSON.stringify({ media_cleanup_keep: { about, version: 1, made: data.made, jobs } }, null, 1) + "\n";
}

function lasting() {
  const sites = new Map();
  parts.forEach((part, at) => {
    if (unticked[at].size) sites.set(part.site, [...(sites.get(part.site) || []), ...entriesOf(at)]);
  });
  if (!sites.size) return "# Nothing is unticked.";
  return [...sites].map(([site, entries]) =>
    `# ${site}\nkeep:\n${[...new Set(entries)].map((entry) => `  - ${JSON.stringify(entry)}`).join("\n")}`).join("\n");
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

// What a system takes as one argument.
const LONGEST_COMMAND = 100000;

// One command for each batch of which something is ticked; without paths where that is all of it.
function restoring() {
  const commands = parts.flatMap((part, at) => {
    if (part.message || unticked[at].size === part.items.length) return [];
    const isWhole = !unticked[at].size && part.items.length === part.items_total;
    const ticked = part.items.filter((item, number) => !unticked[at].has(number));
    const paths = isWhole ? [] : [...new Set(ticked.map((item) => pathOf(part, item)))];
    const command = isOfPlaybook ? byPlaybook(part, paths) : byCommand(part, paths);
    if (command.length <= LONGEST_COMMAND) return [command];
    return [`# ${part.heading}: too many single items for one command. Tick fewer of them, or the whole batch.`];
  });
  return commands.join("\n") || "# Nothing is ticked.";
}

function byCommand(part, paths) {
  // What begins with a dash is a path here, and no option.
  const dashes = paths.some((path) => path.startsWith("-")) ? ["--"] : [];
  return ["media-cleanup restore", quoted(part.site), quoted(part.heading), ...dashes, ...paths.map(quoted)].join(" ");
}

function byPlaybook(part, paths) {
  // Ansible would run what an uploaded file is called as a template.
  const named = paths.filter((path) => !path.includes("{"));
  const left = paths.length - named.length;
  const note = left ? `# ${part.heading}: without ${count(left, "path")} with a brace, which only the command on the host takes.\n` : "";
  if (paths.length && !named.length) return note.trim();
  const variables = { media_cleanup_site: part.site, media_cleanup_batch: part.heading };
  if (named.length) variables.media_cleanup_paths = named;
  return `${note}ansible-playbook -i INVENTORY playbooks/restore.yml --limit ${quoted(part.host)} -e ${quoted(JSON.stringify(variables))}`;
}

function save() {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/yaml" }));
  link.download = "keep.yml";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
