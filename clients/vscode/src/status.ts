import * as vscode from 'vscode';
import { SparkStatus, State } from './server';

const WARNING = new vscode.ThemeColor('statusBarItem.warningBackground');
const ERROR = new vscode.ThemeColor('statusBarItem.errorBackground');

interface Face {
  readonly icon: string;
  readonly text: string;
  readonly tooltip: string;
  readonly background?: vscode.ThemeColor;
}

/** Who answers and how fast, in the status bar; a click opens the menu. */
export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('spark.status', vscode.StatusBarAlignment.Right, 100);

  constructor() {
    this.item.name = 'spark-lsp';
    this.item.command = 'spark.menu';
    this.item.show();
  }

  show(state: State, snoozedUntil: Date | undefined): void {
    const { icon, text, tooltip, background } = face(state, snoozedUntil);
    this.item.text = `$(${icon}) ${text}`;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = background;
    this.item.accessibilityInformation = { label: `spark-lsp: ${tooltip}`, role: 'button' };
  }

  dispose(): void {
    this.item.dispose();
  }
}

function face(state: State, snoozedUntil: Date | undefined): Face {
  switch (state.name) {
    case 'stopped':
      return { icon: 'circle-slash', text: 'spark: stopped', tooltip: 'The server does not run.' };
    case 'starting':
      return { icon: 'loading~spin', text: 'spark', tooltip: 'The server starts.' };
    case 'resting':
      return { icon: 'warning', text: 'spark: starts again', tooltip: `The server ended: ${state.why}`, background: WARNING };
    case 'missing':
      return { icon: 'warning', text: 'spark: no server', tooltip: state.why, background: WARNING };
    case 'failed':
      return { icon: 'error', text: 'spark: failed', tooltip: `The server ended five times: ${state.why}`, background: ERROR };
    case 'running':
      return snoozedUntil === undefined ? running(state.status) : snoozed(snoozedUntil);
  }
}

function snoozed(until: Date): Face {
  const time = until.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return { icon: 'bell-slash', text: `spark: until ${time}`, tooltip: `No suggestions until ${time}.` };
}

function running(status: SparkStatus | undefined): Face {
  if (status === undefined) {
    return { icon: 'zap', text: 'spark', tooltip: 'The server runs.' };
  }
  const tooltip = status.message;
  switch (status.kind) {
    case 'Normal':
      return { icon: 'zap', text: brief(status.message), tooltip };
    case 'Inactive':
      return { icon: 'circle-slash', text: 'spark: off', tooltip };
    case 'Warning':
      return { icon: 'warning', text: brief(status.message.split('; ').at(-1) ?? ''), tooltip, background: WARNING };
    case 'Error':
      return { icon: 'error', text: 'spark: error', tooltip, background: ERROR };
  }
}

/** `swift: first token 110 ms, 870 tokens/s; the fastest; ...` is `swift 110 ms, 870 tokens/s`. */
function brief(message: string): string {
  const speed = /^(.+?): first token (.+? tokens\/s)(;|$)/.exec(message);
  if (speed !== null) {
    return `${speed[1]} ${speed[2]}`;
  }
  const name = message.split(': ', 1)[0] ?? message;
  return name.length <= 30 ? name : 'spark';
}
