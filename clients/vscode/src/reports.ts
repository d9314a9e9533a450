import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { Server } from './server';
import { Settings } from './settings';

/** Of `spark/metrics`, what is read here. */
export interface Metrics {
  readonly backends: Readonly<Record<string, { state: string; ttft_ms: number; tokens_per_s: number }>>;
}

/** What the server says of itself at length: measurements of this session, the doctor, a benchmark. */
export class Reports {
  constructor(
    private readonly server: Server,
    private readonly settings: Settings,
    private readonly storage: string,
  ) {}

  async measurements(): Promise<void> {
    const metrics = await this.server.request<Metrics>('spark/metrics');
    if (metrics === undefined) {
      void vscode.window.showWarningMessage('The spark-lsp server does not run.');
      return;
    }
    const content = JSON.stringify(metrics, undefined, 2);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: 'json', content }));
  }

  /** In a terminal: it asks before it spends money. */
  async doctor(): Promise<void> {
    await this.run('doctor', ['doctor', '--explain']);
  }

  async benchmark(): Promise<void> {
    const report = join(this.storage, 'benchmark.svg');
    const task = await this.run('benchmark', ['bench', 'typing', '--report', report]);
    const ended = vscode.tasks.onDidEndTaskProcess(async ({ execution, exitCode }) => {
      if (execution !== task) {
        return;
      }
      ended.dispose();
      if (exitCode === 0) {
        await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(report));
      }
    });
  }

  private async run(name: string, words: readonly string[]): Promise<vscode.TaskExecution | undefined> {
    if (this.server.command === undefined) {
      void vscode.window.showWarningMessage('The spark-lsp server has not been found.');
      return undefined;
    }
    const [program, ...given] = this.server.command;
    const run = new vscode.ProcessExecution(program, [...given, ...words, ...(await this.configuration(name))], {
      cwd: this.storage,
    });
    const task = new vscode.Task({ type: 'spark-lsp', name }, vscode.TaskScope.Global, name, 'spark-lsp', run);
    task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
    return vscode.tasks.executeTask(task);
  }

  /** The editor's settings as a file, so that a command goes by the same ones as the server. */
  private async configuration(name: string): Promise<string[]> {
    await mkdir(this.storage, { recursive: true });
    if (name !== 'doctor') {
      return []; // a benchmark has servers of its own
    }
    const file = join(this.storage, 'settings.json');
    await writeFile(file, JSON.stringify(this.settings.all()));
    return ['--config', file];
  }
}
