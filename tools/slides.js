// Sets what does not fit a slide in smaller letters, and starts reveal.js.
(() => {
  const [WIDTH, HEIGHT, STEP, LEAST] = [1280, 720, 0.04, 0.55];
  const root = document.querySelector(".reveal");
  const fit = () => {
    root.classList.add("measuring");
    for (const slide of root.querySelectorAll("section")) {
      const body = slide.querySelector(".body");
      let size = 1;
      const over = () =>
        slide.scrollHeight > HEIGHT ||
        [...slide.querySelectorAll("pre, table, .katex-display, svg")].some(
          (e) => e.scrollWidth > e.parentElement.clientWidth + 1,
        );
      while (body && size > LEAST && over()) body.style.fontSize = `${(size -= STEP)}em`;
    }
    root.classList.remove("measuring");
  };
  document.fonts.ready.then(() => {
    fit();
    Reveal.initialize({
      width: WIDTH,
      height: HEIGHT,
      margin: 0,
      center: false,
      hash: true,
      navigationMode: "linear",
      pdfSeparateFragments: false,
      pdfMaxPagesPerSlide: 1,
      slideNumber: "c/t",
      transition: "none",
    });
  });
})();
