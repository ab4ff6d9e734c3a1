"use strict";
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const stored = (name) => { try { return localStorage.getItem(`reviewer.${name}`); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(`reviewer.${name}`, value); } catch { /* not allowed here */ } };

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function setTheme(theme) {
  root.dataset.theme = theme;
  store("theme", theme);
}
const toggleTheme = () => setTheme(isDark() ? "light" : "dark");

if (["dark", "light"].includes(stored("theme"))) root.dataset.theme = stored("theme");
for (const control of all("[data-script]")) control.hidden = false;
for (const button of all("[data-theme-toggle]")) button.addEventListener("click", toggleTheme);
