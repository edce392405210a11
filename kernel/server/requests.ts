import { type Json, type Message, PROTOCOL_VERSION } from '../protocol';
import type { Evaluator } from './evaluator';
import type { History } from './history';
import type { Home } from './home';

/** What the answers are drawn from. */
export interface Sources {
  evaluator: Evaluator;
  history: History;
  home: Home;
}

type Answer = (request: Message, sources: Sources) => Json | Promise<Json>;

/** The requests that only ask; each gives the content of its reply. */
export const answers: Record<string, Answer> = {
  kernel_info_request: (_request, { home }) => kernelInfo(home),

  async complete_request({ content }, { evaluator }) {
    const [code, cursor] = codeAndCursor(content);
    const found = await evaluator.compiler.call('complete', code, cursor);
    const [start, end] = [codePoints(code, found.start), codePoints(code, found.end)];
    const { matches, kinds, signature } = found;
    // JupyterLab shows by it what each match is.
    const types = matches.map((text, i) => ({ text, type: kinds[i], start, end }));
    return {
      matches,
      cursor_start: start,
      cursor_end: end,
      metadata: {
        _jupyter_types_experimental: types,
        ...(signature === undefined ? {} : { signature }),
      },
    };
  },

  async inspect_request({ content }, { evaluator }) {
    const text = await evaluator.compiler.call('inspect', ...codeAndCursor(content));
    const found = text !== undefined;
    return { found, data: found ? { 'text/plain': text } : {}, metadata: {} };
  },

  async is_complete_request({ content }, { evaluator }) {
    return { ...(await evaluator.compiler.call('completeness', String(content.code ?? ''))) };
  },

  history_request: ({ content }, { history }) => ({ history: history.answer(content) }),

  comm_info_request: ({ content }, { evaluator }) => evaluator.comms.info(content.target_name),

  interrupt_request(_request, { evaluator }) {
    evaluator.interrupt();
    return {};
  },
};

function kernelInfo({ about, startDebugger }: Home): Json {
  const { version, typescript, host } = about;
  const canDebug = startDebugger !== undefined;
  return {
    protocol_version: PROTOCOL_VERSION,
    implementation: 'implicit-kernel',
    implementation_version: version,
    debugger: canDebug,
    supported_features: canDebug ? ['debugger'] : [],
    banner: `TypeScript ${typescript} on ${host}`,
    help_links: [
      { text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' },
    ],
    language_info: {
      name: 'typescript',
      version: typescript,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      codemirror_mode: 'typescript',
      nbconvert_exporter: 'script',
    },
  };
}

/** The protocol counts cursor positions in code points, JavaScript in UTF-16 units. */
function codeAndCursor(content: Json): [string, number] {
  const code = String(content.code ?? '');
  const points = typeof content.cursor_pos === 'number' ? content.cursor_pos : code.length;
  return [code, [...code].slice(0, points).join('').length];
}

function codePoints(code: string, units: number): number {
  return [...code.slice(0, units)].length;
}
