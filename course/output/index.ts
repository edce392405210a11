export { type Bundle, inNotebook, publish } from './display';
export { escapeHtml } from './html';
export { alignedAtPoint, formatNumber, formatSeconds, readableNumbers } from './number';
