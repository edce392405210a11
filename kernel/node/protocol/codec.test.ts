import { describe, expect, test } from 'vitest';
import type { Header } from '../../protocol';
import { Codec } from './codec';

const codec = new Codec('secret', 'hmac-sha256');
const parent: Header = { msg_id: 'p', session: 's', msg_type: 'execute_request' };

function frames(content: Record<string, unknown> = { a: 'ü' }): Buffer[] {
  const encoded = codec.encode(['client'], 'status', parent, content, {
    buffers: [Buffer.from([1, 2])],
  });
  return encoded.map((frame) => Buffer.from(frame));
}

describe('Codec', () => {
  test('reads what it has written', () => {
    const message = codec.decode(frames());
    expect(message.header.msg_type).toBe('status');
    expect(message.identities.map(String)).toEqual(['client']);
    expect(message.content).toEqual({ a: 'ü' });
    expect(message.parent).toEqual(parent);
    expect(message.buffers).toEqual([Buffer.from([1, 2])]);
  });

  test('replaces halves of surrogate pairs in texts, keys and lists, and nothing else', () => {
    const { content } = codec.decode(
      frames({
        text: 'so happy 😀😀'.slice(0, 10),
        '\ude00 key': [['\ude00\ud83d'], { deep: 'x\udfff\\' }],
        whole: '😀 \\ud83d \\\\ud83d \n "\\',
      }),
    );
    expect(content).toEqual({
      text: 'so happy \ufffd',
      '\ufffd key': [['\ufffd\ufffd'], { deep: 'x\ufffd\\' }],
      whole: '😀 \\ud83d \\\\ud83d \n "\\',
    });
  });

  test('refuses a message whose content was changed', () => {
    const changed = frames();
    changed[6] = Buffer.from('{"a":"b"}');
    expect(() => codec.decode(changed)).toThrow('signature');
  });

  test('refuses a message that another key has signed', () => {
    expect(() => new Codec('other', 'hmac-sha256').decode(frames())).toThrow('signature');
  });

  test('refuses what is cut short, at every length', () => {
    const whole = frames().slice(0, 7);
    for (let length = 0; length < whole.length; length++) {
      expect(() => codec.decode(whole.slice(0, length))).toThrow();
    }
  });

  test('refuses signed frames that are not objects or lack a header', () => {
    const unsigned = new Codec('', 'hmac-sha256');
    const message = (header: string): Buffer[] =>
      ['<IDS|MSG>', '', header, '{}', '{}', '{}'].map((text) => Buffer.from(text));
    expect(() => unsigned.decode(message('[]'))).toThrow('JSON object');
    expect(() => unsigned.decode(message('{"msg_id":1}'))).toThrow('header');
    expect(() => unsigned.decode(message('{'))).toThrow();
  });
});
