import { type Comm, type Comms, liveComms } from '../kernel';

/** The attributes of a widget as the front end has them. */
export type State = Record<string, unknown>;

/** An object that the kernel and the front end share. */
export interface Model {
  /** How other models refer to it. */
  readonly reference: string;
  /** What shows it as an output. */
  readonly view: { model_id: string; version_major: 2; version_minor: 0 };
  /** Changes attributes in the front end. */
  set(changes: State): void;
  /** Hears what the front end changes. */
  onChange(listener: (changes: State) => void): void;
  /** Hears messages of the front end's own kinds. */
  onMessage(listener: (content: State) => void): void;
  send(content: State, buffers?: readonly Uint8Array[]): void;
}

const PROTOCOL = '2.1.0';
const TARGET = 'jupyter.widget';
const CONTROL_TARGET = 'jupyter.widget.control';

/** The states of all models that are open, for pages that are loaded again. */
const states = new Map<string, State>();
let restoring: Comms | undefined;

/**
 * Opens a model in the front end.
 *
 * @see jupyter-widgets, [Messaging
 *   protocol](https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md),
 *   version 2.1.0.
 *
 * @throws Error where no front end is attended
 */
export function openModel(state: State): Model {
  const comms = liveComms();
  if (!comms) throw new Error('Widgets need a notebook with a person before it.');
  restoreOnRequest(comms);
  const metadata = { version: PROTOCOL };
  const comm = comms.open(TARGET, { state, buffer_paths: [] }, { metadata });
  return connected(comm, { ...state });
}

function connected(comm: Comm, state: State): Model {
  const changed: ((changes: State) => void)[] = [];
  const heard: ((content: State) => void)[] = [];
  const post = (method: string, changes: State) =>
    comm.send({ method, state: changes, buffer_paths: [] });
  states.set(comm.id, state);
  comm.onClose(() => states.delete(comm.id));
  comm.onMessage(({ data }) => {
    if (data.method === 'update') {
      const changes = data.state as State;
      Object.assign(state, changes);
      // Lets other views of the same model, in other pages too, follow.
      post('echo_update', changes);
      for (const listener of changed) listener(changes);
    } else if (data.method === 'request_state') {
      post('update', state);
    } else if (data.method === 'custom') {
      for (const listener of heard) listener(data.content as State);
    }
  });
  return {
    reference: `IPY_MODEL_${comm.id}`,
    view: { model_id: comm.id, version_major: 2, version_minor: 0 },
    set(changes) {
      Object.assign(state, changes);
      post('update', changes);
    },
    onChange: (listener) => void changed.push(listener),
    onMessage: (listener) => void heard.push(listener),
    send: (content, buffers = []) => comm.send({ method: 'custom', content }, { buffers }),
  };
}

/** A page that is loaded while the kernel runs requests all models at once. */
function restoreOnRequest(comms: Comms): void {
  if (restoring === comms) return;
  restoring = comms;
  comms.register(CONTROL_TARGET, (comm) => {
    comm.onMessage(({ data }) => {
      if (data.method !== 'request_states') return;
      const all = [...states].map(([id, state]) => [id, described(state)]);
      comm.send({ method: 'update_states', states: Object.fromEntries(all), buffer_paths: [] });
    });
  });
}

function described(state: State) {
  return {
    model_name: state._model_name,
    model_module: state._model_module,
    model_module_version: state._model_module_version,
    state,
  };
}
