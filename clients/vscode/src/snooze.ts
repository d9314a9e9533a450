import * as vscode from 'vscode';

/** A pause in suggestions, for this window. */
export class Snooze implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private timer: NodeJS.Timeout | undefined;

  readonly onDidChange = this.changed.event;

  /** When it ends, undefined while there is none. */
  until: Date | undefined;

  start(minutes: number): void {
    this.set(new Date(Date.now() + minutes * 60_000));
    this.timer = setTimeout(() => this.end(), minutes * 60_000);
    // What is on the screen was asked for before.
    void vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
  }

  end(): void {
    this.set(undefined);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  private set(until: Date | undefined): void {
    clearTimeout(this.timer);
    this.until = until;
    this.changed.fire();
  }
}
