import * as vscode from 'vscode';
import { Environment } from './environment';
import { Menu } from './menu';
import { Reports } from './reports';
import { Server } from './server';
import { SECTION, Settings } from './settings';
import { Snooze } from './snooze';
import { StatusItem } from './status';

let end: (() => Promise<void>) | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const began = performance.now();
  const log = vscode.window.createOutputChannel('spark-lsp', { log: true });
  const settings = Settings.of(context.extension);
  const snooze = new Snooze();
  const status = new StatusItem();
  const running = new Server(Environment.of(context), settings, snooze, log);
  end = async () => {
    await running.stop();
    // Not with the subscriptions: VS Code disposes of them while this waits, and what the server says last throws then.
    log.dispose();
  };
  const show = (): void => status.show(running.state, snooze.until);
  const reports = new Reports(running, settings, context.globalStorageUri.fsPath);
  context.subscriptions.push(
    snooze,
    status,
    running,
    running.onDidChange(show),
    snooze.onDidChange(show),
    new Menu(running, snooze, reports, log).register(),
    vscode.workspace.onDidGrantWorkspaceTrust(() => running.start()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('spark.server') || (event.affectsConfiguration(SECTION) && settings.outdated)) {
        void running.restart();
      }
    }),
  );
  show();
  log.info(`activated in ${Math.round(performance.now() - began)} ms`);
  // Not waited for: a server that is slow to start would count as an extension that is slow to start.
  void running.start();
}

export async function deactivate(): Promise<void> {
  await end?.();
}
