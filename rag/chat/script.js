// Presses, panels, keys and scrolling. What is shown comes from the server; nothing here makes HTML of text.
window.geungeo = (() => {
  "use strict";
  const local = new Set(["close", "menu", "documents", "settings", "copy", "confirm", "rename"]);
  const asks = new Set(["ask", "again"]);
  const panes = { documents: "library", settings: "settings", source: "source", document: "source" };
  let opener = null; // what opened the panel: focus goes back there
  let last = null; // what was pressed last: focus is put back after its region is drawn anew
  let follow = true; // whether the conversation scrolls along

  const byId = (name) => document.getElementById(name);
  const pane = () => document.body.dataset.pane || "";

  function open(name, from) {
    if (name && !pane()) opener = from || document.activeElement;
    document.body.dataset.pane = name;
    document.body.dataset.menu = "";
    if (name && name !== "source") { byId("pane").scrollTop = 0; focusHead(name); }
    if (!name) back();
  }

  function back() {
    const target = opener && opener.isConnected ? opener : twin(opener) || document.querySelector("#box textarea");
    opener = null;
    if (target) target.focus();
  }

  function focusHead(name) {
    const head = byId(name) && byId(name).querySelector(".pane-head h2");
    if (head) head.focus({ preventScroll: true });
  }

  function twin(button) {
    if (!button || !button.dataset) return null;
    const same = [...document.querySelectorAll(`[data-act="${CSS.escape(button.dataset.act || "")}"]`)];
    return same.find((one) => ["turn", "card", "id"].every((k) => one.dataset[k] === button.dataset[k])) || null;
  }

  async function copy(button) {
    const text = button.dataset.text;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    tell(button.dataset.done);
  }

  function tell(text) {
    const note = byId("told") || document.body.appendChild(Object.assign(document.createElement("div"), { id: "told" }));
    note.setAttribute("role", "status");
    note.textContent = text;
    note.classList.add("on");
    clearTimeout(note.timer);
    note.timer = setTimeout(() => note.classList.remove("on"), 1800);
  }

  function element(name, text, dataset) {
    const made = Object.assign(document.createElement(name), { textContent: text });
    if (name === "button") made.type = "button";
    Object.assign(made.dataset, dataset || {});
    return made;
  }

  function confirm(button, trigger) {
    const { ask, yes, no, then, id } = button.dataset;
    const box = element("span", "", {});
    box.className = "confirm";
    box.setAttribute("role", "group");
    const sure = element("button", yes), keep = element("button", no);
    sure.className = "danger";
    box.append(element("span", ask), sure, keep);
    const tools = button.closest(".tools");
    const row = button.closest("li");
    tools.hidden = true;
    row.append(box);
    const end = () => { box.remove(); tools.hidden = false; button.focus(); };
    sure.addEventListener("click", (event) => { event.stopPropagation(); box.remove(); trigger({ act: then, id }); });
    keep.addEventListener("click", (event) => { event.stopPropagation(); end(); });
    box.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); end(); } });
    sure.focus();
  }

  function rename(button, trigger) {
    const row = button.closest("li");
    const form = document.createElement("form");
    form.className = "rename";
    const input = Object.assign(document.createElement("input"), { value: button.dataset.title, maxLength: 200 });
    input.setAttribute("aria-label", button.getAttribute("aria-label"));
    form.append(input);
    const parts = [...row.children];
    parts.forEach((part) => { part.hidden = true; });
    row.append(form);
    const end = () => { form.remove(); parts.forEach((part) => { part.hidden = false; }); };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      trigger({ act: "renamed", id: button.dataset.id, value: input.value });
      end();
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); end(); button.focus(); } });
    input.addEventListener("blur", () => setTimeout(end, 150));
    input.select();
  }

  function pressed(button, trigger) {
    const act = button.dataset.act;
    last = button;
    if (act === "close") open("");
    else if (act === "menu") document.body.dataset.menu = document.body.dataset.menu ? "" : "on";
    else if (act === "copy") copy(button);
    else if (act === "confirm") confirm(button, trigger);
    else if (act === "rename") rename(button, trigger);
    else if (panes[act]) open(panes[act], button);
    if (asks.has(act)) follow = true;
    if (act === "conversation" || act === "new") { document.body.dataset.menu = ""; follow = true; }
    if (!local.has(act)) trigger({ ...button.dataset });
  }

  function listen(region, trigger) {
    region.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (!button || button.tagName === "FORM" || !region.contains(button)) return;
      if (asks.has(button.dataset.act) && event.detail > 1) return; // a double click asks once
      pressed(button, trigger);
    });
    region.addEventListener("submit", (event) => {
      const form = event.target.closest("form[data-act]");
      if (!form) return;
      event.preventDefault();
      last = form.querySelector("button");
      trigger({ ...form.dataset, value: form.elements.value.value });
      form.querySelector("button").classList.add("on");
    });
  }

  function appear() {
    const bar = document.querySelector("#top .bar");
    if (!bar) return;
    const { theme, conversation, language } = bar.dataset;
    const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
    document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    document.documentElement.lang = language;
    sessionStorage.setItem("conversation", conversation);
    document.body.dataset.ready = "yes";
  }

  function scrolled() {
    const box = byId("scroll");
    if (box && follow) box.scrollTop = box.scrollHeight;
  }

  function refocus() {
    if (document.activeElement && document.activeElement !== document.body) return;
    const again = last && !last.isConnected ? twin(last) : null;
    if (again) again.focus({ preventScroll: true });
  }

  function shown() {
    const mark = document.querySelector("#source mark");
    const box = byId("pane");
    if (pane() === "source") focusHead("source");
    if (mark) mark.scrollIntoView({ block: "center" });
    else if (box) box.scrollTop = 0;
  }

  function watch(name, then) {
    const region = byId(name);
    if (!region || region.watched) return;
    region.watched = true;
    // Gradio may change what is there instead of drawing it anew, so attributes count too.
    const changes = { childList: true, subtree: true, characterData: true, attributeFilter: ["data-conversation", "data-theme", "data-language"] };
    new MutationObserver(then).observe(region, changes);
    then();
  }

  function label() {
    const roles = { side: "navigation", main: "main", pane: "complementary" };
    Object.entries(roles).forEach(([name, role]) => byId(name) && byId(name).setAttribute("role", role));
    const log = byId("log"), live = byId("live");
    if (log) log.setAttribute("role", "log");
    if (live) live.setAttribute("aria-live", "polite");
  }

  function begin() {
    if (!byId("top") || !byId("log")) return void setTimeout(begin, 50);
    label();
    watch("top", appear);
    watch("log", () => { scrolled(); refocus(); });
    watch("live", scrolled);
    watch("source", shown);
    byId("scroll").addEventListener("scroll", (event) => {
      const box = event.target;
      follow = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", appear);
  }

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "Escape" && document.body.dataset.menu) document.body.dataset.menu = "";
    else if (event.key === "Escape" && pane()) open("");
    else if (event.key === "/" && !typing) { event.preventDefault(); document.querySelector("#box textarea").focus(); }
    else if (event.altKey && event.code === "KeyN") { event.preventDefault(); document.querySelector('[data-act="new"]').click(); }
    else if (event.key === "Enter" && event.target.closest && event.target.closest("#box")) follow = true;
  });
  document.addEventListener("click", (event) => {
    if (document.body.dataset.menu && !event.target.closest("#side, .menu")) document.body.dataset.menu = "";
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();

  return { listen, conversation: () => sessionStorage.getItem("conversation") || "" };
})();
