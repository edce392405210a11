import { expect, test } from 'vitest';
import type { Message } from '../protocol';
import { Origins } from './origins';

const request = (msg_id: string) => ({ header: { msg_id } }) as Message;

test('a cell is known for good, a message to a comm while it is among the newest', () => {
  const origins = new Origins();
  const cell = origins.ofCell(request('cell'));
  const numbers = Array.from({ length: 300 }, (_, i) => origins.ofCommMessage(request(`${i}`)));
  expect(new Set([cell, ...numbers]).size).toBe(301);
  expect(origins.headerOf(cell)!.msg_id).toBe('cell');
  expect(origins.headerOf(numbers[299]!)!.msg_id).toBe('299');
  expect(origins.headerOf(numbers[200]!)!.msg_id).toBe('200');
  expect(origins.headerOf(numbers[0]!)!.msg_id, 'what is forgotten counts for the latest').toBe(
    '299',
  );
});

test('before the first request there is none', () => {
  expect(new Origins().headerOf(0)).toBeUndefined();
});
