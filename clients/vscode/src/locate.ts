import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { Environment } from './environment';

/** How to start the server: the words of a command, and where it was found, for people. */
export interface Command {
  readonly words: readonly [string, ...string[]];
  readonly origin: string;
}

/** Nothing to start. The message says what to do; `installable` when a server of our own would help. */
export class NotFound extends Error {
  constructor(
    message: string,
    readonly installable: boolean,
  ) {
    super(message);
  }
}

const WINDOWS = process.platform === 'win32';
const PROGRAM = WINDOWS ? 'spark-lsp.exe' : 'spark-lsp';

/**
 * The user's setting, then the PATH, then the workspace's environment, then ours. Throws NotFound.
 *
 * What lies in the workspace is run only when the workspace is trusted.
 */
export async function locate(own: Environment): Promise<Command> {
  const named = await fromSetting();
  if (named !== undefined) {
    return named;
  }
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    // An empty or relative entry means the current folder, which may be anybody's.
    if (isAbsolute(folder) && (await runs(join(folder, PROGRAM)))) {
      return { words: [join(folder, PROGRAM)], origin: 'on the PATH' };
    }
  }
  if (vscode.workspace.isTrusted) {
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      const program = join(folder.uri.fsPath, '.venv', WINDOWS ? 'Scripts' : 'bin', PROGRAM);
      if (folder.uri.scheme === 'file' && (await runs(program))) {
        return { words: [program], origin: "in the workspace's .venv" };
      }
    }
  }
  if (await runs(own.program)) {
    return { words: [own.program], origin: 'installed by this extension' };
  }
  throw new NotFound('The spark-lsp server is not installed: there is no `spark-lsp` on the PATH.', true);
}

async function fromSetting(): Promise<Command | undefined> {
  const value: unknown = vscode.workspace.getConfiguration('spark.server').get('command');
  if (!Array.isArray(value) || !value.every((word) => typeof word === 'string')) {
    throw new NotFound('`spark.server.command` has to be a list of texts, such as ["/opt/spark/bin/spark-lsp"].', false);
  }
  const [program, ...rest] = value;
  if (program === undefined) {
    return undefined;
  }
  if (isAbsolute(program) && !(await runs(program))) {
    throw new NotFound(`\`spark.server.command\` names ${program}, and there is no such program.`, false);
  }
  return { words: [program, ...rest], origin: 'spark.server.command' };
}

async function runs(program: string): Promise<boolean> {
  try {
    await access(program, constants.X_OK);
    return (await stat(program)).isFile();
  } catch {
    return false;
  }
}
