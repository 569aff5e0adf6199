// What the scripts of single pages share; it stands before them.
"use strict";
globalThis.qm9Page = (() => {
  // Make an element: properties, attributes (names with a dash, or role), and children.
  const make = (tag, settings = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(settings)) {
      if (name.includes("-") || name === "role") element.setAttribute(name, value);
      else element[name] = value;
    }
    element.append(...children);
    return element;
  };
  const load = (address) =>
    new Promise((resolve, reject) => {
      const failed = () =>
        reject(new Error(`${address.pathname.split("/").pop()} could not be loaded`));
      document.head.append(make("script", { src: address, onload: resolve, onerror: failed }));
    });
  return { make, load };
})();
