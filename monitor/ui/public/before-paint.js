// Sets theme and language on <html> before the first paint, from what was chosen last, else from
// the system. Runs as a classic script ahead of everything; src/shell/appearance.ts takes over.
(function () {
  var root = document.documentElement;
  var stored = function (name) {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  var theme = stored("glassway.theme");
  var dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "dark" : "light";
  root.classList.toggle("dark", dark);
  var lang = stored("glassway.language");
  if (lang !== "zh-CN" && lang !== "en") lang = /^zh/i.test(navigator.language) ? "zh-CN" : "en";
  root.lang = lang;
})();
