import { assetUrl, host } from '../platform/browser/host';

/** Loads the headings of the lessons and exercises, by which `progressMap` knows their order. */
export async function loadCourse(): Promise<void> {
  const response = await fetch(assetUrl('course.json'));
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  const outline: Record<string, string> = await response.json();
  const encoder = new TextEncoder();
  for (const [file, text] of Object.entries(outline)) host.files.set(file, encoder.encode(text));
}
