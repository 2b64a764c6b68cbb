/* A page opened from the disk may not read its neighbours: show search results there without excerpts. */
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

/* Formulas that scroll inside their box can be reached with the keyboard. */
function makeScrollingFormulasFocusable() {
  for (const box of document.querySelectorAll("div.math, mjx-container[display='true']")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}
window.addEventListener("load", () => {
  if (window.MathJax?.startup?.promise) {
    MathJax.startup.promise.then(makeScrollingFormulasFocusable);
    window.addEventListener("resize", makeScrollingFormulasFocusable);
  }
});
