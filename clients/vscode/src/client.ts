import { ChildProcess, spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { CloseAction, ErrorAction, LanguageClient, LanguageClientOptions } from 'vscode-languageclient/node';
import { Command } from './locate';
import { SECTION, Settings } from './settings';
import { Snooze } from './snooze';

const LINES_KEPT = 20;
const PATIENCE = 30_000;
const PATIENCE_AT_END = 2_000;
const LAST_WORDS = 1_000;

/** How a process ended: what it lived, in ms, and why it ended, as far as can be told. */
export interface End {
  readonly lived: number;
  readonly why: string;
}

/** One process of the server and the connection to it. It is started once; after its end there is a new one. */
export class Client {
  private readonly language: Quiet;
  private readonly last: string[] = [];
  private process: ChildProcess | undefined;
  private started = 0;
  private resolve: (end: End) => void = () => undefined;

  /** Resolves when the process is no more. */
  readonly ended = new Promise<End>((resolve) => {
    this.resolve = resolve;
  });

  constructor(
    private readonly command: Command,
    private readonly log: vscode.LogOutputChannel,
    settings: Settings,
    snooze: Snooze,
  ) {
    const options: LanguageClientOptions = {
      // Also notebook cells and what is not saved yet; not the left side of a diff, nor what another extension shows.
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }],
      initializationOptions: () => ({ [SECTION]: settings.begin() }),
      outputChannel: log,
      stdioOptions: { stdout: () => undefined, stderr: () => undefined },
      // Starting again is our own affair: theirs does it at once.
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
      initializationFailedHandler: () => false,
      middleware: {
        provideInlineCompletionItems: (document, position, context, token, next) =>
          snooze.until === undefined ? next(document, position, context, token) : undefined,
        workspace: {
          configuration: (params, token, next) =>
            params.items.length === 1 && params.items[0]?.section === SECTION
              ? [settings.later()]
              : next(params, token),
        },
      },
    };
    this.language = new Quiet(SECTION, 'spark-lsp', () => this.spawn(), options);
  }

  /** Resolves when the server has answered `initialize`, rejects when it ends before or takes too long. */
  async start(): Promise<void> {
    const late = rejectAfter(PATIENCE, 'it did not answer `initialize`');
    try {
      const over = this.ended.then(({ why }) => Promise.reject(new Error(why)));
      await Promise.race([this.language.start(), over, late.promise]);
    } catch (error) {
      // A broken pipe is often heard of before the end that broke it, and that says why.
      const end = await Promise.race([this.ended, sleep(LAST_WORDS, undefined)]);
      throw end === undefined ? error : new Error(end.why);
    } finally {
      clearTimeout(late.timer);
    }
    this.log.info(`the server answered ${Math.round(performance.now() - this.started)} ms after its start`);
  }

  request<Result>(method: string): Promise<Result> {
    return this.language.sendRequest<Result>(method, {});
  }

  on<Params>(method: string, run: (params: Params) => void): void {
    this.language.onNotification(method, run);
  }

  /** Ends the process, in good order where it listens, and resolves when it has ended. */
  async stop(): Promise<void> {
    try {
      await this.language.dispose();
    } catch (error) {
      this.log.debug(`the server was not asked to stop: ${error}`);
    }
    const process = this.process;
    if (process?.pid !== undefined) {
      process.stdin?.end();
      const timer = setTimeout(() => process.kill('SIGKILL'), PATIENCE_AT_END);
      await this.ended;
      clearTimeout(timer);
    }
  }

  private async spawn(): Promise<ChildProcess> {
    const [program, ...words] = this.command.words;
    const level = vscode.workspace.getConfiguration('spark.server').get<string>('logLevel', 'warning');
    const all = [...words, '--stdio', '--log-level', level];
    this.log.info(`starting ${[program, ...all].join(' ')} (${this.command.origin})`);
    this.started = performance.now();
    // Never in the workspace: Python and Windows look for programs and modules in the current folder.
    const child = spawn(program, all, { cwd: homedir(), windowsHide: true });
    this.process = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.note(line));
    // After `exit` its last words may still be in the pipe.
    child.once('close', (code, signal) => this.end(signal ?? `status ${code}`));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  }

  private note(line: string): void {
    this.log.info(line);
    this.last.push(line);
    this.last.splice(0, this.last.length - LINES_KEPT);
  }

  private end(how: string): void {
    const words = this.last.at(-1);
    const why = words === undefined ? how : `${how}: ${words}`;
    this.log.info(`the server ended: ${why}`);
    this.resolve({ lived: performance.now() - this.started, why });
  }
}

function rejectAfter(ms: number, why: string): { promise: Promise<never>; timer: NodeJS.Timeout | undefined } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why)), ms);
  });
  return { promise, timer };
}

/** Says nothing to the user by itself: a server that dies would be two messages for each time, and ours. */
class Quiet extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}
