const findings = all(".finding");
const announce = document.getElementById("announce");
const help = document.getElementById("help");

// Filters
const boxes = all("input[data-filter]");
const onlyFound = document.getElementById("only-found");

function filter() {
  const off = { severity: new Set(), origin: new Set() };
  for (const box of boxes) if (!box.checked) off[box.dataset.filter].add(box.value);
  for (const one of findings) {
    const origins = one.dataset.origins.split(" ");
    one.hidden = off.severity.has(one.dataset.severity) || origins.every((origin) => off.origin.has(origin));
  }
  for (const hunk of all(".hunk")) {
    hunk.hidden = Boolean(onlyFound?.checked) && !hunk.querySelector(".finding:not([hidden])");
  }
  for (const file of all(".file")) {
    file.hidden = !file.querySelector(".hunk:not([hidden])");
    document.querySelector(`.tree a[href="#${file.id}"]`).closest("li").hidden = file.hidden;
  }
  announce.textContent = `${visible().length} of ${findings.length} findings shown`;
  position();
}
const visible = () => findings.filter((one) => !one.hidden);
for (const box of boxes) box.addEventListener("change", filter);
onlyFound?.addEventListener("change", filter);

// Moving between findings and files
let current = null;
const counter = document.getElementById("position");

function position() {
  const shown = visible();
  if (!shown.includes(current)) select(null);
  if (counter) counter.textContent = `${current ? shown.indexOf(current) + 1 : "–"} of ${shown.length}`;
}
function select(finding) {
  current?.classList.remove("now");
  current = finding;
  current?.classList.add("now");
}
function below(element) {
  return element.getBoundingClientRect().top > 80;
}
function step(by) {
  const shown = visible();
  if (!shown.length) return;
  let index = shown.indexOf(current);
  if (index >= 0) index += by;
  else {
    // Nothing is selected: start from what is on the screen.
    index = shown.findIndex(below);
    if (index < 0) index = shown.length - 1;
    else if (by < 0) index -= 1;
  }
  select(shown[Math.min(Math.max(index, 0), shown.length - 1)]);
  current.scrollIntoView({ block: "center" });
  current.focus({ preventScroll: true });
  position();
}
function stepFile(by) {
  const shown = all(".file").filter((file) => !file.hidden);
  const next = by > 0
    ? shown.find((file) => file.getBoundingClientRect().top > 60)
    : shown.findLast((file) => file.getBoundingClientRect().top < -4);
  next?.scrollIntoView({ block: "start" });
}
for (const button of all("[data-step]")) button.addEventListener("click", () => step(Number(button.dataset.step)));

// Views
function setView(view) {
  if (view === "split" && !root.dataset.twice) {
    // Lines of context are on both sides; the second copy is made when it is first needed.
    for (const row of all(".hunk > .rows .ctx")) {
      const copy = row.lastElementChild.cloneNode(true);
      copy.className = "two";
      copy.setAttribute("aria-hidden", "true");
      row.append(copy);
    }
    root.dataset.twice = "yes";
  }
  root.dataset.view = view;
  for (const button of all("[data-set-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setView === view));
  }
  store("view", view);
}
for (const button of all("[data-set-view]")) button.addEventListener("click", () => setView(button.dataset.setView));
setView(stored("view") === "split" ? "split" : "unified");

// Copying
async function copy(button) {
  const text = button.dataset.copy;
  const label = button.textContent;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "Copied" : "Not copied";
  announce.textContent = button.textContent;
  setTimeout(() => { button.textContent = label; }, 1500);
}
for (const button of all("[data-copy]")) button.addEventListener("click", () => copy(button));

// Keys
const keys = {
  j: () => step(1),
  k: () => step(-1),
  n: () => stepFile(1),
  p: () => stepFile(-1),
  c: () => { const button = current?.querySelector("[data-copy]"); if (button) copy(button); },
  s: () => setView(root.dataset.view === "split" ? "unified" : "split"),
  d: toggleTheme,
  o: () => { if (onlyFound) { onlyFound.checked = !onlyFound.checked; filter(); } },
  "?": () => help.showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
document.getElementById("help-open").addEventListener("click", () => help.showModal());
document.getElementById("help-close").addEventListener("click", () => help.close());
for (const finding of findings) finding.addEventListener("click", () => { select(finding); position(); });
document.addEventListener("click", (event) => {
  for (const menu of all(".bar details[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// The file on the screen
const links = new Map(all(".tree a").map((link) => [link.getAttribute("href").slice(1), link]));
const seen = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
  const first = all(".file").find((file) => seen.has(file.id));
  for (const [id, link] of links) {
    if (id === first?.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}, { rootMargin: "-60px 0px -60% 0px" });
for (const file of all(".file")) watcher.observe(file);

// Paper shows what is folded
addEventListener("beforeprint", () => { for (const one of all("details:not([open])")) { one.open = true; one.dataset.folded = ""; } });
addEventListener("afterprint", () => { for (const one of all("details[data-folded]")) { one.open = false; delete one.dataset.folded; } });

position();
