// What the built site needs of its style sheets; run in the site's folder.
module.exports = {
  css: ["_static/site-*.css"],
  // Scripts add classes too. Chemiscope brings styles of its own.
  content: ["**/*.html", "_static/*.js", "_static/scripts/*.js"],
  // Bootstrap puts these names together from parts; those with cm- are CodeMirror's.
  safelist: { greedy: [/tooltip/, /popover/, /\bcm-/] },
  output: "_static/",
};
