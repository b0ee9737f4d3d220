const filter = document.getElementById("filter");
const menu = document.querySelector("nav details");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll("nav li")) item.hidden = !words.every((word) => item.dataset.words.includes(word));
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector("li:not([hidden])");
  document.getElementById("none").hidden = document.querySelector(".group:not([hidden])") !== null;
  if (words.length) menu.open = true;
});
const narrow = matchMedia("(max-width: 60rem)");
if (narrow.matches) menu.open = false;
menu.addEventListener("click", (event) => { if (narrow.matches && event.target.closest("a")) menu.open = false; });
