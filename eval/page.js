const cases = [...document.querySelectorAll(".case")];
const buttons = [...document.querySelectorAll(".filters button")];
const words = document.querySelector("#words");
const kind = document.querySelector("#kind");
const count = document.querySelector("#count");
let stage = "";
function show() {
  const wanted = words.value.trim().toLowerCase();
  let n = 0;
  for (const item of cases) {
    const fits = (!stage || item.dataset.stage === stage) && (!kind.value || item.dataset.kind === kind.value)
      && (!wanted || item.textContent.toLowerCase().includes(wanted));
    item.hidden = !fits;
    n += fits;
  }
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.stage === stage);
  count.textContent = `${n}개`;
}
for (const button of buttons) button.addEventListener("click", () => { stage = button.dataset.stage; show(); });
for (const button of document.querySelectorAll("button.lost")) button.addEventListener("click", () => {
  stage = button.dataset.stage;
  show();
  document.querySelector("#cases").scrollIntoView({ behavior: "smooth" });
});
words.addEventListener("input", show);
kind.addEventListener("change", show);
show();
