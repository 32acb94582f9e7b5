// Sets theme and language on <html> before the first paint, from what was chosen last, else from
// the system. Runs as a classic script ahead of everything; src/shell/appearance.ts takes over.
// And asks for what this page in this language will need, which the build noted here
// (vite.config.ts), and whether somebody is signed in: the scripts that would ask for it have yet
// to come themselves.
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
  var wants = JSON.parse(document.currentScript.dataset.wants || "{}");
  var page = wants[location.hash.split(/[/?]/)[1]] || wants.requests || [];
  page.concat(wants[lang] || []).forEach(function (name) {
    var link = document.createElement("link");
    var sheet = /\.css$/.test(name);
    link.rel = sheet ? "preload" : "modulepreload";
    if (sheet) link.as = "style";
    // The frame is there before any script: its sheet comes first.
    else link.fetchPriority = "low";
    link.crossOrigin = "";
    link.href = "./assets/" + name;
    document.head.append(link);
  });
  // Taken once, by src/session/session.ts. Whoever comes by a sign-in link is about to change it.
  if (!/^#\/?\??key=/.test(location.hash)) {
    window.early = { session: fetch("./api/session") };
    window.early.session.catch(function () {});
  }
})();
