import * as vscode from 'vscode';
import { Reports, Metrics } from './reports';
import { Server } from './server';
import { Snooze } from './snooze';

interface Entry extends vscode.QuickPickItem {
  readonly run: () => Thenable<unknown> | void;
}

const SNOOZES = [5, 15, 60, 240];

/** What the status bar item opens, and the commands of the same names. */
export class Menu {
  constructor(
    private readonly server: Server,
    private readonly snooze: Snooze,
    private readonly reports: Reports,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  register(): vscode.Disposable {
    const commands: Record<string, () => unknown> = {
      'spark.menu': () => this.open(),
      'spark.pickBackend': () => this.pickBackend(),
      'spark.snooze': () => this.pickSnooze(),
      'spark.wake': () => this.snooze.end(),
      'spark.toggle': () => this.toggle(),
      'spark.doctor': () => this.reports.doctor(),
      'spark.measurements': () => this.reports.measurements(),
      'spark.benchmark': () => this.reports.benchmark(),
      'spark.log': () => this.log.show(),
      'spark.restart': () => this.server.restart(),
      'spark.install': () => this.server.install(),
    };
    return vscode.Disposable.from(
      ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
    );
  }

  private async open(): Promise<void> {
    const { state } = this.server;
    const title = 'status' in state && state.status ? state.status.message : 'why' in state ? state.why : 'spark-lsp';
    await choose(title, state.name === 'running' ? [...this.whileRunning(), ...this.always()] : this.always());
  }

  private whileRunning(): Entry[] {
    const awake = this.snooze.until === undefined;
    return [
      entry('$(server)', 'Pick a backend', () => this.pickBackend(), 'or let the fastest answer'),
      awake
        ? entry('$(bell-slash)', 'Snooze', () => this.pickSnooze(), 'no suggestions for a while, in this window')
        : entry('$(bell)', 'End the snooze', () => this.snooze.end()),
      enabled()
        ? entry('$(circle-slash)', 'Switch off', () => this.toggle(), 'spark.inline.enabled')
        : entry('$(zap)', 'Switch on', () => this.toggle(), 'spark.inline.enabled'),
      entry('$(graph)', 'Measurements', () => this.reports.measurements(), 'of this session'),
    ];
  }

  private always(): Entry[] {
    const { state, command } = this.server;
    const missing = state.name === 'missing';
    return [
      ...(missing ? [entry('$(cloud-download)', 'Install the server', () => this.server.install())] : []),
      ...(command === undefined
        ? []
        : [
            entry('$(pulse)', 'Doctor', () => this.reports.doctor(), 'checks every backend and says what to do'),
            entry('$(dashboard)', 'Benchmark', () => this.reports.benchmark(), 'nine minutes; a report with pictures'),
          ]),
      entry('$(output)', 'Open the log', () => this.log.show()),
      entry('$(debug-restart)', 'Start the server again', () => this.server.restart()),
      entry('$(gear)', 'Settings', () => vscode.commands.executeCommand('workbench.action.openSettings', 'spark.')),
    ];
  }

  private async pickBackend(): Promise<void> {
    const metrics = await this.server.request<Metrics>('spark/metrics');
    if (metrics === undefined) {
      return;
    }
    const fastest = entry('$(zap)', 'The fastest', () => prefer(undefined), 'measured all the time');
    const named = Object.entries(metrics.backends).map(([name, { state, ttft_ms, tokens_per_s }]) => {
      const speed = ttft_ms > 0 ? `, ${Math.round(ttft_ms)} ms, ${Math.round(tokens_per_s)} tokens/s` : '';
      return entry('$(server)', name, () => prefer(name), `${state}${speed}`);
    });
    await choose('Which backend answers while you type', [fastest, ...named]);
  }

  private async pickSnooze(): Promise<void> {
    const entries = SNOOZES.map((minutes) =>
      entry('$(bell-slash)', minutes < 60 ? `${minutes} minutes` : `${minutes / 60} h`, () => this.snooze.start(minutes)),
    );
    await choose('No suggestions for', entries);
  }

  private async toggle(): Promise<void> {
    await vscode.workspace
      .getConfiguration('spark.inline')
      .update('enabled', !enabled(), vscode.ConfigurationTarget.Global);
  }
}

function enabled(): boolean {
  return vscode.workspace.getConfiguration('spark.inline').get('enabled', true);
}

/** The one that answers while one types; undefined leaves it to the router. */
async function prefer(name: string | undefined): Promise<void> {
  const routing = vscode.workspace.getConfiguration('spark.routing');
  const { instant: _, ...others } = routing.inspect<Record<string, string[]>>('lanes')?.globalValue ?? {};
  const lanes = name === undefined ? others : { ...others, instant: [name] };
  const value = Object.keys(lanes).length === 0 ? undefined : lanes;
  await routing.update('lanes', value, vscode.ConfigurationTarget.Global);
}

function entry(icon: string, label: string, run: Entry['run'], description = ''): Entry {
  return { label: `${icon} ${label}`, description, run };
}

async function choose(title: string, entries: readonly Entry[]): Promise<void> {
  const chosen = await vscode.window.showQuickPick(entries, { placeHolder: title });
  await chosen?.run();
}
