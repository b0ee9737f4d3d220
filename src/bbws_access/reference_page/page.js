const filter = document.getElementById("filter");
const menu = document.querySelector("nav details");
// The name of a method is the method: its letters are in many words.
const fits = ({ method, words }, word) => (["get", "post", "put", "delete"].includes(word) ? method === word : words.includes(word));
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll("nav li")) item.hidden = !words.every((word) => fits(item.dataset, word));
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector("li:not([hidden])");
  document.getElementById("none").hidden = document.querySelector(".group:not([hidden])") !== null;
  if (words.length) menu.open = true;
});
const narrow = matchMedia("(max-width: 60rem)");
if (narrow.matches) menu.open = false;
menu.addEventListener("click", (event) => { if (narrow.matches && event.target.closest("a")) menu.open = false; });

// One way of calling at a time, the reader's, on the whole page. Without a script all of them are shown.
const ways = ["curl", "python", "tool"];
const choose = (way) => {
  document.body.dataset.call = way;
  for (const button of document.querySelectorAll(".choices [data-call]")) button.setAttribute("aria-pressed", String(button.dataset.call === way));
  try { localStorage.setItem("call", way); } catch { /* a browser that keeps nothing */ }
};
let kept = null;
try { kept = localStorage.getItem("call"); } catch { /* as above */ }
choose(ways.includes(kept) ? kept : "curl");
const copied = async (code) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    // Without leave to write there: what is selected can be copied by hand.
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
};
document.getElementById("content").addEventListener("click", async (event) => {
  const button = event.target.closest(".choices button");
  if (!button) return;
  if (button.dataset.call) {
    const before = button.getBoundingClientRect().top;
    choose(button.dataset.call);
    scrollBy(0, button.getBoundingClientRect().top - before);
    return;
  }
  const code = button.closest(".call").querySelector(`[data-kind="${document.body.dataset.call}"] code`);
  button.textContent = (await copied(code)) ? "Copied" : "Selected";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
