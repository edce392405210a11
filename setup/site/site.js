/*
 * Each figure is a picture until the reader comes near it; then plotly.js draws it, and it can be
 * zoomed and read off. Without scripts the picture stays.
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
  const place = document.createElement('div');
  const image = figure.querySelector('img');
  place.setAttribute('role', 'img');
  if (image) place.setAttribute('aria-label', image.alt);
  await Reflect.get(globalThis, 'Plotly').newPlot(place, data, layout, {
    ...config,
    displayModeBar: false,
  });
  if (image) image.replaceWith(place);
  else figure.append(place);
}

for (const figure of document.querySelectorAll('figure')) near.observe(figure);
