/*
 * Each figure is a picture until the reader comes near it; then plotly.js draws it, and it can be
 * zoomed and read off. Without scripts the picture stays, and on a page that is narrower than the
 * figure too: the picture shrinks with the page.
 */
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: '400px' },
);

/** @param {Element} figure */
async function draw(figure) {
  const { data, layout, config } = JSON.parse(figure.querySelector('script')?.textContent ?? '{}');
  if (figure.clientWidth < layout.width) return;
  const place = document.createElement('div');
  const image = figure.querySelector('img');
  place.setAttribute('role', 'img');
  if (image) place.setAttribute('aria-label', image.alt);
  // Within the page, since text that is not in it has no size: the subtitle would cover the title.
  place.style.cssText = 'position: absolute; visibility: hidden';
  figure.append(place);
  await Reflect.get(globalThis, 'Plotly').newPlot(place, data, layout, {
    ...config,
    displayModeBar: false,
  });
  image?.remove();
  place.style.cssText = '';
}

for (const figure of document.querySelectorAll('figure')) near.observe(figure);
