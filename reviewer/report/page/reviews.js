const main = document.getElementById("main");
const section = document.getElementById("running");

function part(tag, text, style) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (style) made.className = style;
  return made;
}

const events = new EventSource("events");
events.addEventListener("version", (event) => {
  if (JSON.parse(event.data) !== main.dataset.version) location.reload();
});
events.addEventListener("running", (event) => {
  const running = JSON.parse(event.data);
  section.hidden = !running.length;
  section.querySelector("ul").replaceChildren(...running.map((one) => {
    const item = document.createElement("li");
    item.append(part("strong", one.title), " ", part("span", one.step), " ", part("span", `${one.seconds} s`, "quiet"));
    return item;
  }));
});
addEventListener("pagehide", () => events.close());
