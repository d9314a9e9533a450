import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';

const run = promisify(execFile);
const WINDOWS = process.platform === 'win32';
const PYTHONS = WINDOWS ? ['py', 'python'] : ['python3', 'python3.13', 'python3.12', 'python3.11', 'python'];
const VERSION = 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))';

/**
 * A Python environment of our own, made when the user says so, from the wheel that comes with this extension.
 *
 * It is named after that wheel, so that a newer extension finds none and asks again. Deleting the extension's
 * storage deletes it.
 */
export class Environment {
  private constructor(
    private readonly wheel: string,
    private readonly storage: string,
    private readonly folder: string,
  ) {}

  /** Not waited for, as it is a part of every start of the editor: one small folder is read. */
  static of(context: vscode.ExtensionContext): Environment {
    const server = context.asAbsolutePath('server');
    const wheel = (existsSync(server) ? readdirSync(server) : []).find((name) => name.endsWith('.whl')) ?? '';
    const storage = context.globalStorageUri.fsPath;
    return new Environment(join(server, wheel), storage, join(storage, parse(wheel).name));
  }

  get program(): string {
    return this.inside('spark-lsp');
  }

  /** Takes a quarter of a minute or so, and downloads what the server depends on. Throws an Error for people. */
  async install(log: vscode.LogOutputChannel, token: vscode.CancellationToken): Promise<void> {
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort());
    const step = async (command: string, ...words: string[]): Promise<void> => {
      log.info([command, ...words].join(' '));
      const { stdout, stderr } = await run(command, words, { cwd: this.storage, signal: abort.signal });
      log.info(stdout + stderr);
    };
    await vscode.workspace.fs.createDirectory(vscode.Uri.file(this.storage));
    const python = await this.python();
    try {
      await step(python, '-m', 'venv', '--clear', this.folder);
      await step(this.inside('python'), '-m', 'pip', 'install', '--disable-pip-version-check', this.wheel);
    } catch (error) {
      await rm(this.folder, { recursive: true, force: true });
      throw new Error(`The server could not be installed: ${reason(error)}`);
    }
    await this.removeOlder();
  }

  private inside(program: string): string {
    return join(this.folder, WINDOWS ? 'Scripts' : 'bin', WINDOWS ? `${program}.exe` : program);
  }

  private async python(): Promise<string> {
    let seen = 'none was found';
    for (const name of PYTHONS) {
      try {
        await run(name, ['-c', VERSION], { cwd: this.storage });
        return name;
      } catch (error) {
        const version = stdoutOf(error);
        seen = version === '' ? seen : `${name} is ${version}`;
      }
    }
    throw new Error(`The server needs Python 3.11 or later, and ${seen}. Install one, then try again.`);
  }

  private async removeOlder(): Promise<void> {
    const current = parse(this.folder).base;
    for (const name of await readdir(this.storage)) {
      if (name.startsWith('spark_lsp-') && name !== current) {
        await rm(join(this.storage, name), { recursive: true, force: true });
      }
    }
  }
}

function stdoutOf(error: unknown): string {
  return error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : '';
}

/** The last thing that a failed program said, else the error itself. */
function reason(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n') : [];
  return said.at(-1) || String(error);
}
