import * as vscode from 'vscode';
import { Backoff } from './backoff';
import { Client, End } from './client';
import { Environment } from './environment';
import { locate, NotFound } from './locate';
import { Settings } from './settings';
import { Snooze } from './snooze';

/** `spark/status`: who would be asked now. */
export interface SparkStatus {
  readonly kind: 'Normal' | 'Warning' | 'Inactive' | 'Error';
  readonly message: string;
}

export type State =
  | { readonly name: 'stopped' }
  | { readonly name: 'starting' }
  | { readonly name: 'running'; readonly status: SparkStatus | undefined }
  | { readonly name: 'resting'; readonly why: string }
  | { readonly name: 'missing'; readonly why: string }
  | { readonly name: 'failed'; readonly why: string };

const INSTALL = 'Install the server';
const SETTINGS = 'Open settings';
const LOG = 'Show the log';
const RESTART = 'Start again';

/** Finds the server, keeps it running, and says so when that cannot be done. */
export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<State>();
  private readonly backoff = new Backoff();
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** One after the other: two starts at once would be two servers. */
  private queue: Promise<void> = Promise.resolve();

  readonly onDidChange = this.changed.event;
  state: State = { name: 'stopped' };
  /** What the server is started with, once it has been found. */
  command: readonly [string, ...string[]] | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly settings: Settings,
    private readonly snooze: Snooze,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Resolves when it runs, or when it is known why not. Never throws. */
  start(): Promise<void> {
    return this.next(async () => {
      if (this.client === undefined) {
        await this.launch();
      }
    });
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  restart(): Promise<void> {
    this.backoff.forget();
    return this.next(async () => {
      await this.end();
      await this.launch();
    });
  }

  /** With consent only: it makes a Python environment and downloads packages. */
  async install(): Promise<void> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: 'Installing the spark-lsp server',
      cancellable: true,
    };
    try {
      await vscode.window.withProgress(options, (_, token) => this.environment.install(this.log, token));
    } catch (error) {
      this.log.error(error instanceof Error ? error : String(error));
      await this.tell(messageOf(error), LOG);
      return;
    }
    await this.restart();
  }

  /** An answer of the server's own methods, undefined while it does not run. */
  async request<Result>(method: string): Promise<Result | undefined> {
    return this.state.name === 'running' ? this.client?.request<Result>(method) : undefined;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  private next(step: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(step);
    return this.queue;
  }

  private async launch(): Promise<void> {
    clearTimeout(this.timer);
    this.set({ name: 'starting' });
    try {
      const command = await locate(this.environment);
      this.command = command.words;
      this.client = new Client(command, this.log, this.settings, this.snooze);
    } catch (error) {
      this.missing(error);
      return;
    }
    const client = this.client;
    client.on<SparkStatus>('spark/status', (status) => this.set({ name: 'running', status }));
    try {
      await client.start();
    } catch (error) {
      await this.notStarted(client, error);
      return;
    }
    void client.ended.then((end) => this.next(() => this.died(client, end)));
    if (this.state.name === 'starting') {
      this.set({ name: 'running', status: undefined });
    }
  }

  private async notStarted(client: Client, error: unknown): Promise<void> {
    const why = messageOf(error);
    await client.stop();
    if (isMissing(error)) {
      this.client = undefined;
      this.missing(new NotFound(`\`spark.server.command\` cannot be started: ${why}`, false));
    } else {
      await this.died(client, { lived: 0, why });
    }
  }

  private async end(): Promise<void> {
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    await client?.stop();
    this.set({ name: 'stopped' });
  }

  private async died(client: Client, { lived, why }: End): Promise<void> {
    if (client !== this.client) {
      return; // it was told to
    }
    this.client = undefined;
    await client.stop();
    const wait = this.backoff.died(lived);
    if (wait === undefined) {
      this.set({ name: 'failed', why });
      const message = `The spark-lsp server ended five times at its start and is not started again. The last time: ${why}`;
      void this.tell(message, RESTART, LOG);
    } else {
      this.set({ name: 'resting', why });
      this.timer = setTimeout(() => void this.start(), wait);
    }
  }

  private missing(error: unknown): void {
    const why = messageOf(error);
    this.log.warn(why);
    this.set({ name: 'missing', why });
    const installable = error instanceof NotFound && error.installable;
    void this.tell(why, ...(installable ? [INSTALL, SETTINGS] : [SETTINGS]));
  }

  private async tell(message: string, ...buttons: string[]): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(message, ...buttons);
    if (chosen === INSTALL) {
      await this.install();
    } else if (chosen === RESTART) {
      await this.restart();
    } else if (chosen === SETTINGS) {
      await vscode.commands.executeCommand('workbench.action.openSettings', 'spark.server');
    } else if (chosen === LOG) {
      this.log.show();
    }
  }

  private set(state: State): void {
    this.state = state;
    this.changed.fire(state);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
